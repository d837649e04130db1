// SPDX-License-Identifier: Apache-2.0

// Defer-in-loop closes what it opens in a loop by defer; the loop ends when the service does.
package main

import (
	"example.com/incidents/internal/lab"
)

type file struct{ buffer [64]byte }

func (f *file) close() {}

func main() {
	lab.Fill(10)
	work := make(chan int)
	go copyAll(work)
	lab.Run(60000, func(i int) { work <- i })
}

func copyAll(work chan int) {
	for range work {
		f := new(file)
		defer f.close() // guilty
	}
}
