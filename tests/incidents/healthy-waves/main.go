// SPDX-License-Identifier: Apache-2.0

// Healthy-waves works off a batch every four seconds: it gathers 120 MiB in two seconds, and lets go of them.
// Whoever looks before a batch and at the end of one sees growth.
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
