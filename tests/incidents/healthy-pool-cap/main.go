// SPDX-License-Identifier: Apache-2.0

// Healthy-pool-cap has a pool of buffers at its cap.
package main

import (
	"example.com/incidents/internal/lab"
)

var free = make(chan []byte, 64)

func main() {
	for i := 0; i < cap(free); i++ {
		free <- fresh()
	}
	lab.Run(2000, func(int) { free <- <-free })
}

//go:noinline
func fresh() []byte {
	buffer := make([]byte, 1<<20)
	for i := 0; i < len(buffer); i += 4096 {
		buffer[i] = 1
	}
	return buffer
}
