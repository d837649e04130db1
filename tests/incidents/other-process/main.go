// SPDX-License-Identifier: Apache-2.0

// Other-process has a helper beside it, which grows.
package main

import (
	"os"
	"os/exec"

	"example.com/incidents/internal/lab"
)

func main() {
	if len(os.Args) > 1 {
		helper()
	}
	lab.Fill(10)
	child := exec.Command("/proc/self/exe", "helper")
	in, _ := child.StdinPipe()
	child.Start()
	defer in.Close()
	lab.Run(1, func(i int) {})
}

func helper() {
	go func() {
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	lab.Grow(15, 180)
}
