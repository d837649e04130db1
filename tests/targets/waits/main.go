// SPDX-License-Identifier: Apache-2.0

// Waits has goroutines that wait for ever, in the one way that its first argument names, beside pools
// and servers that are healthy. Each way leaks in a function of its own name.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"reflect"
	"runtime"
	"runtime/pprof"

	"example.com/targets/internal/control"
)

// What leaks: called `count` times; what waits are goroutines that it starts.
var ways = map[string]func(){
	"io":         readsWithoutDeadline,
	"mutex":      locksWhatIsNeverReleased,
	"rwmutex":    readLocksBehindWriter,
	"waitgroup":  waitsForMissingDone,
	"cond":       waitsForMissingSignal,
	"select":     selectsWithoutReadyCase,
	"nothing":    selectsNothing,
	"nilchan":    receivesFromNil,
	"unbuffered": sendsAfterTimeout,
	"full":       sendsToFull,
	"empty":      receivesFromEmpty,
	"sender":     rangesOverUnclosed,
	"receiver":   sendsToNobody,
	"context":    waitsForCancel,
	"ticker":     ticksForEver,
	"rows":       leavesRowsOpen,
	"bodies":     leavesBodiesOpen,
	"pipes":      waitsForPipe,
	"pool":       receivesFromShared,
	"held":       holdsAndWaits,
}

// What the goroutines wait on, one address a line.
var truth []byte

// Keeps the address as text only, so that it leads nowhere.
func tell(object interface{}) {
	truth = append(truth, fmt.Sprintf("%x\n", reflect.ValueOf(object).Pointer())...)
}

func main() {
	count := flag.Int("count", 60, "how often to leak")
	healthy := flag.Bool("healthy", true, "have healthy pools beside")
	flag.Parse()
	leak := ways[flag.Arg(0)]
	if leak == nil && flag.Arg(0) != "none" {
		log.Fatalf("waits: no way %q", flag.Arg(0))
	}
	if *healthy {
		startHealthy()
	}
	for i := 0; leak != nil && i < *count; i++ {
		leak()
	}
	runtime.Gosched()
	fmt.Fprintln(os.Stderr, "leaking:", flag.Arg(0))
	control.Serve(map[string]control.Command{
		"more":  func(string) error { leak(); return nil },
		"gc":    func(string) error { runtime.GC(); return nil },
		"truth": func(path string) error { return os.WriteFile(path, truth, 0o644) },
		"leaks": func(path string) error { return writeLeaks(path) },
	}, nil)
}

// What the runtime itself finds leaked: Go 1.27 and later.
func writeLeaks(path string) error {
	profile := pprof.Lookup("goroutineleak")
	if profile == nil {
		return fmt.Errorf("this Go has no such profile")
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return profile.WriteTo(file, 0)
}
