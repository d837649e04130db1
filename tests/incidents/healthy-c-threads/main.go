// SPDX-License-Identifier: Apache-2.0

// Healthy-c-threads calls C from a fixed set of threads: their arenas are as large as one call
// needs, mostly free between calls, and used again by the next.
package main

/*
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECES = 500, PIECE = 8 << 10 };

static void *work(void)
{
	void *pieces[PIECES];
	for (int i = 0; i < PIECES; i++) {
		pieces[i] = malloc(PIECE);
		memset(pieces[i], 1, PIECE);
	}
	void *answer = malloc(100);
	for (int i = 0; i < PIECES; i++)
		free(pieces[i]);
	usleep(50000);
	return answer;
}
*/
import "C"

import (
	"runtime"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(10)
	for i := 0; i < 8; i++ {
		go convert()
	}
	lab.Run(1, func(int) {})
}

func convert() {
	runtime.LockOSThread()
	for {
		C.free(C.work())
	}
}
