// SPDX-License-Identifier: Apache-2.0

// Leak-after-burst had to do with 60,000 goroutines once, long ago. What grows now is a slice.
package main

import (
	"sync"
	"time"

	"example.com/incidents/internal/lab"
)

var history [][]byte

func main() {
	burst(60000)
	lab.Run(2000, record)
}

func burst(n int) {
	var group sync.WaitGroup
	start := make(chan bool)
	for i := 0; i < n; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			<-start
		}()
	}
	time.Sleep(time.Millisecond)
	close(start)
	group.Wait()
}

//go:noinline
func record(int) {
	history = append(history, make([]byte, 8<<10)) // guilty
}
