// SPDX-License-Identifier: Apache-2.0

//go:build !windows && !js && !wasip1
// +build !windows,!js,!wasip1

package main

import "syscall"

const (
	abortSignal = syscall.SIGABRT
	userSignal  = syscall.SIGUSR1
	faultSignal = syscall.SIGSEGV
)

func kill(which syscall.Signal) {
	syscall.Kill(syscall.Getpid(), which)
}
