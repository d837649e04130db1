// SPDX-License-Identifier: Apache-2.0

// Healthy-burst-later sends its notices in bursts, as large as the one before: none runs at the first
// look, one does at the second.
package main

import (
	"sync"
	"time"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(40)
	burst(3000, 50*time.Millisecond)
	lab.Run(1, func(i int) {
		if i%8 == 2 {
			burst(2500, 3*time.Second)
		}
	})
}

func burst(n int, wait time.Duration) {
	var group sync.WaitGroup
	for i := 0; i < n; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			notify(wait)
		}()
	}
	group.Wait()
}

//go:noinline
func notify(wait time.Duration) {
	var notice [3000]byte
	notice[len(notice)-1] = byte(wait)
	time.Sleep(wait)
	if notice[len(notice)-1] != byte(wait) {
		panic("changed")
	}
}
