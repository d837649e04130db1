// SPDX-License-Identifier: Apache-2.0

// Deep-stack walks a tree by recursion; the tree is a list in truth, and very long.
package main

import (
	"time"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(10)
	lab.Run(10, func(int) { go walk(20000) })
}

//go:noinline
func walk(depth int) int {
	if depth == 0 {
		time.Sleep(time.Hour)
		return 0
	}
	return 1 + walk(depth-1) // guilty
}
