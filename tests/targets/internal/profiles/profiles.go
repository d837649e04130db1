// SPDX-License-Identifier: Apache-2.0

// Package profiles writes what a process says about itself: the truth that tests compare with.
package profiles

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
)

// HonourRate sets what GODEBUG=memprofilerate=N asks for: Go 1.17 and 1.18 overwrite it at their start.
func HonourRate() {
	for _, setting := range strings.Split(os.Getenv("GODEBUG"), ",") {
		name, value, _ := strings.Cut(setting, "=")
		rate, err := strconv.Atoi(value)
		if name == "memprofilerate" && err == nil && rate != runtime.MemProfileRate {
			runtime.MemProfileRate = rate
		}
	}
}

type Frame struct {
	PC       uintptr `json:"pc"` // as the runtime stores it: a return address
	Function string  `json:"function"`
	File     string  `json:"file"`
	Line     int     `json:"line"`
}

type Record struct {
	AllocObjects int64   `json:"alloc_objects"`
	AllocBytes   int64   `json:"alloc_bytes"`
	InUseObjects int64   `json:"inuse_objects"`
	InUseBytes   int64   `json:"inuse_bytes"`
	Stack        []Frame `json:"stack"`
}

// WriteMemProfile writes all records, unscaled, as JSON: {"rate": N, "records": [...]}.
// runtime.MemProfile cuts a stack at 32 frames, and the pprof format leaves the runtime's own
// frames out; the legacy text keeps both the counts and every program counter.
func WriteMemProfile(path string) error {
	var records []Record
	err := eachRecord("heap", func(numbers string, stack []Frame) error {
		r := Record{Stack: stack} // "objects: bytes [objects: bytes]": in use, then allocated
		_, err := fmt.Sscanf(numbers, "%d: %d [%d: %d]", &r.InUseObjects, &r.InUseBytes,
			&r.AllocObjects, &r.AllocBytes)
		records = append(records, r)
		return err
	})
	if err != nil {
		return err
	}
	return writeJSON(path, map[string]any{"rate": runtime.MemProfileRate, "records": records})
}

// eachRecord calls f with the numbers and the stack of every line "numbers @ 0x... 0x..." of a
// profile's text; the other lines are the heading and the symbolised frames.
func eachRecord(profile string, f func(numbers string, stack []Frame) error) error {
	var text bytes.Buffer
	if err := pprof.Lookup(profile).WriteTo(&text, 1); err != nil {
		return err
	}
	for _, line := range strings.Split(text.String(), "\n") {
		if strings.HasPrefix(line, "# runtime.MemStats") {
			break
		}
		numbers, words, found := strings.Cut(line, " @")
		if !found || line[0] < '0' || line[0] > '9' {
			continue
		}
		stack, err := parseStack(words)
		if err == nil {
			err = f(numbers, stack)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
	}
	return nil
}

func parseStack(words string) ([]Frame, error) {
	var stack []Frame
	for _, word := range strings.Fields(words) {
		pc, err := strconv.ParseUint(word, 0, 64)
		if err != nil {
			return nil, err
		}
		stack = append(stack, symbolise(uintptr(pc)))
	}
	return stack, nil
}

// symbolise treats each program counter alone: the runtime stores one for each logical frame.
func symbolise(pc uintptr) Frame {
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	return Frame{PC: pc, Function: frame.Function, File: frame.File, Line: frame.Line}
}

// WriteHeap writes the heap profile in the pprof format.
func WriteHeap(path string) error {
	return write(path, "heap", 0)
}

// WriteBlock and WriteMutex write these profiles in the pprof format.
func WriteBlock(path string) error { return write(path, "block", 0) }
func WriteMutex(path string) error { return write(path, "mutex", 0) }

// WriteLeaked has the runtime look for leaked goroutines, where it can, and writes them.
func WriteLeaked(path string) error {
	if pprof.Lookup("goroutineleak") == nil {
		return errors.New("there is no such profile")
	}
	return write(path, "goroutineleak", 0)
}

// WriteGoroutines writes every goroutine with its state, as a crash would print it.
func WriteGoroutines(path string) error {
	return write(path, "goroutine", 2)
}

func write(path, profile string, debug int) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return pprof.Lookup(profile).WriteTo(file, debug)
}

var memStats runtime.MemStats // not on the heap: reading it must not change what it says

// TakeMemStats reads runtime.MemStats and nothing else: it does not allocate.
func TakeMemStats(string) error {
	runtime.ReadMemStats(&memStats)
	return nil
}

// WriteMemStats writes what TakeMemStats took.
func WriteMemStats(path string) error {
	return writeJSON(path, &memStats)
}

func writeJSON(path string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
