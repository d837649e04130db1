// SPDX-License-Identifier: Apache-2.0

// Healthy-mmap reads a database that it has mapped: resident pages of a file, the kernel's to take.
package main

import (
	"os"
	"syscall"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(10)
	file, err := os.CreateTemp(".", "db-")
	if err != nil {
		panic(err)
	}
	os.Remove(file.Name())
	const size = 128 << 20
	for i := 0; i < size>>20; i++ {
		file.Write(make([]byte, 1<<20))
	}
	db, err := syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	sum := 0
	lab.Run(4000, func(i int) { sum += int(db[i*4096%size]) })
}
