// SPDX-License-Identifier: Apache-2.0

// Values-with-slices keeps what it loads for each device. Each has a small slice and a small map, and
// neither is what grows without end.
package main

import (
	"fmt"

	"example.com/incidents/internal/lab"
)

type device struct {
	settings []string
	features map[string]bool
}

type store struct{ devices map[string]*device }

func main() {
	lab.Fill(10)
	s := &store{devices: map[string]*device{}}
	lab.Run(3000, func(i int) { s.find(fmt.Sprint("device-", i)) })
}

//go:noinline
func (s *store) find(id string) *device {
	if d, ok := s.devices[id]; ok {
		return d
	}
	d := load(id)
	s.devices[id] = d
	return d
}

//go:noinline
func load(id string) *device {
	d := &device{features: map[string]bool{}}
	for i := 0; i < 4; i++ {
		d.features[fmt.Sprint("feature-", i)] = true
	}
	for i := 0; i < 40; i++ {
		d.settings = append(d.settings, fmt.Sprintf("setting.%d=%s", i, id)) // guilty
	}
	return d
}
