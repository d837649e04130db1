// SPDX-License-Identifier: Apache-2.0

// Healthy-finalizers gives each session a finalizer; nothing refers to it, so it is collected.
package main

import (
	"runtime"

	"example.com/incidents/internal/lab"
)

type session struct {
	open   bool
	buffer [4096]byte
}

func main() {
	lab.Fill(20)
	for i := 0; i < 30000; i++ {
		serve(i)
	}
	lab.Run(5000, serve)
}

func serve(i int) {
	s := &session{open: true}
	s.buffer[i%4096] = 1
	runtime.SetFinalizer(s, (*session).close)
}

func (s *session) close() { s.open = false }
