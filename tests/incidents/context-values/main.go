// SPDX-License-Identifier: Apache-2.0

// Context-values derives the context of each message from that of the message before.
package main

import (
	"context"

	"example.com/incidents/internal/lab"
)

type key struct{}

type consumer struct {
	base context.Context
}

func main() {
	lab.Fill(10)
	c := &consumer{base: context.Background()}
	lab.Run(100000, func(i int) { c.handle(i) })
}

//go:noinline
func (c *consumer) handle(message int) {
	c.base = context.WithValue(c.base, key{}, message) // guilty
}
