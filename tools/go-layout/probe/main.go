// SPDX-License-Identifier: Apache-2.0

// A program whose DWARF has the runtime's structures; it is built, never run. The linker leaves out
// the types that nothing refers to, so this refers to what whyoom reads.
package main

import (
	"os"
	"runtime"
	"runtime/pprof"
	"time"
)

func main() {
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	x := new([64]byte)
	runtime.SetFinalizer(x, func(*[64]byte) {})
	time.AfterFunc(time.Hour, func() {})
	for _, profile := range pprof.Profiles() {
		profile.WriteTo(os.Stdout, 0)
	}
}
