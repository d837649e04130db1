// SPDX-License-Identifier: Apache-2.0

// Healthy-cache-full has a cache that is full: what comes in pushes something out.
package main

import (
	"example.com/incidents/internal/lab"
)

const room = 20000

var (
	cache = map[int][]byte{}
	next  int
)

func main() {
	for i := 0; i < room; i++ {
		put()
	}
	lab.Run(5000, func(int) { put() })
}

func put() {
	cache[next] = make([]byte, 1024)
	delete(cache, next-room)
	next++
}
