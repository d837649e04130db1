// SPDX-License-Identifier: Apache-2.0

// Cmalloc is a Go program whose memory is C's: it takes it with malloc through cgo, in small blocks,
// in threads of their own, or with mappings of their own.
package main

/*
#include <stdlib.h>
#include "scenario.h"
*/
import "C"

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"example.com/targets/internal/control"
)

// Every command runs on the main thread, whose arena is the main one.
func init() { runtime.LockOSThread() }

func main() {
	control.Serve(map[string]control.Command{
		"open":    open,
		"info":    func(string) error { C.scenario_info(); return nil },
		"leak":    mib(func(bytes int) { C.scenario_leak(C.size_t(bytes)) }),
		"holes":   mib(func(bytes int) { C.scenario_holes(C.size_t(bytes)) }),
		"fast":    pair(func(count, _ int) { C.scenario_fast(C.size_t(count)) }),
		"mmapped": pair(func(count, kib int) { C.scenario_mmapped(C.size_t(count), C.size_t(kib<<10)) }),
		"threads": pair(threads),
		"release": release,
	}, nil)
}

func open(path string) error {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	if C.scenario_open(name) == 0 {
		return fmt.Errorf("cannot open %s", path)
	}
	return nil
}

func mib(run func(bytes int)) control.Command {
	return func(argument string) error {
		bytes, err := control.MiB(argument)
		if err == nil {
			run(bytes)
		}
		return err
	}
}

func pair(run func(a, b int)) control.Command {
	return func(argument string) error {
		var a, b int
		if _, err := fmt.Sscan(argument, &a, &b); err != nil {
			return err
		}
		run(a, b)
		return nil
	}
}

var running sync.WaitGroup

// threads starts as many, each bound to one of the system, and returns when all of them wait.
func threads(count, mib int) {
	var ready sync.WaitGroup
	ready.Add(count)
	running.Add(count)
	for i := 0; i < count; i++ {
		go func() {
			runtime.LockOSThread() // and never unlocks it: the thread ends with the goroutine
			C.scenario_churn(C.size_t(mib << 20))
			ready.Done()
			C.scenario_wait()
			running.Done()
		}()
	}
	ready.Wait()
}

func release(string) error {
	C.scenario_release()
	running.Wait()
	return nil
}
