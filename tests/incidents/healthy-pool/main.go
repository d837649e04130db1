// SPDX-License-Identifier: Apache-2.0

// Healthy-pool is a service that is well: a pool of workers that wait, requests that allocate and
// let go again.
package main

import "example.com/incidents/internal/lab"

var sink []byte

func main() {
	lab.Fill(40)
	jobs := make(chan int)
	for i := 0; i < 500; i++ {
		go work(jobs)
	}
	for i := 0; i < 2000; i++ {
		jobs <- i
	}
	lab.Run(2000, func(i int) { jobs <- i })
}

func work(jobs chan int) {
	for range jobs {
		handle()
	}
}

//go:noinline
func handle() { sink = make([]byte, 4096) }
