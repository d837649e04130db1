// SPDX-License-Identifier: Apache-2.0

// Waits-follow keeps a journal of everything and forgets nothing. Once it is so long that a look into
// it is slow, requests wait for one another, each with its buffer: many goroutines, more memory in
// them than in the journal, and no fault of theirs.
package main

import (
	"fmt"
	"sync"
	"time"

	"example.com/incidents/internal/lab"
)

type entry struct {
	id   string
	data [400]byte
}

type journal struct {
	mutex   sync.Mutex
	entries map[string]*entry
	disk    sync.Mutex // one at a time reads
}

const fitting = 220000 // entries that can be looked up at once

func main() {
	all := &journal{entries: map[string]*entry{}}
	lab.Fill(10)
	lab.Run(300, func(i int) {
		for j := 0; j < 60; j++ {
			all.note(i*60 + j)
		}
		go serve(all)
	})
}

//go:noinline
func (j *journal) note(i int) {
	id := fmt.Sprintf("entry-%d", i)
	j.mutex.Lock()
	j.entries[id] = &entry{id: id} // guilty
	j.mutex.Unlock()
}

//go:noinline
func serve(all *journal) {
	buffer := make([]byte, 192<<10)
	for i := 0; i < len(buffer); i += 4096 {
		buffer[i] = 1
	}
	all.find(buffer)
}

//go:noinline
func (j *journal) find(buffer []byte) {
	j.disk.Lock()
	j.mutex.Lock()
	entries := len(j.entries)
	j.mutex.Unlock()
	if entries > fitting {
		time.Sleep(100 * time.Millisecond)
	}
	buffer[0]++
	j.disk.Unlock()
}
