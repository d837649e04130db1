// SPDX-License-Identifier: Apache-2.0

// Goroutine-ticker has a watcher for each job, and nothing ends its loop; what it watches was made by
// the job, not by what starts the goroutine.
package main

import (
	"bytes"
	"hash/crc32"
	"time"

	"example.com/incidents/internal/lab"
)

type watcher struct {
	state []byte
	sum   uint32
}

func main() {
	lab.Fill(10)
	for i := 0; i < 300; i++ {
		job(i)
	}
	lab.Run(150, job)
}

func job(int) {
	w := &watcher{state: bytes.Repeat([]byte("x"), 128<<10)}
	w.start(2 * time.Second)
}

func (w *watcher) start(every time.Duration) {
	ticker := time.NewTicker(every)
	go func() {
		for range ticker.C { // guilty
			w.sum = crc32.ChecksumIEEE(w.state[:512])
		}
	}()
}
