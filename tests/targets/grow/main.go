// SPDX-License-Identifier: Apache-2.0

// Grow gets more of one thing when told: goroutines, threads, open files or live heap. Heap and
// goroutines it lets go of when told, the rest it keeps.
package main

import (
	"fmt"
	_ "net/http/pprof"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"syscall"

	"example.com/targets/internal/control"
)

var (
	never = make(chan int)
	files []*os.File
	heap  [][]byte
	pipes []int
)

func count(argument string) (int, error) {
	n, err := strconv.Atoi(argument)
	if err != nil || n < 0 || n > 1<<20 {
		return 0, fmt.Errorf("not a number: %q", argument)
	}
	return n, nil
}

//go:noinline
func wait() { <-never }

func goroutines(argument string) error {
	n, err := count(argument)
	for i := 0; i < n; i++ {
		go wait()
	}
	return err
}

// threads that sit in a system call.
func threads(argument string) error {
	n, err := count(argument)
	for i := 0; i < n; i++ {
		var ends [2]int
		if err := syscall.Pipe(ends[:]); err != nil {
			return err
		}
		pipes = append(pipes, ends[0], ends[1])
		go func(fd int) {
			runtime.LockOSThread()
			var b [1]byte
			syscall.Read(fd, b[:])
		}(ends[0])
	}
	return err
}

func fds(argument string) error {
	n, err := count(argument)
	for i := 0; i < n; i++ {
		file, err := os.Open("/dev/null")
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	return err
}

//go:noinline
func remember(bytes int) {
	block := make([]byte, bytes)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	heap = append(heap, block)
}

func keep(argument string) error {
	bytes, err := control.MiB(argument)
	for i := 0; i < bytes>>20; i++ {
		remember(1 << 20)
	}
	return err
}

func forget(string) error {
	heap = nil
	return nil
}

// end of the goroutines.
func end(string) error {
	close(never)
	never = make(chan int)
	for runtime.NumGoroutine() > 1 {
		runtime.Gosched()
	}
	return nil
}

func collect(string) error {
	runtime.GC()
	return nil
}

// numbers: what the program says of itself.
func numbers(path string) error {
	var stats runtime.MemStats
	n := runtime.NumGoroutine()
	runtime.ReadMemStats(&stats)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	text := fmt.Sprintf(`{"goroutines": %d, "heap_alloc": %d, "heap_live": %d}`, n,
		stats.HeapAlloc, live[0].Value.Uint64())
	return os.WriteFile(path, []byte(text), 0o644)
}

func main() {
	control.Serve(map[string]control.Command{
		"goroutines": goroutines,
		"threads":    threads,
		"fds":        fds,
		"keep":       keep,
		"forget":     forget,
		"end":        end,
		"collect":    collect,
		"numbers":    numbers,
	}, nil)
}
