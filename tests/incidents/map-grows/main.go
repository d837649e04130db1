// SPDX-License-Identifier: Apache-2.0

// Map-grows keeps every session that it has ever seen in a map, and forgets none.
package main

import (
	"fmt"

	"example.com/incidents/internal/lab"
)

type session struct {
	user string
	data [200]byte
}

var sessions = map[string]*session{}

func main() {
	lab.Fill(10)
	lab.Run(50000, func(i int) { remember(i) })
}

//go:noinline
func remember(i int) {
	id := fmt.Sprintf("session-%d", i)
	sessions[id] = &session{user: id} // guilty
}
