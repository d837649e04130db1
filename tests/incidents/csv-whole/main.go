// SPDX-License-Identifier: Apache-2.0

// Csv-whole reads each table that is uploaded into memory before it looks at its first row.
package main

import (
	"encoding/csv"
	"io"
	"strings"
	"time"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(10)
	table := strings.Repeat("one;two,three\n", 200000)
	lab.Run(2, func(int) { go load(strings.NewReader(table)) })
}

func load(upload io.Reader) int {
	rows, _ := csv.NewReader(upload).ReadAll() // guilty
	time.Sleep(time.Minute)
	return len(rows[0])
}
