// SPDX-License-Identifier: Apache-2.0

// Package contention makes something for the block and the mutex profile to show.
package contention

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

// contended keeps the compiler from taking the waits apart.
var contended int

// Contend makes goroutines wait for each other in several ways, with both profiles switched on. Its
// argument is the block profile's rate in nanoseconds, the mutex profile's fraction, and the fraction
// afterwards. The block profile is off then, so that it stands still.
func Contend(argument string) error {
	var rate, fraction, fractionAfter int
	if _, err := fmt.Sscan(argument, &rate, &fraction, &fractionAfter); err != nil {
		return err
	}
	runtime.SetMutexProfileFraction(fraction)
	runtime.SetBlockProfileRate(rate)
	for i := 0; i < 10; i++ {
		waitForChannel()
		waitForMutex()
		waitForReaders()
		waitForGroup()
		waitForSelect()
		waitBelow(20, waitForChannel)
	}
	waitBelow(200, waitForChannel)
	waitBelow(1010, waitForMutex)
	runtime.SetBlockProfileRate(0)
	runtime.SetMutexProfileFraction(fractionAfter)
	return nil
}

// Leak starts goroutines that wait for what nobody else can reach.
func Leak(argument string) error {
	var count int
	if _, err := fmt.Sscan(argument, &count); err != nil {
		return err
	}
	for i := 0; i < count; i++ {
		go receiveInlined(make(chan int))
	}
	time.Sleep(50 * time.Millisecond)
	return nil
}

// Small functions that the compiler inlines into each other.
func receive(c chan int)        { contended += <-c }
func receiveInlined(c chan int) { receive(c) }
func unlock(m *sync.Mutex)      { contended++; m.Unlock() }
func unlockInlined(m *sync.Mutex) {
	unlock(m)
}

//go:noinline
func waitBelow(depth int, wait func()) {
	if depth > 1 {
		waitBelow(depth-1, wait)
	} else {
		wait()
	}
}

func waitForChannel() {
	c := make(chan int)
	go func() {
		time.Sleep(200 * time.Microsecond)
		c <- 1
	}()
	receiveInlined(c)
}

func waitForMutex() {
	var m sync.Mutex
	done := make(chan int, 1)
	m.Lock()
	go func() {
		m.Lock()
		unlockInlined(&m)
		done <- 1
	}()
	time.Sleep(time.Millisecond)
	unlockInlined(&m)
	<-done
}

func waitForReaders() {
	var m sync.RWMutex
	var done sync.WaitGroup
	m.Lock()
	for i := 0; i < 3; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			m.RLock()
			m.RUnlock()
		}()
	}
	time.Sleep(time.Millisecond)
	m.Unlock()
	done.Wait()
}

func waitForGroup() {
	var group sync.WaitGroup
	group.Add(1)
	go func() {
		time.Sleep(200 * time.Microsecond)
		group.Done()
	}()
	group.Wait()
}

func waitForSelect() {
	a, b := make(chan int), make(chan int)
	go func() {
		time.Sleep(200 * time.Microsecond)
		a <- 1
	}()
	select {
	case i := <-a:
		contended += i
	case i := <-b:
		contended += i
	}
}
