// SPDX-License-Identifier: Apache-2.0

// Exporter-queue collects spans for a collector that is not there: the exporter tries again and
// again, and meanwhile its queue fills up.
package main

import (
	"net"
	"time"

	"example.com/incidents/internal/lab"
)

type span struct {
	name       string
	attributes []byte
}

type exporter struct {
	queue   chan *span
	address string
}

func main() {
	lab.Fill(10)
	e := &exporter{queue: make(chan *span, 200000), address: "127.0.0.1:1"}
	go e.run()
	lab.Run(4000, func(i int) { e.record("request", i) })
}

func (e *exporter) record(name string, i int) {
	attributes := make([]byte, 4<<10) // guilty
	attributes[i%len(attributes)] = 1
	select {
	case e.queue <- &span{name, attributes}:
	default: // full: dropped, as it should be
	}
}

func (e *exporter) run() {
	for s := range e.queue {
		e.export(s)
	}
}

func (e *exporter) export(s *span) {
	for wait := 100 * time.Millisecond; ; wait *= 2 {
		conn, err := net.Dial("tcp", e.address)
		if err == nil {
			conn.Write(s.attributes)
			conn.Close()
			return
		}
		time.Sleep(wait)
	}
}
