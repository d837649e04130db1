// SPDX-License-Identifier: Apache-2.0

// Queue-full has a bounded queue whose consumer is too slow; it is full, and each request waits in a
// goroutine of its own to put something in.
package main

import (
	"time"

	"example.com/incidents/internal/lab"
)

type message struct {
	id   int
	body [4 << 10]byte
}

var queue = make(chan *message, 1000)

func main() {
	lab.Fill(10)
	go consume()
	for i := 0; i < cap(queue); i++ {
		queue <- &message{id: i}
	}
	lab.Run(1000, func(i int) { go accept(i) })
}

func accept(i int) {
	queue <- &message{id: i} // guilty
}

func consume() {
	for range queue {
		time.Sleep(10 * time.Millisecond)
	}
}
