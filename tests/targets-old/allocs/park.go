// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"sync"
	"syscall"
	"time"
)

// What the parked goroutines wait for lives here, so that nothing of it is ever collected.
var (
	neverSent    = make(chan int)
	neverTaken   = make(chan int)
	nilChannel   chan int
	held         sync.Mutex
	neverDone    sync.WaitGroup
	neverFlagged = sync.NewCond(&sync.Mutex{})
	listeners    sync.Map
)

// parkGoroutines starts goroutines that wait, each for something else, and returns once all do.
func parkGoroutines() {
	held.Lock()
	neverDone.Add(1)
	waits := []struct {
		count int
		wait  func()
	}{
		{20, waitReceive},
		{10, func() { neverTaken <- 1 }},
		{2, func() { <-nilChannel }},
		{15, waitSelect},
		{1, func() { select {} }},
		{5, func() { held.Lock() }},
		{4, func() { neverDone.Wait() }},
		{4, waitCond},
		{6, func() { time.Sleep(time.Hour) }},
		{3, waitAccept},
		{2, waitSyscall},
		{1, waitDeep},
	}
	for _, w := range waits {
		for i := 0; i < w.count; i++ {
			go w.wait()
		}
	}
	time.Sleep(100 * time.Millisecond)
}

func waitReceive() { <-neverSent }

func waitSelect() {
	select {
	case <-neverSent:
	case neverTaken <- 2:
	case <-nilChannel:
	}
}

func waitCond() {
	neverFlagged.L.Lock()
	neverFlagged.Wait()
}

func waitAccept() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	listeners.Store(listener, true)
	listener.Accept()
}

// waitSyscall blocks in the kernel where the runtime's poller cannot help.
func waitSyscall() {
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil {
		panic(err)
	}
	var buffer [1]byte
	syscall.Read(pipe[0], buffer[:])
}

func waitDeep() {
	descend(300, func() interface{} { return <-neverSent })
}
