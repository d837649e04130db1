// SPDX-License-Identifier: Apache-2.0

// Healthy-tables loads big tables at its start, and only reads them.
package main

import (
	"fmt"

	"example.com/incidents/internal/lab"
)

var table = map[int]string{}

func main() {
	load()
	lab.Run(1000, func(i int) { _ = table[i] })
}

func load() {
	for i := 0; i < 300000; i++ {
		table[i] = fmt.Sprintf("row %d of the table", i)
	}
}
