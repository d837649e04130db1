// SPDX-License-Identifier: Apache-2.0

// Mapped-memory has an allocator of its own, outside of Go's heap, and never unmaps.
package main

import (
	"syscall"

	"example.com/incidents/internal/lab"
)

var blocks [][]byte

func main() {
	lab.Fill(10)
	lab.Run(10, func(int) {
		block, err := syscall.Mmap(-1, 0, 2<<20, syscall.PROT_READ|syscall.PROT_WRITE,
			syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			panic(err)
		}
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		blocks = append(blocks, block)
	})
}
