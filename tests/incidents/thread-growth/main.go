// SPDX-License-Identifier: Apache-2.0

// Thread-growth blocks in C: each call needs a thread of its own, and threads do not end.
package main

/*
#include <string.h>
#include <unistd.h>

static void wait_long(void)
{
	char stack[256 << 10];
	memset(stack, 1, sizeof stack);
	__asm__ volatile("" : : "r"(stack) : "memory");
	sleep(3600);
}
*/
import "C"

import "example.com/incidents/internal/lab"

func main() {
	lab.Fill(10)
	lab.Run(40, func(int) { go resolve() })
}

func resolve() {
	C.wait_long() // guilty
}
