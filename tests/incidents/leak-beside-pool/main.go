// SPDX-License-Identifier: Apache-2.0

// Leak-beside-pool has a pool with large buffers, as many as it needs, and a queue that is full and
// drains. What grows is neither: a map of sessions.
package main

import (
	"sync"
	"time"

	"example.com/incidents/internal/lab"
)

type session struct {
	user [200]byte
}

var (
	buffers  = sync.Pool{New: func() interface{} { b := make([]byte, 1<<20); touch(b); return &b }}
	queue    = make(chan []byte, 1000)
	sessions = map[int]*session{}
)

func main() {
	for i := 0; i < 4; i++ {
		go produce()
		go work()
		go work()
	}
	go consume()
	lab.Run(30000, login)
}

func login(i int) {
	sessions[i] = &session{} // guilty
}

func touch(b []byte) {
	for i := 0; i < len(b); i += 4096 {
		b[i]++
	}
}

func work() {
	for {
		buffer := buffers.Get().(*[]byte)
		touch(*buffer)
		time.Sleep(time.Millisecond)
		buffers.Put(buffer)
		time.Sleep(time.Millisecond)
	}
}

func produce() {
	for {
		queue <- make([]byte, 8<<10)
	}
}

func consume() {
	for range queue {
		time.Sleep(time.Millisecond)
	}
}
