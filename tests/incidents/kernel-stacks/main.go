// SPDX-License-Identifier: Apache-2.0

// Kernel-stacks starts a thread for each job, which sleeps in C: little of its stack is touched, but
// the kernel has a stack of its own for it, too.
package main

/*
#include <pthread.h>
#include <unistd.h>

static void *sleep_long(void *unused)
{
	sleep(3600);
	return unused;
}

static int start(void)
{
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 16 << 10);
	return pthread_create(&thread, &attributes, sleep_long, 0);
}
*/
import "C"

import "example.com/incidents/internal/lab"

func main() {
	lab.Fill(20)
	lab.Run(400, func(i int) {
		if i < 4000 {
			C.start()
		}
	})
}
