// SPDX-License-Identifier: Apache-2.0

// Readall-body reads the whole of what a client sends, whatever its size, and clients are slow and
// many.
package main

import (
	"io"

	"example.com/incidents/internal/lab"
)

var waiting [][]byte

func main() {
	lab.Fill(20)
	lab.Run(4, func(int) { upload(io.LimitReader(zeros{}, 5<<20)) })
}

//go:noinline
func upload(body io.Reader) {
	data, err := io.ReadAll(body) // guilty
	if err == nil {
		waiting = append(waiting, data)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 1
	}
	return len(p), nil
}
