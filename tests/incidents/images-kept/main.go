// SPDX-License-Identifier: Apache-2.0

// Images-kept has a cache of thumbnails that counts them, not their bytes.
package main

import (
	"image"

	"example.com/incidents/internal/lab"
)

const capacity = 10000

var thumbnails = map[int]*image.RGBA{}

func main() {
	lab.Fill(10)
	lab.Run(60, func(i int) { get(i) })
}

func get(id int) *image.RGBA {
	if picture, ok := thumbnails[id]; ok {
		return picture
	}
	if len(thumbnails) >= capacity {
		clear(thumbnails)
	}
	picture := image.NewRGBA(image.Rect(0, 0, 400, 300)) // guilty
	for i := range picture.Pix {
		picture.Pix[i] = byte(id)
	}
	thumbnails[id] = picture
	return picture
}
