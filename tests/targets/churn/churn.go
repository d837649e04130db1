// SPDX-License-Identifier: Apache-2.0

// Churn makes garbage, or a leak, by so many MiB a command, and says which limits its runtime has in
// force. With GOGC=400 in a small cgroup its garbage alone gets it killed. Nothing in it reads the
// heap profile, so the linker turns the profiler off.
package main

import (
	"encoding/json"
	"os"
	"runtime"
	"runtime/debug"

	"example.com/targets/internal/control"
)

const blockBytes = 32 << 10

var (
	kept [][]byte
	sink []byte
)

// block is of memory that is really there.
func block() []byte {
	made := make([]byte, blockBytes)
	for i := 0; i < len(made); i += 4096 {
		made[i] = 1
	}
	return made
}

//go:noinline
func waste(argument string) error {
	bytes, err := control.MiB(argument)
	for ; bytes > 0; bytes -= blockBytes {
		sink = block()
	}
	sink = nil
	return err
}

//go:noinline
func remember(argument string) error {
	bytes, err := control.MiB(argument)
	for ; bytes > 0; bytes -= blockBytes {
		kept = append(kept, block())
	}
	return err
}

func collect(string) error {
	runtime.GC()
	return nil
}

// settings writes what the runtime says of itself. There is no way to ask for GOGC but to set it.
func settings(path string) error {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	text, err := json.Marshal(map[string]int64{
		"memory_limit":     setMemoryLimit(-1),
		"gc_percent":       int64(percent),
		"mem_profile_rate": int64(runtime.MemProfileRate),
		"collections":      int64(stats.NumGC),
		"heap_goal":        int64(stats.NextGC),
		"sys":              int64(stats.Sys - stats.HeapReleased),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

func limit(argument string) error {
	bytes, err := control.MiB(argument)
	setMemoryLimit(int64(bytes))
	return err
}

func main() {
	control.Serve(map[string]control.Command{
		"waste":    waste,
		"remember": remember,
		"collect":  collect,
		"settings": settings,
		"limit":    limit,
	}, nil)
}
