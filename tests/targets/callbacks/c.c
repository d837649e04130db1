// SPDX-License-Identifier: Apache-2.0
#include "c.h"

#include <pthread.h>
#include <stdint.h>

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
