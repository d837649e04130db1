// SPDX-License-Identifier: Apache-2.0

// Package ticker measures how long the process was kept from running: a goroutine on a thread of
// its own wakes every millisecond and keeps the longest gap between two wake-ups.
package ticker

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

const period = time.Millisecond

// Ticker is used from one goroutine.
type Ticker struct {
	path string
	stop chan struct{}
	gaps chan time.Duration
}

// Start begins to measure; Stop writes the longest gap to path, in nanoseconds.
func (t *Ticker) Start(path string) error {
	if t.stop != nil {
		return errors.New("the ticker runs already")
	}
	t.path, t.stop, t.gaps = path, make(chan struct{}), make(chan time.Duration, 1)
	go measure(t.stop, t.gaps)
	return nil
}

func (t *Ticker) Stop() error {
	if t.stop == nil {
		return errors.New("the ticker does not run")
	}
	close(t.stop)
	t.stop = nil
	return os.WriteFile(t.path, []byte(fmt.Sprintln(int64(<-t.gaps))), 0o644)
}

func measure(stop <-chan struct{}, gaps chan<- time.Duration) {
	runtime.LockOSThread()
	var longest time.Duration
	last := time.Now()
	for {
		select {
		case <-stop:
			gaps <- longest
			return
		default:
		}
		time.Sleep(period)
		now := time.Now()
		if gap := now.Sub(last); gap > longest {
			longest = gap
		}
		last = now
	}
}
