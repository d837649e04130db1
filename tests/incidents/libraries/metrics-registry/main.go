// SPDX-License-Identifier: Apache-2.0

// Metrics-registry names a timer after each connection of a thousand requests, and never unregisters it.
package main

import (
	"fmt"
	"time"

	"github.com/rcrowley/go-metrics"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(10)
	lab.Run(400, connect)
}

func connect(i int) {
	name := fmt.Sprintf("request-latency-for-connection-%d", i)
	timer := metrics.GetOrRegisterTimer(name, metrics.DefaultRegistry) // guilty
	for request := 0; request < 1000; request++ {
		timer.Update(time.Millisecond)
	}
}
