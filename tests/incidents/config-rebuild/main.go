// SPDX-License-Identifier: Apache-2.0

// Config-rebuild makes an index of the configuration for each request, and a callback keeps it.
package main

import (
	"example.com/incidents/internal/lab"
)

var callbacks []func(int) bool

func main() {
	lab.Fill(10)
	ids := make([]int, 10000)
	for i := range ids {
		ids[i] = i * 7
	}
	lab.Run(25, func(int) {
		known := index(ids)
		callbacks = append(callbacks, func(id int) bool { return known[id] })
	})
}

func index(ids []int) map[int]bool {
	known := make(map[int]bool)
	for _, id := range ids {
		known[id] = true // guilty
	}
	return known
}
