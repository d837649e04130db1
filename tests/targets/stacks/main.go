// SPDX-License-Identifier: Apache-2.0

// Stacks has goroutines in every kind of wait and with every kind of frame, all parked, and says what
// the runtime says of them: "dump PATH" writes runtime.Stack of all, "profile PATH" the goroutine
// profile, "proto PATH" the same for pprof. "spin N" starts goroutines that run, "work" some that run in
// other places: the allocator and the collector, the vDSO, growing stacks, handlers of signals.
//
// It is Go 1.18, and its own protocol, so that old toolchains build it.
package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	started := make(chan bool)
	for _, start := range []func(){startChannels, startSync, startSystem, startFrames, startLabels} {
		start()
	}
	go func() { close(started) }()
	<-started
	// Old enough for the runtime to say since when they wait, and for the finalizer to block.
	time.Sleep(100 * time.Millisecond)
	runtime.GC()
	time.Sleep(50 * time.Millisecond)
	runtime.GC()
	serve()
}

func serve() {
	input := bufio.NewReader(os.Stdin)
	fmt.Printf("ready %d\n", os.Getpid())
	for {
		line, err := input.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		if err := obey(words[0], words[1:]); err != nil {
			fmt.Println("error:", err)
			continue
		}
		fmt.Println("ok")
	}
}

func obey(command string, arguments []string) error {
	switch command {
	case "rest":
		return nil
	case "spin":
		count, err := strconv.Atoi(arguments[0])
		for i := 0; i < count; i++ {
			go spinOuter()
		}
		return err
	case "work":
		runtime.SetCPUProfileRate(1000)
		for _, work := range []func(){workAllocate, workClock, workGrow, workFault, spinOuter} {
			go work()
		}
		return nil
	case "dump":
		text := make([]byte, 16<<20)
		return os.WriteFile(arguments[0], text[:runtime.Stack(text, true)], 0o644)
	case "profile", "proto":
		file, err := os.Create(arguments[0])
		if err != nil {
			return err
		}
		defer file.Close()
		debug := 0
		if command == "profile" {
			debug = 1
		}
		return pprof.Lookup("goroutine").WriteTo(file, debug)
	}
	return fmt.Errorf("no command %q", command)
}

var (
	never  = make(chan int)
	full   = make(chan int)
	nobody chan int
	other  = make(chan string)
)

func startChannels() {
	for i := 0; i < 3; i++ {
		go receive()
	}
	go send()
	go func() { <-nobody }()
	go func() { nobody <- 1 }()
	go selectTwo()
	go selectNone()
	go rangeOver()
}

func receive() { <-never }

func send() { full <- 1 }

func selectTwo() {
	select {
	case <-never:
	case other <- "":
	}
}

func selectNone() { select {} }

func rangeOver() {
	for range never {
	}
}

var (
	mutex   sync.Mutex
	rwMutex sync.RWMutex
	writer  sync.RWMutex
	group   sync.WaitGroup
	cond    = sync.NewCond(&sync.Mutex{})
	once    sync.Once
)

func startSync() {
	mutex.Lock()
	go lock()
	rwMutex.Lock()
	go func() { rwMutex.RLock() }()
	writer.RLock()
	go func() { writer.Lock() }()
	group.Add(1)
	go group.Wait()
	go waitCond()
	go once.Do(receive)
	go time.Sleep(time.Hour)
	go func() { <-time.After(time.Hour) }()
}

//go:noinline
func lock() {
	mutex.Lock()
	defer mutex.Unlock()
}

func waitCond() {
	cond.L.Lock()
	cond.Wait()
	cond.L.Unlock()
}

type object struct{ payload [64]byte }

func startSystem() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() { listener.Accept() }()
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil {
		panic(err)
	}
	go readPipe(pipe[0])
	go locked()
	runtime.SetFinalizer(&object{}, func(*object) { <-never })
}

func readPipe(descriptor int) {
	var buffer [1]byte
	syscall.Read(descriptor, buffer[:])
}

func locked() {
	runtime.LockOSThread()
	<-never
}

type tree[T any] struct{ value T }

//go:noinline
func (t *tree[T]) wait(channel chan T) T { return <-channel }

//go:noinline
func waitGeneric[K comparable, V any](channel chan map[K]V) { <-channel }

type waiter interface{ wait(int) }

type byValue struct{ channel chan int }

//go:noinline
func (b byValue) wait(int) { <-b.channel }

type embeds struct{ byValue }

func inlinedLeaf() { <-never }

func inlinedMiddle() { inlinedLeaf() }

//go:noinline
func callsInlined() { inlinedMiddle() }

func startFrames() {
	go recurse(300, 0)
	go recurse(5000, 0)
	go callsInlined()
	go (&tree[int]{}).wait(never)
	go waitGeneric(make(chan map[string][]int))
	method := byValue{never}.wait
	go method(1)
	go func(w waiter) { w.wait(1) }(&byValue{never})
	go func(w waiter) { w.wait(1) }(&embeds{byValue{never}})
	go inDefer()
	go inPanic()
	go inNilDereference(nil)
	go afterRecover()
	go sort.Slice([]int{2, 1}, func(i, j int) bool { <-never; return false })
	go nested()()
}

//go:noinline
func recurse(depth, sum int) int {
	if depth == 0 {
		return <-never
	}
	return recurse(depth-1, sum+depth) + sum
}

func inDefer() {
	defer func() {
		defer receive()
	}()
}

func inPanic() {
	defer func() {
		<-never
		recover()
	}()
	panic("in progress")
}

func inNilDereference(o *object) {
	defer func() { <-never }()
	o.payload[1]++
}

func afterRecover() {
	func() {
		defer func() { recover() }()
		panic("over")
	}()
	<-never
}

func nested() func() {
	return func() {
		func() {
			go func() { <-never }()
			<-never
		}()
	}
}

func startLabels() {
	ctx := context.Background()
	go pprof.Do(ctx, pprof.Labels("tenant", "acme", "request", "a b\"c"), parkLabelled)
	go pprof.Do(ctx, pprof.Labels("tenant", "umbrella"), func(ctx context.Context) {
		pprof.Do(ctx, pprof.Labels("step", "2"), func(context.Context) {
			go receive() // inherits
			<-never
		})
	})
	many := []string{}
	for i := 0; i < 20; i++ {
		many = append(many, fmt.Sprintf("key%02d", i), strings.Repeat("v", i))
	}
	go pprof.Do(ctx, pprof.Labels(many...), parkLabelled)
}

func parkLabelled(context.Context) { <-never }

var spins [64]int

//go:noinline
func spinOuter() { spinMiddle(len(spins)) }

//go:noinline
func spinMiddle(n int) {
	for i := 0; ; i++ {
		spins[i%n] += spinLeaf(i)
	}
}

//go:noinline
func spinLeaf(i int) int {
	sum := 0
	for j := 0; j < 1000; j++ {
		sum += i * j
	}
	return sum
}

var (
	block []byte
	clock time.Time
)

func workAllocate() {
	for i := 0; ; i++ {
		block = make([]byte, 1<<10+i%(64<<10))
	}
}

func workClock() {
	for {
		clock = time.Now()
	}
}

func workGrow() {
	for {
		done := make(chan bool)
		go workDeep(done)
		<-done
	}
}

func workDeep(done chan bool) {
	sumUp(1000)
	close(done)
}

//go:noinline
func sumUp(depth int) int {
	if depth == 0 {
		return 0
	}
	return sumUp(depth-1) + depth
}

func workFault() {
	for {
		fault(nil)
	}
}

//go:noinline
func fault(o *object) {
	defer func() { recover() }()
	o.payload[1]++
}
