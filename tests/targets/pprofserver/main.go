// SPDX-License-Identifier: Apache-2.0

// Pprofserver has about as many profile buckets as asked for and serves /debug/pprof on loopback:
// the benchmark reads the same profile from inside (curl) and from outside.
// It prints "listening ADDRESS" before the "ready PID" of internal/control.
package main

import (
	"flag"
	"fmt"
	"log"
	"math/bits"
	"net"
	"net/http"
	_ "net/http/pprof"
	"runtime"

	"example.com/targets/internal/control"
	"example.com/targets/internal/profiles"
	"example.com/targets/internal/ticker"
)

func main() {
	buckets := flag.Int("buckets", 3000, "about how many allocation stacks to make")
	flag.Parse()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	makeBuckets(*buckets)
	go http.Serve(listener, nil)
	fmt.Printf("listening %s\n", listener.Addr())

	var tick ticker.Ticker
	control.Serve(map[string]control.Command{
		"memprofile":  profiles.WriteMemProfile,
		"unwritten":   unwritten,
		"ticker":      tick.Start,
		"ticker-stop": func(string) error { return tick.Stop() },
	}, nil)
}

// unwritten keeps MiB of objects of three pages each that nothing was written to.
func unwritten(argument string) error {
	bytes, err := control.MiB(argument)
	for i := 0; i < bytes/(12<<10); i++ {
		kept = append(kept, make([]byte, 12<<10))
	}
	runtime.GC()
	return err
}

var kept [][]byte

// makeBuckets samples each of its own allocations, and leaves the usual rate for all others, so
// that serving a profile does not make buckets.
func makeBuckets(count int) {
	usual := runtime.MemProfileRate
	runtime.MemProfileRate = 1
	kept = make([][]byte, 0, count)
	for path := 0; path < count; path++ {
		kept = append(kept, turn(path, bits.Len(uint(count))))
	}
	runtime.MemProfileRate = usual
	runtime.GC()
	runtime.GC()
}

// turn goes left or right by the bits of path: 2^steps different stacks to one allocation.
func turn(path, steps int) []byte {
	if steps == 0 {
		return make([]byte, 1024)
	}
	if path&1 == 0 {
		return turnLeft(path>>1, steps-1)
	}
	return turnRight(path>>1, steps-1)
}

//go:noinline
func turnLeft(path, steps int) []byte { return turn(path, steps) }

//go:noinline
func turnRight(path, steps int) []byte { return turn(path, steps) }
