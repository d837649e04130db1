// SPDX-License-Identifier: Apache-2.0

// C-arenas calls a C library in many threads at once: glibc gives each an arena of its own. What
// the library frees stays in them, because something small lies at the end.
package main

/*
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECES = 1200, PIECE = 8 << 10 };

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
	usleep(200000);
	return answer;
}
*/
import "C"

import (
	"runtime"
	"unsafe"

	"example.com/incidents/internal/lab"
)

var answers = make(chan unsafe.Pointer, 1000)

func main() {
	lab.Fill(10)
	lab.Run(3, func(i int) {
		if i < 60 {
			go convert()
		}
	})
}

func convert() {
	runtime.LockOSThread()
	for {
		answer := C.work()
		C.free(answer)
	}
}
