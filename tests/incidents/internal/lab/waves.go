// SPDX-License-Identifier: Apache-2.0

package lab

import "time"

const cycle, begins, lasts = 4 * time.Second, 2600 * time.Millisecond, 2 * time.Second

// Waves works off a batch every four seconds, among requests: it gathers 120 MiB in two seconds, and lets go
// of them. `request` is called a hundred times a second.
func Waves(request func(i int)) {
	Fill(30)
	var work batch
	start := time.Now().Add(begins - cycle)
	Run(100, func(i int) {
		answer = make([]byte, 2<<20) // garbage, so that there are collections all the time
		work.step(time.Since(start) % cycle)
		request(i)
	})
}

var answer []byte

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
