// SPDX-License-Identifier: Apache-2.0

// Substring-pin keeps a short piece of each message, and with it all of the message.
package main

import (
	"example.com/incidents/internal/lab"
)

var ids []string

func main() {
	lab.Fill(10)
	lab.Run(500, func(i int) {
		message := receive(i)
		ids = append(ids, message[8:16])
	})
}

//go:noinline
func receive(i int) string {
	buffer := make([]byte, 16<<10)
	for j := range buffer {
		buffer[j] = byte('a' + i%26)
	}
	return string(buffer) // guilty
}
