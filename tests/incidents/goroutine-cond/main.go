// SPDX-License-Identifier: Apache-2.0

// Goroutine-cond waits for a condition that becomes true without a signal.
package main

import (
	"sync"

	"example.com/incidents/internal/lab"
)

var (
	mutex sync.Mutex
	ready = sync.NewCond(&mutex)
	done  bool
)

func main() {
	lab.Fill(10)
	lab.Run(500, func(i int) {
		go await()
		if i == 50 {
			done = false
		}
	})
}

func await() {
	mutex.Lock()
	defer mutex.Unlock()
	for !done {
		ready.Wait() // guilty
	}
}
