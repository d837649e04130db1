// SPDX-License-Identifier: Apache-2.0

// Healthy-ballast has a ballast and a channel that is far too large, both hardly touched: the runtime counts them, and
// every graph of its counters shows them, but they take no memory.
package main

import (
	"runtime"

	"example.com/incidents/internal/lab"
)

type order struct {
	id   int64
	next *order
}

var (
	ballast []byte
	orders  = make(chan [8]*order, 4<<20) // 256 MiB
)

func main() {
	ballast = make([]byte, 768<<20)
	lab.Fill(40)
	lab.Run(200, func(int) {
		orders <- [8]*order{{id: 1}}
		<-orders
		runtime.KeepAlive(ballast)
		_ = make([]byte, 64<<10)
	})
}
