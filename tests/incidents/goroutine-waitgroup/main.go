// SPDX-License-Identifier: Apache-2.0

// Goroutine-waitgroup waits for workers, one of which gives up without Done.
package main

import (
	"sync"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(10)
	lab.Run(400, func(i int) { go batch() })
}

func batch() {
	var group sync.WaitGroup
	for i := 0; i < 4; i++ {
		group.Add(1)
		go func() {
			if i == 3 {
				return
			}
			group.Done()
		}()
	}
	group.Wait() // guilty
}
