// SPDX-License-Identifier: Apache-2.0

// Limit-too-small needs what it always needs; its container has not quite as much.
package main

import "example.com/incidents/internal/lab"

var buffers [][]byte

func main() {
	lab.Fill(104)
	lab.Run(20, func(i int) {
		if i < 200 {
			answer(96 << 10)
		}
	})
}

//go:noinline
func answer(size int) {
	buffer := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		buffer[i] = 1
	}
	buffers = append(buffers, buffer)
}
