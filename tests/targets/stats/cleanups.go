// SPDX-License-Identifier: Apache-2.0

//go:build go1.24

package main

import "runtime"

// cleanups makes so many objects that are dead, with cleanups that never come to an end.
func cleanups(count int) {
	for i := 0; i < count; i++ {
		runtime.AddCleanup(&[64]byte{}, func(int) { <-forever }, i)
	}
	runtime.GC()
}
