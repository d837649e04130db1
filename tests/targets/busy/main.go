// SPDX-License-Identifier: Apache-2.0

// Busy is a service under load, for what must not disturb one: an HTTP server whose requests allocate,
// start goroutines and sleep, beside a heap, parked goroutines and a ticker of the sizes asked for.
// With -load ADDRESS it is the clients instead: it asks that server from many connections at once and
// ends with an error when an answer is wrong or does not come.
// It prints "listening ADDRESS" before the "ready PID" of internal/control.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"time"

	"example.com/targets/internal/control"
	"example.com/targets/internal/profiles"
	"example.com/targets/internal/ticker"
)

func main() {
	heap := flag.Int("heap", 20, "MiB to keep")
	goroutines := flag.Int("goroutines", 100, "goroutines to park")
	load := flag.String("load", "", "be the clients of the server at this address")
	clients := flag.Int("clients", 8, "how many clients")
	flag.Parse()
	if *load != "" {
		beClients(*load, *clients)
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fill(*heap << 20)
	for i := 0; i < *goroutines; i++ {
		go park(i % 16)
	}
	http.HandleFunc("/work", work)
	go http.Serve(listener, nil)
	fmt.Printf("listening %s\n", listener.Addr())

	var tick ticker.Ticker
	control.Serve(map[string]control.Command{
		"memprofile":  profiles.WriteMemProfile,
		"goroutines":  profiles.WriteGoroutines,
		"run":         run,
		"ticker":      tick.Start,
		"ticker-stop": func(string) error { return tick.Stop() },
	}, nil)
}

var kept [][]byte

func fill(bytes int) {
	for ; bytes > 0; bytes -= 16 << 10 {
		block := make([]byte, 16<<10)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		kept = append(kept, block)
	}
}

var never = make(chan int)

//go:noinline
func park(depth int) {
	if depth > 0 {
		park(depth - 1)
		return
	}
	<-never
}

var turns int64

// run starts goroutines that compute for ever: each is running on a thread at any moment.
func run(argument string) error {
	count, err := strconv.Atoi(argument)
	for i := 0; i < count; i++ {
		go compute()
	}
	return err
}

//go:noinline
func compute() {
	for {
		atomic.AddInt64(&turns, 1)
	}
}

// work answers with the sum of what it allocated. Each 64th request runs a program, so that the
// process has children of its own, and waits for them.
func work(writer http.ResponseWriter, request *http.Request) {
	number, _ := strconv.Atoi(request.URL.Query().Get("n"))
	parts := make(chan int)
	for i := 0; i < 4; i++ {
		go func() {
			time.Sleep(200 * time.Microsecond)
			parts <- len(make([]byte, 1024*(1+number%32)))
		}()
	}
	sum := 0
	for i := 0; i < 4; i++ {
		sum += <-parts
	}
	if number%64 == 0 {
		if err := exec.Command("/bin/true").Run(); err != nil {
			http.Error(writer, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	fmt.Fprintln(writer, sum)
}

func beClients(address string, count int) {
	failures := make(chan error)
	for i := 0; i < count; i++ {
		go func() { failures <- askFor(address) }()
	}
	// Whoever started us closes our input when it has seen enough.
	go func() {
		io.Copy(io.Discard, os.Stdin)
		failures <- nil
	}()
	fmt.Printf("ready %d\n", os.Getpid())
	if err := <-failures; err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func askFor(address string) error {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}}
	for number := 0; ; number++ {
		response, err := client.Get(fmt.Sprintf("http://%s/work?n=%d", address, number))
		if err != nil {
			return err
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		expected := fmt.Sprintln(4 * 1024 * (1 + number%32))
		if err != nil || string(body) != expected {
			return fmt.Errorf("answer %q to request %d: %v", body, number, err)
		}
	}
}
