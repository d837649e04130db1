// SPDX-License-Identifier: Apache-2.0

// Finalizer-cycle gives each session a finalizer that closes it, to be sure; a session and its stream
// refer to each other, so neither is ever collected.
package main

import (
	"runtime"

	"example.com/incidents/internal/lab"
)

type session struct {
	stream *stream
	open   bool
}

type stream struct {
	session *session
	buffer  [4096]byte
}

func main() {
	lab.Fill(10)
	lab.Run(2000, serve)
}

func serve(i int) {
	s := &session{open: true}
	s.stream = &stream{session: s} // guilty
	s.stream.buffer[i%4096] = 1
	runtime.SetFinalizer(s, (*session).close)
}

func (s *session) close() { s.open = false }
