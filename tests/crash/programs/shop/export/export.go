// SPDX-License-Identifier: Apache-2.0

// Package export is the program's own code below main.
package export

import (
	"bytes"
	"strings"
	"sync"
)

// Sink keeps what is to stay alive.
var Sink [][]byte

// Copier keeps all that is written to it, like the access log of incident 1.
type Copier struct {
	body bytes.Buffer
}

func (copier *Copier) Write(data []byte) {
	copier.body.Write(data)
}

// CopyBody grows one buffer without end.
func CopyBody() {
	copier := &Copier{}
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	for {
		copier.Write(chunk)
	}
}

// FillCache makes many small objects without end.
func FillCache() {
	for {
		Sink = append(Sink, make([]byte, 16<<10))
	}
}

// Giant asks for `size` bytes at once.
func Giant(size int) {
	Sink = append(Sink, make([]byte, size))
}

// Rows appends to one slice without end.
func Rows() {
	var rows []uint64
	for i := uint64(0); ; i++ {
		rows = append(rows, i)
	}
}

// Join makes one string longer and longer.
func Join() {
	text := strings.Repeat("y", 16<<20)
	for {
		text += text
	}
}

// Recurse has no end.
func Recurse(depth int, pad [64]int) int {
	pad[depth%64] = depth
	return Recurse(depth+1, pad) + pad[3]
}

// Counters is a map that nobody locks.
type Counters struct {
	counts map[int]int
}

// Race makes two goroutines write the map.
func (counters *Counters) Race() {
	counters.counts = map[int]int{}
	for i := 0; i < 4; i++ {
		go func() {
			for n := 0; ; n++ {
				counters.counts[n%100] = n
			}
		}()
	}
	select {}
}

// RaceRead makes one write and others read.
func (counters *Counters) RaceRead() {
	counters.counts = map[int]int{1: 1}
	go func() {
		for {
			counters.counts[1]++
		}
	}()
	for {
		_ = counters.counts[2]
	}
}

var lock sync.Mutex

// LockTwice waits for itself.
func LockTwice() {
	lock.Lock()
	lock.Lock()
}

// Fetch has nobody who answers.
func Fetch(answers chan int) {
	answers <- 1
}
