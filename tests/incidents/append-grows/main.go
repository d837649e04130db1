// SPDX-License-Identifier: Apache-2.0

// Append-grows appends every event to a slice that nobody reads.
package main

import (
	"example.com/incidents/internal/lab"
)

type event struct {
	when int64
	data [56]byte
}

var history []event

func main() {
	lab.Fill(10)
	lab.Run(100000, func(i int) { record(i) })
}

//go:noinline
func record(i int) {
	history = append(history, event{when: int64(i)}) // guilty
}
