// SPDX-License-Identifier: Apache-2.0

// Image-large decodes a picture that is a few KiB as a file and 9 MB as pixels.
package main

import (
	"bytes"
	"image"
	"image/png"

	"example.com/incidents/internal/lab"
)

var shown []image.Image

func main() {
	lab.Fill(10)
	var file bytes.Buffer
	png.Encode(&file, image.NewGray(image.Rect(0, 0, 3000, 3000)))
	lab.Run(2, func(int) { thumbnail(file.Bytes()) })
}

func thumbnail(file []byte) error {
	picture, err := png.Decode(bytes.NewReader(file)) // guilty
	if err == nil {
		shown = append(shown, picture)
	}
	return err
}
