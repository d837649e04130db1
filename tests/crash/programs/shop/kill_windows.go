// SPDX-License-Identifier: Apache-2.0

package main

import (
	"syscall"
	_ "unsafe" // for the name
)

const (
	userSignal  = syscall.SIGTERM
	faultSignal = syscall.SIGSEGV
)

//go:linkname abort runtime.abort
func abort()

// kill has no signals here: it makes an exception that the runtime takes no panic of. One in a DLL
// would end in wine's debugger, before the runtime sees it.
func kill(syscall.Signal) { abort() }
