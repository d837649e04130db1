// SPDX-License-Identifier: Apache-2.0

// Procs-above-quota is a small service on a large machine, with a small share of its processors, and
// a Go that does not know of it (or GOMAXPROCS says otherwise): what the runtime and its pools keep
// for each processor, they keep for each of the machine.
package main

import (
	"runtime"
	"sync"
	"time"

	"example.com/incidents/internal/lab"
)

var buffers = sync.Pool{New: func() interface{} { b := make([]byte, 1<<20); return &b }}

func main() {
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	lab.Run(4, func(i int) {
		var group sync.WaitGroup
		for j := 0; j < 16*i && j < 200; j++ {
			group.Add(1)
			go func() {
				defer group.Done()
				answer()
			}()
		}
		group.Wait()
	})
}

func answer() (sum int) {
	buffer := buffers.Get().(*[]byte)
	for end := time.Now().Add(2 * time.Millisecond); time.Now().Before(end); {
		for i := 0; i < len(*buffer); i += 4096 {
			(*buffer)[i]++
		}
	}
	for size := 16; size <= 4<<10; size += size / 4 {
		sum += len(make([]byte, size))
	}
	buffers.Put(buffer)
	return sum
}
