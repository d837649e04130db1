// SPDX-License-Identifier: Apache-2.0

// Encoder-each makes a compressor for each answer. Clients become more and more; each asks again as
// soon as it has its answer, and its line is slow.
package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"example.com/incidents/internal/lab"
)

type slow struct{}

func (slow) Write(data []byte) (int, error) {
	time.Sleep(100 * time.Millisecond)
	return len(data), nil
}

func main() {
	lab.Fill(10)
	answer := map[string]func(io.Writer, []byte) error{
		"gzip": byGzip, "zstd": byZstd, "brotli": byBrotli}[os.Args[1]]
	text := bytes.Repeat([]byte("some text, as answers have it. "), 200)
	lab.Run(25, func(int) {
		go func() {
			for answer(slow{}, text) == nil {
			}
		}()
	})
}

func byGzip(w io.Writer, text []byte) error {
	packed := gzip.NewWriter(w)
	if _, err := packed.Write(text); err != nil { // guilty
		return err
	}
	return packed.Close()
}

func byZstd(w io.Writer, text []byte) error {
	packed, err := zstd.NewWriter(w) // guilty
	if err != nil {
		return err
	}
	if _, err := packed.Write(text); err != nil {
		return err
	}
	return packed.Close()
}

func byBrotli(w io.Writer, text []byte) error {
	packed := brotli.NewWriter(w)                 // guilty
	if _, err := packed.Write(text); err != nil { // guilty
		return err
	}
	return packed.Close() // guilty
}
