// SPDX-License-Identifier: Apache-2.0

// Tmpfs writes its scratch files where files are memory, and deletes none.
package main

import (
	"fmt"
	"os"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(10)
	dir := "/dev/shm/whyoom-lab-tmpfs"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		panic(err)
	}
	lab.Run(10, func(i int) {
		if i < 70 {
			os.WriteFile(fmt.Sprintf("%s/%d", dir, i), make([]byte, 2<<20), 0o600)
		}
	})
}
