// SPDX-License-Identifier: Apache-2.0

// Hostile-size believes a length that it got from outside, and touches all of it.
package main

import (
	"encoding/binary"

	"example.com/incidents/internal/lab"
)

var frames [][]byte

func main() {
	lab.Fill(10)
	for i := 0; i < 40; i++ {
		decode([]byte{0, 0, 16, 0})
	}
	frames = nil
	lab.Run(1, func(i int) {
		if i == 4 {
			decode([]byte{12, 0, 0, 0})
		}
		decode([]byte{0, 0, 1, 0})
	})
}

func decode(header []byte) {
	frame := make([]byte, binary.BigEndian.Uint32(header)) // guilty
	for i := 0; i < len(frame); i += 4096 {
		frame[i] = 1
	}
	frames = append(frames, frame)
}
