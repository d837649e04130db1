// SPDX-License-Identifier: Apache-2.0

// Memory-limit-too-high has GOMEMLIMIT at the limit of the container itself; files that it has in
// memory are not counted by Go.
package main

import (
	"syscall"

	"example.com/incidents/internal/lab"
)

var sink []byte

func main() {
	lab.Fill(60)
	extra, _ := syscall.Mmap(-1, 0, 24<<20, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	touch(extra)
	lab.Run(300, func(int) { handle() })
}

//go:noinline
func handle() {
	sink = make([]byte, 256<<10)
	touch(sink)
}

func touch(p []byte) {
	for i := 0; i < len(p); i += 4096 {
		p[i] = 1
	}
}
