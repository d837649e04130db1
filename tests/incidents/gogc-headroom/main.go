// SPDX-License-Identifier: Apache-2.0

// Gogc-headroom is well with 24 MiB live and GOGC=400: it collects at 120 MiB. Then a few more MiB
// are needed, and the heap may grow past the limit before the next collection.
package main

import "example.com/incidents/internal/lab"

var sink []byte

func main() {
	lab.Fill(24)
	lab.Run(300, func(i int) {
		if i == 1500 {
			lab.Fill(14)
		}
		handle()
	})
}

//go:noinline
func handle() {
	sink = make([]byte, 256<<10)
	for i := 0; i < len(sink); i += 4096 {
		sink[i] = 1
	}
}
