// SPDX-License-Identifier: Apache-2.0

// Pool-giants takes its buffers from a pool, and puts back each whatever it has become: one large
// report after the other makes all of them large.
package main

import (
	"bytes"
	"sync"
	"time"

	"example.com/incidents/internal/lab"
)

var (
	buffers = sync.Pool{New: func() interface{} { return new(bytes.Buffer) }}
	row     [4096]byte
)

func main() {
	lab.Fill(10)
	for i := 0; i < 400; i++ {
		render(8)
	}
	lab.Run(1, func(i int) {
		var group sync.WaitGroup
		for j := 0; j < 8+4*i; j++ { // more at once than before
			group.Add(1)
			go func() {
				defer group.Done()
				render(600)
			}()
		}
		group.Wait()
	})
}

func render(rows int) {
	buffer := buffers.Get().(*bytes.Buffer)
	buffer.Reset()
	for i := 0; i < rows; i++ {
		buffer.Write(row[:]) // guilty
	}
	time.Sleep(20 * time.Millisecond)
	buffers.Put(buffer)
}
