// SPDX-License-Identifier: Apache-2.0

// Json-large has typed structs, as it should, and far too many of them in one text.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"example.com/incidents/internal/lab"
)

type row struct {
	ID   int64    `json:"id"`
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

var (
	lists   [][]row
	answers [][]byte
)

func main() {
	lab.Fill(10)
	var rows []row
	for i := 0; i < 4000; i++ {
		rows = append(rows, row{int64(i), fmt.Sprint("row ", i), []string{"red", "green"}})
	}
	text, err := json.Marshal(rows)
	if err != nil {
		panic(err)
	}
	step := func(int) { decode(text) }
	if os.Args[1] == "encode" {
		step = func(int) { encode(rows) }
	}
	lab.Run(12, step)
}

func decode(text []byte) error {
	var rows []row
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&rows); err != nil { // guilty
		return err
	}
	lists = append(lists, rows)
	return nil
}

func encode(rows []row) error {
	answer, err := json.MarshalIndent(rows, "", "    ") // guilty
	if err != nil {
		return err
	}
	answers = append(answers, answer)
	return nil
}
