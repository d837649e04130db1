// SPDX-License-Identifier: Apache-2.0

// Leak-in-spiral has a map that grows, and a GOMEMLIMIT: near it the collector runs all the time,
// which is what one sees first, and a consequence.
package main

import "example.com/incidents/internal/lab"

type session struct {
	user [200]byte
}

var (
	sessions = map[int]*session{}
	sink     []byte
)

func main() {
	lab.Fill(40)
	lab.Run(40000, func(i int) {
		login(i)
		handle()
	})
}

//go:noinline
func login(i int) {
	sessions[i] = &session{} // guilty
}

//go:noinline
func handle() {
	sink = make([]byte, 1<<10)
}
