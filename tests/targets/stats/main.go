// SPDX-License-Identifier: Apache-2.0

// Stats says of itself what the runtime's statistics are, number for number: runtime.MemStats and
// runtime/metrics, read into memory that was there before. It speaks the protocol of
// internal/control, without that package: it also has to build with Go 1.18.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"sync"
	"time"
)

var (
	memStats runtime.MemStats
	samples  []metrics.Sample
	kept     [][]byte
	keptMu   sync.Mutex
	forever  = make(chan int)
)

func main() {
	prepare()
	commands := map[string]func(int){
		"take":       take,
		"work":       work,
		"gc":         func(int) { runtime.GC() },
		"gogc":       func(percent int) { debug.SetGCPercent(percent) },
		"rest":       func(int) { rest() },
		"finalizers": finalizers,
		"cleanups":   cleanups,
		"timers":     timers,
		"lock":       lock,
		"profiles":   profiles,
	}
	serve(commands)
}

// prepare makes every allocation that taking the numbers needs.
func prepare() {
	for _, description := range metrics.All() {
		switch description.Kind {
		case metrics.KindUint64, metrics.KindFloat64:
			samples = append(samples, metrics.Sample{Name: description.Name})
		}
	}
	runtime.MemProfile(nil, true) // the linker leaves the heap profiler in
	take(0)
}

// take must be the first thing that runs after a wait: it allocates nothing.
func take(int) {
	metrics.Read(samples)
	runtime.ReadMemStats(&memStats)
}

// settle is time for what the runtime does on the side after a collection: sweeping, freeing the
// buffers of the marker, giving memory back.
const settle = 50 * time.Millisecond

func profiles(rate int) {
	runtime.SetBlockProfileRate(rate)
	runtime.SetMutexProfileFraction(rate)
}

func serve(commands map[string]func(int)) {
	ok := []byte("ok\n")
	input := bufio.NewReaderSize(os.Stdin, 4096)
	fmt.Printf("ready %d\n", os.Getpid())
	for {
		line, err := input.ReadSlice('\n')
		if err != nil {
			return
		}
		name, argument := bytes.TrimSpace(line), []byte(nil)
		if i := bytes.IndexByte(name, ' '); i >= 0 {
			name, argument = name[:i], name[i+1:]
		}
		switch command := commands[string(name)]; {
		case string(name) == "quit":
			os.Stdout.Write(ok)
			return
		case string(name) == "write":
			if err := write(string(argument)); err != nil {
				fmt.Printf("error: %v\n", err)
				continue
			}
		case command == nil:
			fmt.Printf("error: no command %q\n", name)
			continue
		default:
			number := 0
			if len(argument) > 0 {
				number, _ = strconv.Atoi(string(argument))
			}
			command(number)
			if string(name) != "take" {
				time.Sleep(settle)
			}
		}
		os.Stdout.Write(ok)
	}
}

func write(path string) error {
	values := map[string]interface{}{}
	for _, sample := range samples {
		switch sample.Value.Kind() {
		case metrics.KindUint64:
			values[sample.Name] = sample.Value.Uint64()
		case metrics.KindFloat64:
			values[sample.Name] = sample.Value.Float64()
		}
	}
	text, err := json.Marshal(map[string]interface{}{"memstats": &memStats, "metrics": values})
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

func rest() {
	debug.SetGCPercent(-1)
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	debug.FreeOSMemory()
}

// work allocates on every processor, tiny to large, and leaves caches of objects and of stacks
// behind: what is left in them is what the runtime has not counted.
func work(rounds int) {
	var group sync.WaitGroup
	for worker := 0; worker < 2*runtime.GOMAXPROCS(0); worker++ {
		group.Add(1)
		go func(worker int) {
			defer group.Done()
			for round := 0; round < rounds; round++ {
				allocate(worker*31 + round)
			}
			deep(64)
		}(worker)
	}
	group.Wait()
}

var tiny *byte

func allocate(seed int) {
	for i := 0; i < 7+seed%11; i++ {
		tiny = new(byte)
	}
	sizes := []int{8, 24, 48, 100, 333, 1000, 2500, 9000, 20000, 32768, 40000, 100000}
	for i, size := range sizes {
		block := make([]byte, size+seed%8)
		if (seed+i)%3 == 0 {
			keptMu.Lock()
			kept = append(kept, block)
			keptMu.Unlock()
		}
	}
	pointers := make([]*byte, 3+seed%70)
	pointers[0] = tiny
	done := make(chan int)
	for i := 0; i < 5; i++ {
		go func() { deep(seed % 20); done <- 1 }()
	}
	for i := 0; i < 5; i++ {
		<-done
	}
	runtime.KeepAlive(pointers)
}

//go:noinline
func deep(depth int) byte {
	var frame [256]byte
	frame[depth%256] = byte(depth)
	if depth > 0 {
		frame[0] += deep(depth - 1)
	}
	return frame[0]
}

// finalizers makes so many objects that are dead, with finalizers that never come to an end.
func finalizers(count int) {
	for i := 0; i < count; i++ {
		runtime.SetFinalizer(&[64]byte{}, func(*[64]byte) { <-forever })
	}
	runtime.GC()
}

func timers(count int) {
	for i := 0; i < count; i++ {
		time.AfterFunc(time.Hour+time.Duration(i)*time.Second, func() {})
	}
}

// lock starts goroutines that each wait with a thread of its own.
func lock(count int) {
	for i := 0; i < count; i++ {
		go func() { runtime.LockOSThread(); <-forever }()
	}
}
