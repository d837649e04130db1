// SPDX-License-Identifier: Apache-2.0

// Procs-above-quota is a small service on a large machine, with a small share of its processors, and
// a Go that does not know of it (or GOMAXPROCS says otherwise): its pools come to have an object for
// each processor of the machine. On a small machine few of them run at the same time, so the
// goroutines wait for each other, as if all did until the quota stops them.
package main

import (
	"runtime"
	"sync"

	"example.com/incidents/internal/lab"
)

var buffers = sync.Pool{New: func() interface{} { b := make([]byte, 1<<20); return &b }}

func main() {
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	lab.Run(2, func(i int) {
		n := 8 * i
		if n > runtime.GOMAXPROCS(0) {
			n = runtime.GOMAXPROCS(0)
		}
		answerAll(n)
	})
}

func answerAll(n int) {
	var running, done sync.WaitGroup
	running.Add(n)
	done.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			defer done.Done()
			buffer := buffers.Get().(*[]byte)
			running.Done()
			running.Wait()
			for at := 0; at < len(*buffer); at += 4096 {
				(*buffer)[at]++
			}
			buffers.Put(buffer)
		}()
	}
	done.Wait()
}
