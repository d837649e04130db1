// SPDX-License-Identifier: Apache-2.0

// Json-any decodes what comes into interface values, and keeps them.
package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"example.com/incidents/internal/lab"
)

var documents []any

func main() {
	lab.Fill(10)
	var rows []string
	for i := 0; i < 2000; i++ {
		rows = append(rows, fmt.Sprintf(`{"id": %d, "name": "n%d", "tags": [1, 2, 3]}`, i, i))
	}
	text := []byte("[" + strings.Join(rows, ",") + "]")
	lab.Run(8, func(int) { load(text) })
}

func load(text []byte) error {
	var document any
	if err := json.Unmarshal(text, &document); err != nil { // guilty
		return err
	}
	documents = append(documents, document)
	return nil
}
