// SPDX-License-Identifier: Apache-2.0

// List-grows puts events into a list, in front of whoever should take them out at its end.
package main

import (
	"container/list"

	"example.com/incidents/internal/lab"
)

var pending = list.New()

func main() {
	lab.Fill(10)
	lab.Run(300000, enqueue)
}

func enqueue(i int) {
	pending.PushFront(i) // guilty
	if i%8 == 0 {
		pending.Remove(pending.Back())
	}
}
