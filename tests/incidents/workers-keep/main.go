// SPDX-License-Identifier: Apache-2.0

// Workers-keep has many workers, as many as ever. Each keeps what it has done, for a report that nobody
// asks for: not how many they are is the trouble, but that none of them forgets.
package main

import "example.com/incidents/internal/lab"

const workers = 64

type done struct {
	job  int
	note [192]byte
}

func main() {
	lab.Fill(10)
	jobs := make(chan int)
	for i := 0; i < workers; i++ {
		go work(jobs)
	}
	lab.Run(15000, func(i int) { jobs <- i })
}

func work(jobs <-chan int) {
	var all []done
	for job := range jobs {
		all = append(all, done{job: job}) // guilty
	}
}
