// SPDX-License-Identifier: Apache-2.0

// Marked-leak serves for a while as it should; somebody deploys, and from then on it keeps every
// order that it has seen. The mark on the timeline is what began it.
package main

import (
	"fmt"

	"example.com/incidents/internal/lab"
)

type order struct {
	id    string
	lines [400]byte
}

var orders = map[string]*order{}

func main() {
	lab.Fill(20)
	lab.Run(40000, func(i int) { remember(i) })
}

//go:noinline
func remember(i int) {
	id := fmt.Sprintf("order-%d", i)
	orders[id] = &order{id: id} // guilty
}
