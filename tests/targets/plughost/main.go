// SPDX-License-Identifier: Apache-2.0

//go:build cgo

// Plughost opens the plugin that lies beside it, under its own name with ".so", and becomes it.
package main

import (
	"fmt"
	"os"
	"plugin"
)

func main() {
	path, err := os.Executable()
	if err == nil {
		err = run(path + ".so")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "plughost:", err)
		os.Exit(1)
	}
}

func run(path string) error {
	opened, err := plugin.Open(path)
	if err != nil {
		return err
	}
	symbol, err := opened.Lookup("RunMain")
	if err != nil {
		return err
	}
	symbol.(func())()
	return nil
}
