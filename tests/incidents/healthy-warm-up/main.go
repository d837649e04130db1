// SPDX-License-Identifier: Apache-2.0

// Healthy-warm-up fills its caches in the first seconds, and then rests.
package main

import (
	"example.com/incidents/internal/lab"
)

var cache [][]byte

func main() {
	lab.Fill(10)
	lab.Run(200, func(i int) {
		if i < 500 {
			warm()
		}
		churn()
	})
}

//go:noinline
func warm() { cache = append(cache, make([]byte, 64<<10)) }

var sink []byte

//go:noinline
func churn() { sink = make([]byte, 16<<10) }
