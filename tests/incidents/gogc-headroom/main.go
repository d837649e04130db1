// SPDX-License-Identifier: Apache-2.0

// Gogc-headroom needs 60 MiB, and lets the heap grow to five times that before it collects.
package main

import (
	"example.com/incidents/internal/lab"
)

var sink []byte

func main() {
	lab.Fill(60)
	lab.Run(300, func(int) { handle() })
}

//go:noinline
func handle() {
	sink = make([]byte, 256<<10)
	for i := 0; i < len(sink); i += 4096 {
		sink[i] = 1
	}
}
