// SPDX-License-Identifier: Apache-2.0

// Text-grows builds pages piece by piece, and keeps one word of each, which keeps the page. Most of
// what the builder allocates is garbage: every smaller size that it had before the last one.
package main

import (
	"fmt"
	"strings"

	"example.com/incidents/internal/lab"
)

var traces = map[int]string{}

func main() {
	lab.Fill(10)
	lab.Run(400, func(i int) { remember(i, fetch(i)) })
}

func fetch(i int) string {
	var page strings.Builder
	fmt.Fprintf(&page, "trace=%016x;", i)
	for page.Len() < 30<<10 {
		page.WriteString("GET /api/v1/orders status=200 bytes=512 dur=12ms\n") // guilty
	}
	return page.String()
}

func remember(i int, page string) {
	_, rest, _ := strings.Cut(page, "=")
	traces[i], _, _ = strings.Cut(rest, ";")
}
