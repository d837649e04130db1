// SPDX-License-Identifier: Apache-2.0

// Healthy-idle-goroutines has 3000 that wait by design: one for each subscriber.
package main

import (
	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(10)
	var all []chan int
	for i := 0; i < 3000; i++ {
		events := make(chan int, 1)
		all = append(all, events)
		go func() {
			for range events {
			}
		}()
	}
	lab.Run(1000, func(i int) { all[i%len(all)] <- i })
}
