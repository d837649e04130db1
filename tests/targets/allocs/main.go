// SPDX-License-Identifier: Apache-2.0

// Allocs is a process with a heap worth reading: many allocation sites, deep and inlined stacks,
// generics, closures, maps, and a goroutine in each state. internal/control has its protocol.
// GODEBUG=memprofilerate=N sets the profiling rate from the first allocation on.
package main

import (
	_ "net/http/pprof"

	"example.com/targets/internal/contention"
	"example.com/targets/internal/control"
	"example.com/targets/internal/profiles"
	"example.com/targets/internal/ticker"
)

func main() {
	profiles.HonourRate()
	allocateEverything()
	parkGoroutines()

	var churn churner
	var tick ticker.Ticker
	control.Serve(map[string]control.Command{
		"memprofile":  profiles.WriteMemProfile,
		"heap":        profiles.WriteHeap,
		"memstats":    profiles.TakeMemStats,
		"memstats-to": profiles.WriteMemStats,
		"goroutines":  profiles.WriteGoroutines,
		"contend":     contention.Contend,
		"leak":        contention.Leak,
		"leaked":      profiles.WriteLeaked,
		"block":       profiles.WriteBlock,
		"mutex":       profiles.WriteMutex,
		"churn":       churn.command,
		"grow":        grow,
		"ticker":      tick.Start,
		"ticker-stop": func(string) error { return tick.Stop() },
	}, churn.stop)
}

// grown keeps what "grow" allocated; the other sites keep theirs in kept.
var grown [][]byte

func grow(argument string) error {
	bytes, err := control.MiB(argument)
	if err != nil {
		return err
	}
	control.Wake()
	for ; bytes > 0; bytes -= 1 << 20 {
		grown = append(grown, touched(1<<20))
	}
	return nil
}

//go:noinline
func touched(bytes int) []byte {
	block := make([]byte, bytes)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	return block
}
