// SPDX-License-Identifier: Apache-2.0

// Healthy-bursts takes 30 MiB each second for a moment, and lets it go.
package main

import (
	"time"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(30)
	for i := 0; i < 3; i++ {
		burst()
	}
	lab.Run(1, func(int) { burst() })
}

//go:noinline
func burst() int {
	var rows [][]byte
	for i := 0; i < 480; i++ {
		row := make([]byte, 64<<10)
		row[100] = 1
		rows = append(rows, row)
	}
	time.Sleep(50 * time.Millisecond)
	return len(rows)
}
