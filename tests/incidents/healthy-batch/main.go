// SPDX-License-Identifier: Apache-2.0

// Healthy-batch had a large batch at its start; the heap is idle now and goes back to the kernel.
package main

import (
	"runtime"

	"example.com/incidents/internal/lab"
)

func main() {
	batch()
	runtime.GC()
	lab.Run(100, func(int) { small() })
}

//go:noinline
func batch() int {
	var rows [][]byte
	for i := 0; i < 2000; i++ {
		row := make([]byte, 64<<10)
		for j := 0; j < len(row); j += 4096 {
			row[j] = 1
		}
		rows = append(rows, row)
	}
	return len(rows)
}

var sink []byte

//go:noinline
func small() { sink = make([]byte, 1024) }
