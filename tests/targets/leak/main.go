// SPDX-License-Identifier: Apache-2.0

// Leak allocates from one named function, and keeps all of it, until something kills it.
package main

import (
	"flag"
	"fmt"
	_ "net/http/pprof"
	"os"
	"time"
)

func main() {
	mibPerSecond := flag.Int("rate", 100, "growth in MiB a second")
	limitMiB := flag.Int("limit", 0, "stop growing at this many MiB (0: never)")
	flag.Parse()
	fmt.Printf("ready %d\n", os.Getpid())

	const ticksPerSecond = 100
	ticker := time.NewTicker(time.Second / ticksPerSecond)
	bytesPerTick := *mibPerSecond << 20 / ticksPerSecond
	var cache leakyCache
	for range ticker.C {
		if *limitMiB == 0 || cache.bytes < *limitMiB<<20 {
			cache.remember(bytesPerTick)
		}
	}
}

type leakyCache struct {
	blocks [][]byte
	bytes  int
}

//go:noinline
func (c *leakyCache) remember(bytes int) {
	block := make([]byte, bytes)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	c.blocks = append(c.blocks, block)
	c.bytes += bytes
}
