// SPDX-License-Identifier: Apache-2.0

// Codec-open reads the first record of each file and does not close the decoder.
package main

import (
	"bytes"
	"io"
	"math/rand"

	"github.com/klauspost/compress/zstd"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(10)
	var file bytes.Buffer
	encoder, err := zstd.NewWriter(&file, zstd.WithWindowSize(128<<10))
	if err != nil {
		panic(err)
	}
	text := make([]byte, 2<<20)
	for i := range text {
		text[i] = byte('a' + rand.Intn(16))
	}
	encoder.Write(text)
	encoder.Close()
	lab.Run(50, func(int) { first(file.Bytes()) })
}

func first(file []byte) ([]byte, error) {
	decoder, err := zstd.NewReader(bytes.NewReader(file), zstd.WithDecoderConcurrency(4)) // guilty
	if err != nil {
		return nil, err
	}
	record := make([]byte, 100)
	_, err = io.ReadFull(decoder, record)
	return record, err
}
