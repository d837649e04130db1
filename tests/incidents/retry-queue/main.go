// SPDX-License-Identifier: Apache-2.0

// Retry-queue keeps each event that could not be delivered, for ever. The maps that an event is
// encoded from are garbage at once: they are not what grows.
package main

import (
	"encoding/json"
	"fmt"

	"example.com/incidents/internal/lab"
)

type event struct {
	payload json.RawMessage
	tries   int
}

var queue []*event

func main() {
	lab.Fill(10)
	lab.Run(2000, func(i int) { retry(build(i)) })
}

func build(i int) *event {
	lines := make([]map[string]string, 60)
	for j := range lines {
		lines[j] = map[string]string{"sku": fmt.Sprint(i, j), "name": "an item", "price": "19.90"}
	}
	text, err := json.Marshal(map[string]interface{}{"invoice": i, "lines": lines}) // guilty
	if err != nil {
		panic(err)
	}
	return &event{payload: text}
}

func retry(e *event) {
	e.tries++
	queue = append(queue, e)
}
