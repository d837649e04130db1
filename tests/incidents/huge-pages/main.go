// SPDX-License-Identifier: Apache-2.0

// Huge-pages keeps a little of each 2 MiB of its heap and gives the rest back; the kernel makes huge
// pages of them all the same. Here the program asks for that itself, so that nobody has to wait for
// khugepaged.
package main

import (
	"runtime/debug"
	"syscall"
	"unsafe"

	"example.com/incidents/internal/lab"
)

const (
	pieces       = 3200 // of 64 KiB
	hugePage     = 2 << 20
	madvHuge     = 14
	madvCollapse = 25
)

var kept [][]byte

func main() {
	debug.SetGCPercent(50)
	low, high := spread()
	debug.FreeOSMemory()
	madvise(low, high-low, madvHuge)
	lab.Run(8, func(i int) {
		at := low + uintptr(i)*hugePage
		if at < high {
			madvise(at, hugePage, madvCollapse)
		}
	})
}

func madvise(at, size uintptr, advice int) {
	syscall.Syscall(syscall.SYS_MADVISE, at, size, uintptr(advice))
}

// The huge pages between which the heap lies, of which it keeps a thirtieth.
//
//go:noinline
func spread() (low, high uintptr) {
	var all [][]byte
	for i := 0; i < pieces; i++ {
		piece := make([]byte, 64<<10)
		for j := 0; j < len(piece); j += 4096 {
			piece[j] = 1
		}
		at := uintptr(unsafe.Pointer(&piece[0]))
		if low == 0 || at < low {
			low = at
		}
		if at > high {
			high = at
		}
		all = append(all, piece)
	}
	for i := 0; i < pieces; i += 16 {
		kept = append(kept, all[i])
	}
	return (low + hugePage - 1) &^ (hugePage - 1), high &^ (hugePage - 1)
}
