// SPDX-License-Identifier: Apache-2.0

// Gogc-off has inherited GOGC=off from a test environment.
package main

import (
	"example.com/incidents/internal/lab"
)

var sink []byte

func main() {
	lab.Fill(20)
	lab.Run(220, func(i int) {
		if i < 720 {
			handle()
		}
	})
}

//go:noinline
func handle() { sink = make([]byte, 256<<10); sink[4096] = 1; touch(sink) }

func touch(p []byte) {
	for i := 0; i < len(p); i += 4096 {
		p[i] = 1
	}
}
