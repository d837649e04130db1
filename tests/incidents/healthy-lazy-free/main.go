// SPDX-License-Identifier: Apache-2.0

// Healthy-lazy-free had a large batch, and gave its memory back as Go 1.12 to 1.15 do, and later ones
// with madvdontneed=0: the kernel takes it when it wants to, and until then it looks as if it were in
// use.
package main

import (
	"runtime/debug"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(10)
	batch(2500)
	debug.FreeOSMemory()
	lab.Run(10, func(int) { batch(2) })
}

//go:noinline
func batch(n int) (sum int) {
	var rows [][]byte
	for i := 0; i < n; i++ {
		row := make([]byte, 64<<10)
		for j := range row {
			row[j] = byte(i)
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		sum += len(row)
	}
	return sum
}
