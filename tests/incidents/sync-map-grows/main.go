// SPDX-License-Identifier: Apache-2.0

// Sync-map-grows remembers every client in a sync.Map, and forgets none.
package main

import (
	"sync"

	"example.com/incidents/internal/lab"
)

var clients sync.Map

func main() {
	lab.Fill(10)
	lab.Run(60000, remember)
}

//go:noinline
func remember(i int) {
	clients.Store(i, i) // guilty
}
