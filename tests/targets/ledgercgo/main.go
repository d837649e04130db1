//go:build cgo

// SPDX-License-Identifier: Apache-2.0

// Ledgercgo has memory that is not Go's: "ledgercgo malloc N" leaks N MiB with malloc, "threads N"
// starts N threads in C that use 256 KiB of their stacks and 1 MiB of an arena each.
package main

/*
#cgo LDFLAGS: -lpthread
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USED = 256 << 10, PIECE = 4096, PIECES = 256 };

static pthread_barrier_t started;

static void use_stack(void)
{
	volatile char bytes[USED];
	for (size_t i = 0; i < USED; i += 1024)
		bytes[i] = 1;
}

static void *run(void *unused)
{
	use_stack();
	for (int i = 0; i < PIECES; i++)
		memset(malloc(PIECE), 1, PIECE);
	pthread_barrier_wait(&started);
	for (;;)
		pause();
	return unused;
}

static void start_threads(int count)
{
	pthread_t thread;
	pthread_barrier_init(&started, NULL, (unsigned)count + 1);
	for (int i = 0; i < count; i++)
		pthread_create(&thread, NULL, run, NULL);
	pthread_barrier_wait(&started);
}

static void leak(size_t bytes)
{
	for (; bytes >= PIECE; bytes -= PIECE)
		memset(malloc(PIECE), 1, PIECE);
}
*/
import "C"

import (
	"fmt"
	"os"
	"strconv"

	"example.com/targets/internal/control"
)

func main() {
	n, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "usage: ledgercgo malloc|threads N")
		os.Exit(2)
	}
	if os.Args[1] == "malloc" {
		C.leak(C.size_t(n) << 20)
	} else {
		C.start_threads(C.int(n))
	}
	control.Serve(nil, nil)
}
