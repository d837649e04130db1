// SPDX-License-Identifier: Apache-2.0

// Gc-death-spiral keeps as much as GOMEMLIMIT lets it, so its small garbage has no room, and the
// collector runs all the time.
package main

import "example.com/incidents/internal/lab"

type record struct {
	next *record
	text [96]byte
}

var (
	records *record
	sink    []byte
)

func main() {
	for i := 0; i < 1000000; i++ {
		records = &record{next: records}
	}
	lab.Run(20000, func(int) { handle() })
}

//go:noinline
func handle() {
	sink = make([]byte, 4<<10)
}
