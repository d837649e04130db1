// SPDX-License-Identifier: Apache-2.0

// Command shop dies in the way that its argument names.
package main

import (
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"example.com/riot"
	"example.com/shop/export"
)

type order struct {
	items []int
	next  *order
	names map[string]int
}

type outOfStock struct {
	item int
	why  string
}

func (e outOfStock) Error() string { return "out of stock: " + strconv.Itoa(e.item) }

type plain struct {
	a int
	b string
}

func handle(index int) int {
	o := &order{items: []int{1, 2, 3}}
	return o.items[index+2]
}

func nested() {
	defer func() {
		panic("the second, while the first was on its way")
	}()
	panic("the first")
}

func again() {
	defer func() {
		if r := recover(); r != nil {
			panic(r)
		}
	}()
	panic(errors.New("again"))
}

func recovered() {
	defer func() {
		if r := recover(); r != nil {
			log.Printf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	handle(7)
}

func served() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/", func(http.ResponseWriter, *http.Request) { handle(5) })
	go http.Serve(listener, nil)
	http.Get("http://" + listener.Addr().String() + "/")
	time.Sleep(20 * time.Millisecond)
}

// park starts goroutines that wait in many ways.
func park() {
	var mutex sync.Mutex
	var group sync.WaitGroup
	mutex.Lock()
	group.Add(1)
	answers := make(chan int)
	for i := 0; i < 12; i++ {
		go export.Fetch(answers)
	}
	for i := 0; i < 3; i++ {
		go func() {
			mutex.Lock()
		}()
	}
	go group.Wait()
	go func() { time.Sleep(time.Hour) }()
	go func() { select {} }()
	go func() {
		var never chan int
		<-never
	}()
	go func() {
		select {
		case <-answers:
		case <-time.After(time.Hour):
		}
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		go http.Serve(listener, nil)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, userSignal)
	engine := riot.Start(8)
	engine.Submit(func() { select {} })
	time.Sleep(30 * time.Millisecond)
}

func address(n uintptr) *int { return (*int)(unsafe.Pointer(n)) }

func signalled(which syscall.Signal) {
	park()
	kill(which)
	time.Sleep(5 * time.Second)
}

func profile(debug int) {
	park()
	pprof.Lookup("goroutine").WriteTo(os.Stdout, debug)
}

func threads() {
	debug.SetMaxThreads(8)
	for i := 0; i < 20; i++ {
		go func() {
			runtime.LockOSThread()
			time.Sleep(time.Second)
		}()
	}
	time.Sleep(5 * time.Second)
}

// many start too many workers of an engine; the last straw is small.
func workers() {
	engine := riot.Start(60)
	for i := 0; i < 40; i++ {
		engine.Submit(export.FillCache)
	}
	select {}
}

var ways = map[string]func(){
	"giant":          func() { shift := uint(35); export.Giant(1 << shift) },
	"toolong":        func() { n := -5; export.Giant(n) },
	"body":           export.CopyBody,
	"cache":          export.FillCache,
	"rows":           export.Rows,
	"join":           export.Join,
	"workers":        workers,
	"overflow":       func() { export.Recurse(0, [64]int{}) },
	"mapwrites":      func() { (&export.Counters{}).Race() },
	"mapread":        func() { (&export.Counters{}).RaceRead() },
	"deadlock":       func() { export.Fetch(make(chan int)) },
	"deadlock-mutex": export.LockTwice,
	"goexit":         runtime.Goexit,
	"threads":        threads,
	"nil":            func() { var o *order; o.items[0]++ },
	"index":          func() { handle(4) },
	"slice":          func() { n := 9; _ = (&order{items: []int{1}}).items[n:] },
	"divide":         func() { n := 0; fmt.Println(3 / n) },
	"nilmap":         func() { (&order{}).names["x"] = 1 },
	"assert":         func() { var any interface{} = 3; fmt.Println(any.(string)) },
	"closed":         func() { c := make(chan int); close(c); close(c) },
	"send-closed":    func() { c := make(chan int); close(c); c <- 1 },
	"string":         func() { panic("no such product") },
	"multiline":      func() { panic("first line\n\tsecond line\n\nfourth line: goroutine of the text") },
	"error":          func() { panic(fmt.Errorf("cannot open %s: %v", "store", os.ErrNotExist)) },
	"custom":         func() { panic(outOfStock{7, "sold"}) },
	"struct":         func() { panic(plain{1, "x"}) },
	"pointer":        func() { panic(&plain{1, "x"}) },
	"callback":       func() { riot.Each(3, func(int) { panic("in the callback of another module") }) },
	"nested":         nested,
	"again":          again,
	"recovered":      recovered,
	"served":         served,
	"in-goroutine":   func() { go handle(4); time.Sleep(time.Second) },
	"fault":          func() { shift := uint(12); *address(uintptr(0xdeadbeef) << shift) = 1 },
	"unlock":         func() { var m sync.Mutex; m.Unlock() },
	"waitgroup":      func() { var g sync.WaitGroup; g.Done() },
	"sigquit":        func() { signalled(syscall.SIGQUIT) },
	"sigabrt":        func() { signalled(abortSignal) },
	"sigsegv":        func() { signalled(faultSignal) },
	"profile1":       func() { profile(1) },
	"profile2":       func() { profile(2) },
	"race":           race,
}

func race() {
	n := 0
	done := make(chan bool)
	go func() {
		n++
		done <- true
	}()
	n++
	<-done
	fmt.Println(n)
}

func main() {
	way := ways[os.Args[1]]
	if way == nil {
		fmt.Fprintln(os.Stderr, "no such way")
		os.Exit(64)
	}
	way()
}
