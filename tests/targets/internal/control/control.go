// SPDX-License-Identifier: Apache-2.0

// Package control speaks the protocol of the test targets: one command a line on stdin, one answer
// a line on stdout, "ok" or "error: ...". The first line a target prints is "ready PID".
//
// Between an answer and the next command the target sits in a blocking read and allocates nothing,
// so what a test reads from outside is what the target will say about itself afterwards.
// The package imports nothing that links the heap profiler in.
package control

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

// Command does one thing; its argument is the rest of the line.
type Command func(argument string) error

// Serve answers commands until "quit" or the end of stdin. "rest" is built in: it calls beforeRest
// (may be nil) and then makes the heap, and what is published about it, stand still.
func Serve(commands map[string]Command, beforeRest func()) {
	ok := []byte("ok\n")
	input := bufio.NewReaderSize(os.Stdin, 4096)
	fmt.Printf("ready %d\n", os.Getpid())
	for {
		line, err := input.ReadSlice('\n')
		if err != nil {
			return
		}
		name, argument, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		switch string(name) {
		case "quit":
			os.Stdout.Write(ok)
			return
		case "rest":
			if beforeRest != nil {
				beforeRest()
			}
			rest()
		default:
			command := commands[string(name)]
			if command == nil {
				fmt.Printf("error: no command %q\n", name)
				continue
			}
			if err := command(string(argument)); err != nil {
				fmt.Printf("error: %v\n", err)
				continue
			}
		}
		os.Stdout.Write(ok)
	}
}

// rest lets no collection start by itself any more: each would publish another profiling cycle.
// Three collections publish everything allocated so far, and the scavenger is left nothing to do.
func rest() {
	debug.SetGCPercent(-1)
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	debug.FreeOSMemory()
}

// Wake undoes what "rest" did to the collector.
func Wake() {
	debug.SetGCPercent(100)
}

// MiB parses a number of mebibytes and returns bytes.
func MiB(argument string) (int, error) {
	n, err := strconv.Atoi(argument)
	if err != nil || n < 0 || n > 1<<20 {
		return 0, fmt.Errorf("not a number of MiB: %q", argument)
	}
	return n << 20, nil
}
