// SPDX-License-Identifier: Apache-2.0

// Rows-each answers each export with a goroutine for each row of the table. They write one after
// the other, so that most of them wait for a lock, which is innocent.
package main

import (
	"sync"
	"time"

	"example.com/incidents/internal/lab"
)

var output sync.Mutex

func main() {
	lab.Fill(10)
	lab.Run(2, func(int) { go export() })
}

func export() {
	var all sync.WaitGroup
	for row := 0; row < 2000; row++ {
		all.Add(1)
		go write(&all)
	}
	all.Wait()
}

func write(all *sync.WaitGroup) {
	defer all.Done()
	line := make([]byte, 8<<10)
	line[0] = '\n'
	output.Lock() // guilty
	time.Sleep(time.Millisecond)
	output.Unlock()
}
