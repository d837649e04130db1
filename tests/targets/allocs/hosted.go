// SPDX-License-Identifier: Apache-2.0

//go:build hosted

package main

import "C"

// RunMain is main for a program that loads this one: a Go program that opens it as a plugin, a C program
// that opens it as a library.
//
//export RunMain
func RunMain() { main() }
