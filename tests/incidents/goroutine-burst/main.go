// SPDX-License-Identifier: Apache-2.0

// Goroutine-burst had to do with 150,000 goroutines at once, for a moment; since then it does
// nothing much, in a container that has little room left for what the burst left behind.
package main

import (
	"sync"
	"time"

	"example.com/incidents/internal/lab"
)

func main() {
	burst(150000)
	lab.Fill(4)
	lab.Run(50, func(int) { burst(2) })
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
