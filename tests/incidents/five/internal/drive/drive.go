// SPDX-License-Identifier: Apache-2.0

// Package drive is what the programs of the five incidents share: they say where they listen, live
// until their standard input ends, and their load comes from a process of its own.
package drive

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Listen prints "listening ADDRESS" for the load.
func Listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening %s\n", listener.Addr())
	return listener
}

// Wait prints "ready PID" and returns when standard input ends.
func Wait() {
	fmt.Printf("ready %d\n", os.Getpid())
	io.Copy(io.Discard, os.Stdin)
}

// Every calls `request` from `workers` goroutines at once, each `pause` after its last call, until
// standard input ends. It says how many calls were answered.
func Every(workers int, pause time.Duration, request func() error) {
	var group sync.WaitGroup
	stop := make(chan struct{})
	for i := 0; i < workers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := request(); err != nil {
					time.Sleep(100 * time.Millisecond)
				}
				time.Sleep(pause)
			}
		}()
	}
	fmt.Printf("ready %d\n", os.Getpid())
	io.Copy(io.Discard, os.Stdin)
	close(stop)
}

// Get reads an answer to its end and throws it away.
func Get(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
