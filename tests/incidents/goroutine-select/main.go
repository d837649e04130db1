// SPDX-License-Identifier: Apache-2.0

// Goroutine-select starts a watcher for each session; what would end it never comes.
package main

import "example.com/incidents/internal/lab"

type session struct {
	events, done chan int
	state        [2048]byte
}

func main() {
	lab.Fill(10)
	lab.Run(400, open)
}

func open(int) {
	s := &session{events: make(chan int), done: make(chan int)}
	go watch(s)
}

func watch(s *session) {
	for {
		select { // guilty
		case event := <-s.events:
			s.state[event%len(s.state)]++
		case <-s.done:
			return
		}
	}
}
