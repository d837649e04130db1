// SPDX-License-Identifier: Apache-2.0

// Healthy-gogc-400 trades memory for time: the heap goes up to five times what is live and back.
package main

import (
	"example.com/incidents/internal/lab"
)

var sink []byte

func main() {
	lab.Fill(20)
	lab.Run(2000, func(int) { handle() })
}

//go:noinline
func handle() {
	sink = make([]byte, 32<<10)
	for i := 0; i < len(sink); i += 4096 {
		sink[i] = 1
	}
}
