// SPDX-License-Identifier: Apache-2.0

// Healthy-goroutine-bursts fans out to 20,000 goroutines twice a second; they end, and their
// structures and stacks are used again.
package main

import (
	"sync"
	"time"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(20)
	for i := 0; i < 4; i++ {
		fanOut(i)
	}
	lab.Run(2, fanOut)
}

func fanOut(int) {
	var group sync.WaitGroup
	for i := 0; i < 20000; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			time.Sleep(20 * time.Millisecond)
		}()
	}
	group.Wait()
}
