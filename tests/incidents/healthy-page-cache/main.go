// SPDX-License-Identifier: Apache-2.0

// Healthy-page-cache writes a large log: the graph goes up, and all of it is page cache.
package main

import (
	"os"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(10)
	file, err := os.CreateTemp(".", "log-")
	if err != nil {
		panic(err)
	}
	os.Remove(file.Name())
	line := make([]byte, 1<<20)
	lab.Run(20, func(i int) {
		if i < 130 {
			file.Write(line)
		}
	})
}
