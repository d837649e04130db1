// SPDX-License-Identifier: Apache-2.0
#include "c.h"

#include <linux/seccomp.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "_cgo_export.h"

void callDirectly(int depth)
{
	parkInGo(depth);
}

// Below C frames of its own, which Go's tables know nothing of.
void callDeeply(int depth, int frames)
{
	volatile char room[256];
	room[0] = (char)frames;
	if (frames > 0)
		callDeeply(depth, frames - 1);
	else
		parkInGo(depth);
	room[1] = room[0];
}

static void *run(void *depth)
{
	parkInGo((int)(intptr_t)depth);
	return NULL;
}

// In a thread that is not Go's.
int callOnThread(int depth)
{
	pthread_t thread;
	return pthread_create(&thread, NULL, run, (void *)(intptr_t)depth);
}

static int ready[2], never[2];

static void *run_strictly(void *nothing)
{
	char byte = 0;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) != 0)
		return NULL;
	ssize_t told = write(ready[1], &byte, 1);
	while (told == 1 && read(never[0], &byte, 1) < 0)
		;
	return nothing;
}

int startStrict(void)
{
	pthread_t thread;
	char byte;
	if (pipe(ready) != 0 || pipe(never) != 0 ||
	    pthread_create(&thread, NULL, run_strictly, NULL) != 0)
		return 1;
	return read(ready[0], &byte, 1) != 1;
}
