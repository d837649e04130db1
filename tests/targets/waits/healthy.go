// SPDX-License-Identifier: Apache-2.0
package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"
)

// Pools and servers as programs have them, idle: nobody leaks here.
func startHealthy() {
	jobs := make(chan func())
	keep = append(keep, jobs)
	for i := 0; i < 16; i++ {
		go poolWorker(jobs)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	go waitForSignal(signals)
	go housekeeping()
	serveIdle()
	openDatabase()
}

var keep []interface{}

func poolWorker(jobs chan func()) {
	for job := range jobs {
		job()
	}
}

func waitForSignal(signals chan os.Signal) { <-signals }

func housekeeping() {
	for range time.NewTicker(time.Minute).C {
	}
}

// A server with idle keep-alive connections, and a client's side of them.
func serveIdle() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond) // so that each has a connection of its own
	}))
	idle := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	var all sync.WaitGroup
	for i := 0; i < 12; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			answer, err := idle.Get("http://" + listener.Addr().String())
			if err != nil {
				panic(err)
			}
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}()
	}
	all.Wait()
}
