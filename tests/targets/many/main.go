// SPDX-License-Identifier: Apache-2.0

// Many has as many goroutines as asked for, of four kinds, parked, and serves /debug/pprof on loopback.
// It prints "listening ADDRESS" before "ready PID".
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof"
	"runtime"
	"sync"

	"example.com/targets/internal/control"
	"example.com/targets/internal/ticker"
)

func main() {
	count := flag.Int("count", 10000, "how many goroutines")
	flag.Parse()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	mutex.Lock()
	kinds := []func(int){receive, selectTwo, lock, deep}
	for i := 0; i < *count; i++ {
		go kinds[i%len(kinds)](i)
	}
	runtime.Gosched()
	go http.Serve(listener, nil)
	fmt.Printf("listening %s\n", listener.Addr())
	var tick ticker.Ticker
	control.Serve(map[string]control.Command{
		"ticker":      tick.Start,
		"ticker-stop": func(string) error { return tick.Stop() },
		"churn":       churn,
	}, nil)
}

var (
	never = make(chan int)
	other = make(chan int)
	mutex sync.Mutex
)

func receive(int) { <-never }

func selectTwo(int) {
	select {
	case <-never:
	case <-other:
	}
}

func lock(int) { mutex.Lock() }

func deep(i int) { call(i, 12) }

//go:noinline
func call(i, depth int) int {
	if depth == 0 {
		return <-never
	}
	return call(i, depth-1) + i
}

// churn starts goroutines that move, end and are born again for ever.
func churn(string) error {
	for i := 0; i < 50; i++ {
		go func() {
			for {
				done := make(chan int)
				go func() { done <- call2(8) }()
				<-done
			}
		}()
	}
	return nil
}

//go:noinline
func call2(depth int) int {
	if depth == 0 {
		runtime.Gosched()
		return 1
	}
	return call2(depth-1) + 1
}
