// SPDX-License-Identifier: Apache-2.0

// Goroutine-send asks a slow backend with a deadline. The answer goes into a channel without a
// buffer: when the deadline is over, nobody receives it any more, and its sender waits for ever.
package main

import (
	"time"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(20)
	lab.Run(400, func(int) { go ask() })
}

func ask() ([]byte, bool) {
	answers := make(chan []byte)
	go func() {
		answer := backend()
		answers <- answer // guilty
	}()
	select {
	case answer := <-answers:
		return answer, true
	case <-time.After(time.Millisecond):
		return nil, false
	}
}

//go:noinline
func backend() []byte {
	time.Sleep(5 * time.Millisecond)
	return make([]byte, 2048)
}
