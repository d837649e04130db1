// SPDX-License-Identifier: Apache-2.0

// Leak-in-waves works off a batch every four seconds, which comes and goes. Beside it a history
// of all that was ever done becomes longer and longer, far slower than a batch.
package main

import (
	"time"

	"example.com/incidents/internal/lab"
)

const cycle, begins, lasts = 4 * time.Second, 2600 * time.Millisecond, 2 * time.Second

func main() {
	lab.Fill(30)
	var work batch
	start := time.Now().Add(begins - cycle)
	lab.Run(100, func(int) {
		request()
		work.step(time.Since(start) % cycle)
		record()
	})
}

var answer []byte

// Request leaves garbage behind, so that there are collections all the time.
func request() { answer = make([]byte, 2<<20) }

type batch struct{ rows [][]byte }

func (b *batch) step(phase time.Duration) {
	if phase > lasts {
		b.rows = nil
		return
	}
	for due := int(phase * 1920 / lasts); len(b.rows) < due; {
		b.add()
	}
}

//go:noinline
func (b *batch) add() {
	row := make([]byte, 64<<10)
	for i := 0; i < len(row); i += 4096 {
		row[i] = 1
	}
	b.rows = append(b.rows, row)
}

var history [][]byte

//go:noinline
func record() {
	history = append(history, make([]byte, 48<<10)) // guilty
}
