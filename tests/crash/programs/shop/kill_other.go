// SPDX-License-Identifier: Apache-2.0

//go:build js || wasip1
// +build js wasip1

package main

import "syscall"

const (
	abortSignal = syscall.SIGTERM
	userSignal  = syscall.SIGTERM
	faultSignal = syscall.SIGTERM
)

// kill has no signals here.
func kill(syscall.Signal) {}
