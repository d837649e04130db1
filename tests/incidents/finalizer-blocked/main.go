// SPDX-License-Identifier: Apache-2.0

// Finalizer-blocked has a finalizer that waits for a channel: no other finalizer runs after it, and
// what they are for stays.
package main

import (
	"runtime"

	"example.com/incidents/internal/lab"
)

type handle struct{ buffer [2048]byte }

var closed = make(chan *handle)

func main() {
	lab.Fill(10)
	lab.Run(5000, func(int) { open() })
}

//go:noinline
func open() {
	h := new(handle)
	runtime.SetFinalizer(h, release)
}

func release(h *handle) {
	closed <- h // guilty
}
