// SPDX-License-Identifier: Apache-2.0

// List-grows has a queue of what is to be done, and nobody who does it as fast as it comes.
package main

import (
	"container/list"
	"fmt"

	"example.com/incidents/internal/lab"
)

type task struct {
	priority int
	url      string
}

var queue = list.New()

func main() {
	lab.Fill(10)
	lab.Run(60000, enqueue)
}

func enqueue(i int) {
	queue.PushBack(&task{i, fmt.Sprint("https://example.com/items/", i)}) // guilty
}
