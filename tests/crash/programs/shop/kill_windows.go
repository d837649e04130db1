// SPDX-License-Identifier: Apache-2.0

package main

import (
	"syscall"
	_ "unsafe" // for the name
)

const (
	abortSignal = syscall.SIGABRT
	userSignal  = syscall.SIGTERM
	faultSignal = syscall.SIGSEGV
)

//go:linkname abort runtime.abort
func abort()

// kill makes an exception that becomes no panic; wine's debugger would get one that comes in a DLL.
func kill(syscall.Signal) { abort() }
