// SPDX-License-Identifier: Apache-2.0

// Profiler-buckets records every allocation, and each is made from another stack.
package main

import (
	"example.com/incidents/internal/lab"
)

var sink []byte

func main() {
	lab.Run(20000, func(i int) { descend(i, 18) })
}

// Another path of calls for each i: another stack, another bucket.
//
//go:noinline
func descend(i, depth int) {
	switch {
	case depth == 0:
		sink = make([]byte, 1)
	case i%2 == 0:
		descend(i/2, depth-1)
	default:
		descend(i/2, depth-1)
	}
}
