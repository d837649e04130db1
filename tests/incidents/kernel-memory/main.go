// SPDX-License-Identifier: Apache-2.0

// Kernel-memory looks for a file for each request, and there is none: the kernel remembers each name
// that is not there. With the argument "tables" it looks here and there into a large mapping instead,
// of which nothing but page tables stays in memory.
package main

import (
	"fmt"
	"os"
	"syscall"

	"example.com/incidents/internal/lab"
)

const (
	noHugePages = 15        // MADV_NOHUGEPAGE
	table       = 2 << 20   // what one page of page tables maps
	tables      = 16 << 10  // 64 MiB of them
	names       = 200 << 10 // 448 bytes each
)

func main() {
	lab.Fill(10)
	if len(os.Args) > 1 && os.Args[1] == "tables" {
		lookIntoMapping()
	}
	lab.Run(20, func(i int) {
		for n := i * 250; n < (i+1)*250 && n < names; n++ {
			os.Stat(fmt.Sprintf("cache-of-answers-%0180d.json", n))
		}
	})
}

var sum byte

func lookIntoMapping() {
	const size = tables * table
	mapping, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ,
		syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE)
	if err != nil {
		panic(err)
	}
	if err := syscall.Madvise(mapping, noHugePages); err != nil {
		panic(err)
	}
	lab.Run(20, func(i int) {
		for n := i * 30; n < (i+1)*30 && n < tables; n++ {
			sum += mapping[n*table]
		}
	})
}
