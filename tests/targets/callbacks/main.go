// SPDX-License-Identifier: Apache-2.0

// Callbacks has goroutines that wait in Go that C called: from a goroutine, through several changes
// between Go and C, and from a thread of C's own. "goroutines PATH" writes runtime.Stack of all, "work"
// starts goroutines that call there and back without end, "strict" a thread that may only read and write.
package main

/*
#include <unistd.h>
#include "c.h"
static void pauseInC(void) { pause(); }
*/
import "C"

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"example.com/targets/internal/control"
	"example.com/targets/internal/profiles"
)

var (
	never = make(chan int)
	other = make(chan int)
	mutex sync.Mutex
	group sync.WaitGroup // of those that are on their way to where they wait

	parked int32
)

// park waits, each time in another of the runtime's ways.
//
//go:noinline
func park() {
	how := atomic.AddInt32(&parked, 1)
	group.Done()
	switch how % 4 {
	case 0:
		<-never
	case 1:
		select {
		case <-never:
		case other <- 1:
		}
	case 2:
		mutex.Lock()
	default:
		time.Sleep(time.Hour)
	}
}

// A negative depth comes back.
//
//export parkInGo
func parkInGo(depth C.int) {
	switch {
	case depth < 0:
		comeBack()
	case depth == 0:
		park()
	default:
		callAgain(depth)
	}
}

//go:noinline
func callAgain(depth C.int) {
	if depth%2 == 1 {
		C.callDirectly(depth - 1)
	} else {
		C.callDeeply(depth-1, 20)
	}
}

var sums [64]int

//go:noinline
func comeBack() {
	for i := range sums {
		sums[i] += grow(100, i)
	}
}

// grow makes the stack grow, below C.
//
//go:noinline
func grow(depth, i int) int {
	if depth == 0 {
		return i
	}
	return grow(depth-1, i) + 1
}

func toAndFro() {
	for {
		C.callDirectly(-1)
		C.callDeeply(-1, 3)
	}
}

func start() {
	mutex.Lock()
	for depth := C.int(0); depth < 6; depth++ {
		depth := depth
		group.Add(4)
		go C.callDirectly(depth)
		go func() { C.callDeeply(depth, 5) }()
		go func() {
			runtime.LockOSThread()
			C.callDirectly(depth)
		}()
		if C.callOnThread(depth) != 0 {
			panic("no thread")
		}
	}
	group.Add(1)
	go park()
	go C.pauseInC()
	group.Wait()
	time.Sleep(50 * time.Millisecond)
}

func main() {
	profiles.HonourRate()
	start()
	control.Serve(map[string]control.Command{
		"goroutines": profiles.WriteGoroutines,
		"strict": func(string) error {
			if C.startStrict() != 0 {
				return errors.New("no thread")
			}
			return nil
		},
		"work": func(string) error {
			for i := 0; i < 4; i++ {
				go toAndFro()
			}
			return nil
		},
	}, nil)
}
