// SPDX-License-Identifier: Apache-2.0

// Fragmentation makes many small objects and keeps one of a hundred, so that every span stays.
package main

import (
	"runtime"

	"example.com/incidents/internal/lab"
)

type node struct{ data [120]byte }

var kept []*node

func main() {
	var all []*node
	for i := 0; i < 1000000; i++ {
		all = append(all, new(node))
	}
	for i := 0; i < len(all); i += 50 {
		kept = append(kept, all[i])
	}
	all = nil
	runtime.GC()
	runtime.GC()
	lab.Run(10, func(int) {})
}
