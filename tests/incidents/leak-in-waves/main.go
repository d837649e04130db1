// SPDX-License-Identifier: Apache-2.0

// Leak-in-waves works off a batch every four seconds, which comes and goes. Beside it a history of all that
// was ever done becomes longer and longer, far slower than a batch.
package main

import "example.com/incidents/internal/lab"

var history [][]byte

func main() {
	lab.Waves(record)
}

//go:noinline
func record(int) {
	history = append(history, make([]byte, 48<<10)) // guilty
}
