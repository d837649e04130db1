// SPDX-License-Identifier: Apache-2.0

// Protobuf-kept keeps whole messages for the sake of one field.
package main

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"example.com/incidents/internal/lab"
)

var names = map[string]*structpb.Value{}

func main() {
	lab.Fill(10)
	var items []any
	for i := 0; i < 50; i++ {
		items = append(items, map[string]any{"name": fmt.Sprint("item ", i), "price": i})
	}
	message, err := structpb.NewValue(map[string]any{"name": "order", "items": items})
	if err != nil {
		panic(err)
	}
	wire, err := proto.Marshal(message)
	if err != nil {
		panic(err)
	}
	lab.Run(200, func(i int) { receive(fmt.Sprint(i), wire) })
}

func receive(id string, wire []byte) error {
	order := new(structpb.Value)
	if err := proto.Unmarshal(wire, order); err != nil { // guilty
		return err
	}
	names[id] = order
	return nil
}
