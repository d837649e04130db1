// SPDX-License-Identifier: Apache-2.0

// Profiler-buckets records every allocation, and each is made from another stack.
package main

import "example.com/incidents/internal/lab"

var sink []byte

func main() {
	lab.Run(20000, func(i int) { left(i, 20) })
}

// Another path of calls for each i: another stack, another bucket.
//
//go:noinline
func left(i, depth int) int { return 1 + descend(i, depth) }

//go:noinline
func right(i, depth int) int { return 2 + descend(i, depth) }

//go:noinline
func descend(i, depth int) int {
	if depth == 0 {
		sink = make([]byte, 256)
		return 0
	}
	if i%2 == 0 {
		return left(i/2, depth-1)
	}
	return right(i/2, depth-1)
}
