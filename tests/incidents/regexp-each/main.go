// SPDX-License-Identifier: Apache-2.0

// Regexp-each compiles the pattern that a user wrote, and keeps it by a key that is never the same.
package main

import (
	"fmt"
	"regexp"

	"example.com/incidents/internal/lab"
)

type rules struct{ cache map[string]*regexp.Regexp }

var all = rules{map[string]*regexp.Regexp{}}

func main() {
	lab.Fill(10)
	lab.Run(2000, func(i int) { all.match(fmt.Sprintf("^/user/%d/([a-z]+)$", i), "/user/1/x") })
}

func (r *rules) match(pattern, text string) bool {
	compiled := r.cache[pattern]
	if compiled == nil {
		compiled = regexp.MustCompile(pattern) // guilty
		r.cache[pattern] = compiled
	}
	return compiled.MatchString(text)
}
