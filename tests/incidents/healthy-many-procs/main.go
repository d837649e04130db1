// SPDX-License-Identifier: Apache-2.0

// Healthy-many-procs has far more processors for the runtime than it may use, and memory enough for
// what they keep, which does not grow.
package main

import (
	"sync"

	"example.com/incidents/internal/lab"
)

var buffers = sync.Pool{New: func() interface{} { b := make([]byte, 256<<10); return &b }}

func main() {
	lab.Fill(30)
	for i := 0; i < 10; i++ {
		answerAll(i)
	}
	lab.Run(20, answerAll)
}

func answerAll(int) {
	var group sync.WaitGroup
	for i := 0; i < 64; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			buffer := buffers.Get().(*[]byte)
			for at := 0; at < len(*buffer); at += 512 {
				(*buffer)[at]++
			}
			buffers.Put(buffer)
		}()
	}
	group.Wait()
}
