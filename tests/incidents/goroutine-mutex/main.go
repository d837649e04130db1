// SPDX-License-Identifier: Apache-2.0

// Goroutine-mutex has a path that returns without unlocking: everybody else waits for ever.
package main

import (
	"errors"
	"sync"

	"example.com/incidents/internal/lab"
)

type counter struct {
	mutex sync.Mutex
	n     int
}

var requests counter

func main() {
	lab.Fill(10)
	lab.Run(500, func(i int) { go requests.add(i) })
}

func (c *counter) add(i int) error {
	c.mutex.Lock() // guilty
	c.n++
	if i == 100 {
		return errors.New("odd request")
	}
	c.mutex.Unlock()
	return nil
}
