// SPDX-License-Identifier: Apache-2.0

// Leak allocates from one named function, and keeps all of it, until something kills it. On demand
// it keeps a cache that does not grow as well, waits for a line on stdin before it grows, takes and
// gives back instead of leaking, or exits by itself.
package main

import (
	"bufio"
	"flag"
	"fmt"
	_ "net/http/pprof"
	"os"
	"runtime/debug"
	"time"
)

func main() {
	mibPerSecond := flag.Int("rate", 100, "growth in MiB a second")
	limitMiB := flag.Int("limit", 0, "stop growing at this many MiB (0: never)")
	warmMiB := flag.Int("warm", 0, "a cache of this many MiB, made before everything else")
	await := flag.Bool("await", false, "grow only after a line on stdin")
	sawMiB := flag.Int("saw", 0, "do not leak: take this many MiB and give them back, every 0.5 s")
	exitAfter := flag.Duration("exit-after", 0, "exit with code 0 after this time (0: never)")
	flag.Parse()
	var warm flatCache
	warm.fill(*warmMiB)
	fmt.Printf("ready %d\n", os.Getpid())
	if *exitAfter != 0 {
		time.AfterFunc(*exitAfter, func() { os.Exit(0) })
	}
	if *await {
		bufio.NewReader(os.Stdin).ReadString('\n')
	}
	if *sawMiB != 0 {
		saw(*sawMiB)
	}

	const ticksPerSecond = 100
	ticker := time.NewTicker(time.Second / ticksPerSecond)
	bytesPerTick := *mibPerSecond << 20 / ticksPerSecond
	var cache leakyCache
	for range ticker.C {
		if *limitMiB == 0 || cache.bytes < *limitMiB<<20 {
			cache.remember(bytesPerTick)
		}
		warm.touch()
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

type flatCache struct {
	blocks [][]byte
}

//go:noinline
func (c *flatCache) fill(mib int) {
	for i := 0; i < mib; i++ {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		c.blocks = append(c.blocks, block)
	}
}

//go:noinline
func (c *flatCache) touch() {
	if len(c.blocks) > 0 {
		c.blocks[0][0]++
	}
}

func saw(mib int) {
	for range time.Tick(time.Second / 2) {
		var tooth leakyCache
		for i := 0; i < mib; i++ {
			tooth.remember(1 << 20)
		}
		time.Sleep(100 * time.Millisecond)
		tooth = leakyCache{}
		debug.FreeOSMemory()
	}
}
