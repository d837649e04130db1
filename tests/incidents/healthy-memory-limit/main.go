// SPDX-License-Identifier: Apache-2.0

// Healthy-memory-limit runs with GOGC=off and a GOMEMLIMIT, as many do: the heap always goes up to
// it, and the collector has little to do.
package main

import "example.com/incidents/internal/lab"

var sink []byte

func main() {
	lab.Fill(92)
	lab.Run(1500, func(int) { handle() })
}

//go:noinline
func handle() {
	sink = make([]byte, 32<<10)
	sink[100] = 1
}
