// SPDX-License-Identifier: Apache-2.0

// Context-uncancelled makes a context for each request below one that lives as long as the service,
// and does not cancel it.
package main

import (
	"context"

	"example.com/incidents/internal/lab"
)

var service, stop = context.WithCancel(context.Background())

func main() {
	lab.Fill(10)
	lab.Run(40000, func(int) { handle() })
	stop()
}

func handle() context.Context {
	request, _ := context.WithCancel(service) // guilty
	return request
}
