// SPDX-License-Identifier: Apache-2.0

// Page-tables looks things up in a huge sparse mapping: nearly all of it is empty and costs nothing,
// but for each 2 MiB that were touched the kernel has a page of its tables.
package main

import (
	"syscall"

	"example.com/incidents/internal/lab"
)

const (
	region    = 2 << 20
	regions   = 40000
	noReserve = 0x4000 // MAP_NORESERVE
	noHuge    = 15     // MADV_NOHUGEPAGE
)

func main() {
	lab.Fill(20)
	index, err := syscall.Mmap(-1, 0, regions*region, syscall.PROT_READ,
		syscall.MAP_ANON|syscall.MAP_PRIVATE|noReserve)
	if err != nil {
		panic(err)
	}
	syscall.Madvise(index, noHuge)
	lab.Run(4000, func(i int) {
		if i < regions {
			lookup(index, i)
		}
	})
}

//go:noinline
func lookup(index []byte, i int) byte {
	return index[i*region]
}
