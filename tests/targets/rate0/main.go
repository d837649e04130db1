// SPDX-License-Identifier: Apache-2.0

// Rate0 has the heap profiler linked in and turns it off before the first line of main.
package main

import (
	"runtime"
	_ "runtime/pprof"

	"example.com/targets/internal/control"
)

var _ = func() bool {
	runtime.MemProfileRate = 0
	return true
}()

var kept [][]byte

func main() {
	for i := 0; i < 64; i++ {
		kept = append(kept, make([]byte, 256<<10))
	}
	// Reached by the linker, never by the program: what keeps the profiler in.
	if len(kept) == 0 {
		runtime.MemProfile(nil, true)
	}
	control.Serve(nil, nil)
}
