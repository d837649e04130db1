// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/ioutil"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
)

type frame struct {
	PC       uintptr `json:"pc"` // as the runtime stores it: a return address
	Function string  `json:"function"`
	File     string  `json:"file"`
	Line     int     `json:"line"`
}

type record struct {
	AllocObjects int64   `json:"alloc_objects"`
	AllocBytes   int64   `json:"alloc_bytes"`
	InUseObjects int64   `json:"inuse_objects"`
	InUseBytes   int64   `json:"inuse_bytes"`
	Stack        []frame `json:"stack"`
}

// eachRecord calls f with the numbers and the stack of every "numbers @ 0x... 0x..." of a profile.
func eachRecord(profile string, f func(numbers string, stack []frame) error) error {
	var text bytes.Buffer
	if err := pprof.Lookup(profile).WriteTo(&text, 1); err != nil {
		return err
	}
	for _, line := range strings.Split(text.String(), "\n") {
		if strings.HasPrefix(line, "# runtime.MemStats") {
			break
		}
		at := strings.Index(line, " @")
		if at < 0 || line[0] < '0' || line[0] > '9' {
			continue
		}
		var stack []frame
		for _, word := range strings.Fields(line[at+2:]) {
			pc, err := strconv.ParseUint(word, 0, 64)
			if err != nil {
				return err
			}
			stack = append(stack, symbolise(uintptr(pc))...)
		}
		if err := f(line[:at], stack); err != nil {
			return err
		}
	}
	return nil
}

// symbolise gives one frame since Go 1.12; in Go 1.11 what is inlined has no program counter of its
// own.
func symbolise(pc uintptr) []frame {
	var stack []frame
	frames := runtime.CallersFrames([]uintptr{pc})
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		stack = append(stack, frame{PC: pc, Function: f.Function, File: f.File, Line: f.Line})
	}
	return stack
}

func writeMemProfile(path string) error {
	var records []record
	err := eachRecord("heap", func(numbers string, stack []frame) error {
		r := record{Stack: stack}
		_, err := fmt.Sscanf(numbers, "%d: %d [%d: %d]", &r.InUseObjects, &r.InUseBytes,
			&r.AllocObjects, &r.AllocBytes)
		records = append(records, r)
		return err
	})
	if err != nil {
		return err
	}
	rate := runtime.MemProfileRate
	return writeJSON(path, map[string]interface{}{"rate": rate, "records": records})
}

func writeProfile(path, profile string, debug int) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return pprof.Lookup(profile).WriteTo(file, debug)
}

var memStats runtime.MemStats // not on the heap: reading it must not change what it says

func takeMemStats(string) error {
	runtime.ReadMemStats(&memStats)
	return nil
}

func writeMemStats(path string) error {
	return writeJSON(path, &memStats)
}

func writeJSON(path string, value interface{}) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return ioutil.WriteFile(path, text, 0644)
}
