// SPDX-License-Identifier: Apache-2.0

// Sessions-kept has a rush of sessions every two seconds. Most of them are ended, and let go; one in eight
// is never, since nobody ends it. So the same function makes what comes and goes, and what stays.
package main

import (
	"time"

	"example.com/incidents/internal/lab"
)

type session struct{ buffer []byte }

var sessions = map[int]*session{}

const cycle = 2 * time.Second

var answer []byte

func main() {
	lab.Fill(20)
	start := time.Now()
	first, next := 0, 0
	lab.Run(100, func(int) {
		answer = make([]byte, 2<<20) // requests leave garbage behind: collections all the time
		if time.Since(start)%cycle < cycle/2 {
			for i := 0; i < 20; i++ {
				open(next)
				next++
			}
			return
		}
		for ; first < next; first++ {
			if first%8 != 0 {
				delete(sessions, first)
			}
		}
	})
}

//go:noinline
func open(id int) {
	s := &session{buffer: make([]byte, 32<<10)} // guilty
	for i := 0; i < len(s.buffer); i += 4096 {
		s.buffer[i] = 1
	}
	sessions[id] = s
}
