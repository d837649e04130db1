// SPDX-License-Identifier: Apache-2.0

// Allocs is what tests/targets/allocs is, in the language and library of Go 1.11: a process with
// many allocation sites, deep and inlined stacks, and a goroutine in each state, that says on demand
// what its own runtime knows. The protocol is that of tests/targets/internal/control.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	_ "net/http/pprof"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

var commands = map[string]func(argument string) error{
	"memprofile":  writeMemProfile,
	"heap":        func(path string) error { return writeProfile(path, "heap", 0) },
	"goroutines":  func(path string) error { return writeProfile(path, "goroutine", 2) },
	"contend":     contend,
	"block":       func(path string) error { return writeProfile(path, "block", 0) },
	"mutex":       func(path string) error { return writeProfile(path, "mutex", 0) },
	"memstats":    takeMemStats,
	"memstats-to": writeMemStats,
	"rest":        rest,
}

func main() {
	honourRate()
	allocateEverything()
	parkGoroutines()
	serve()
}

// honourRate sets what GODEBUG=memprofilerate=N asks for: Go 1.17 overwrites it at its start.
func honourRate() {
	for _, setting := range strings.Split(os.Getenv("GODEBUG"), ",") {
		if !strings.HasPrefix(setting, "memprofilerate=") {
			continue
		}
		rate, err := strconv.Atoi(strings.TrimPrefix(setting, "memprofilerate="))
		if err == nil && rate != runtime.MemProfileRate {
			runtime.MemProfileRate = rate
		}
	}
}

// serve allocates nothing between an answer and the next command.
func serve() {
	ok := []byte("ok\n")
	input := bufio.NewReaderSize(os.Stdin, 4096)
	fmt.Printf("ready %d\n", os.Getpid())
	for {
		line, err := input.ReadSlice('\n')
		if err != nil {
			return
		}
		name, argument := bytes.TrimSpace(line), []byte(nil)
		if space := bytes.IndexByte(name, ' '); space >= 0 {
			name, argument = name[:space], name[space+1:]
		}
		command := commands[string(name)]
		if command == nil {
			fmt.Printf("error: no command %q\n", name)
			continue
		}
		if err := command(string(argument)); err != nil {
			fmt.Printf("error: %v\n", err)
			continue
		}
		os.Stdout.Write(ok)
	}
}

// rest publishes everything that was allocated so far, and lets no collection start by itself.
func rest(string) error {
	debug.SetGCPercent(-1)
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	debug.FreeOSMemory()
	return nil
}
