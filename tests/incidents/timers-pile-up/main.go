// SPDX-License-Identifier: Apache-2.0

// Timers-pile-up uses time.After in a loop that is fast; go.mod says go 1.22, so each timer stays
// until it fires.
package main

import (
	"time"

	"example.com/incidents/internal/lab"
)

var events = make(chan int, 1)

func main() {
	lab.Fill(10)
	lab.Run(40000, func(i int) {
		events <- i
		poll()
	})
}

func poll() {
	select {
	case <-events:
	case <-time.After(10 * time.Minute): // guilty
	}
}
