// SPDX-License-Identifier: Apache-2.0

// Race-build went to production as it came from the tests: with the race detector.
package main

import "example.com/incidents/internal/lab"

var cache [][]byte

func main() {
	lab.Run(100, func(i int) {
		if i < 2000 {
			store(i)
		}
	})
}

//go:noinline
func store(i int) {
	value := make([]byte, 32<<10)
	for j := range value {
		value[j] = byte(i)
	}
	cache = append(cache, value)
}
