// SPDX-License-Identifier: Apache-2.0

// Noprof reaches nothing that reads the heap profile, so the linker turns the profiler off: the
// import of runtime/pprof alone does not change that.
package main

import (
	_ "runtime/pprof"

	"example.com/targets/internal/control"
)

var kept [][]byte

func main() {
	for i := 0; i < 64; i++ {
		kept = append(kept, make([]byte, 256<<10))
	}
	control.Serve(nil, nil)
}
