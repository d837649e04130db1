// SPDX-License-Identifier: Apache-2.0

// Goroutine-receive starts a reader for each job, and never closes the channel that it reads.
package main

import (
	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(10)
	lab.Run(500, job)
}

func job(i int) {
	results := make(chan int)
	go drain(results)
	results <- i
}

func drain(results chan int) {
	sum := 0
	for result := range results { // guilty
		sum += result
	}
	println(sum)
}
