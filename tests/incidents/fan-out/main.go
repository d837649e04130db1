// SPDX-License-Identifier: Apache-2.0

// Fan-out starts a goroutine for each line of its input, and each has a buffer and sleeps in a
// slow device.
package main

import (
	"time"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(10)
	lab.Run(2000, func(int) { go convert() })
}

func convert() byte {
	buffer := make([]byte, 8<<10)
	time.Sleep(time.Hour) // guilty
	return buffer[0]
}
