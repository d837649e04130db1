// SPDX-License-Identifier: Apache-2.0

// Queue-backlog has a queue that is long enough for every peak, it was thought, and one consumer,
// which writes each message to a slow disk.
package main

import (
	"time"

	"example.com/incidents/internal/lab"
)

type message struct {
	id   int
	body []byte
}

var queue = make(chan *message, 100000)

func main() {
	lab.Fill(10)
	go consume()
	lab.Run(2000, accept)
}

func accept(i int) {
	body := make([]byte, 8<<10) // guilty
	body[i%len(body)] = 1
	queue <- &message{id: i, body: body}
}

func consume() {
	for range queue {
		time.Sleep(5 * time.Millisecond)
	}
}
