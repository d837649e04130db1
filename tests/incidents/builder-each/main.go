// SPDX-License-Identifier: Apache-2.0

// Builder-each has sessions, always as many, and in the context of each a text for the audit that
// grows as long as the session lasts. Fewer sessions would not help for long.
package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"example.com/incidents/internal/lab"
)

type key struct{}

func main() {
	lab.Fill(10)
	for i := 0; i < 60; i++ {
		go session(context.WithValue(context.Background(), key{}, &strings.Builder{}), i)
	}
	time.Sleep(4 * time.Second)
	lab.Run(1, func(int) {})
}

func session(ctx context.Context, id int) {
	for n := 0; ; n++ {
		for line := 0; line < 16; line++ {
			audit(ctx, "session %d: order %d: reserved line %d in warehouse eu-central", id, n, line)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func audit(ctx context.Context, format string, args ...interface{}) {
	text := ctx.Value(key{}).(*strings.Builder)
	fmt.Fprintf(text, format+"\n", args...) // guilty
}
