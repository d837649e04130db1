// SPDX-License-Identifier: Apache-2.0

#ifndef _GNU_SOURCE
#define _GNU_SOURCE // cgo does not
#endif
#include "scenario.h"

#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *keep; // the newest block; each starts with the address of the one before
static _Thread_local void *volatile pin; // so that no compiler leaves it out
static FILE *info;
static char info_buffer[65536];
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static int is_open;

static void remember(void *block)
{
	*(void **)block = keep;
	keep = block;
}

static size_t next_size(size_t i)
{
	return 24 + i * 7919 % 2000;
}

void scenario_leak(size_t bytes)
{
	for (size_t i = 0, used = 0; used < bytes; i++) {
		size_t size = next_size(i);
		char *block = malloc(size);
		memset(block, 1, size);
		remember(block);
		used += size;
	}
}

void scenario_small(size_t count)
{
	for (size_t i = 0; i < count; i++)
		remember(malloc(40));
}

void scenario_holes(size_t bytes)
{
	size_t count = bytes / 20000;
	char **blocks = malloc(count * sizeof *blocks);
	for (size_t i = 0; i < count; i++) {
		blocks[i] = malloc(15000 + i % 10 * 1000);
		memset(blocks[i], 1, 15000);
	}
	for (size_t i = 0; i < count; i += 2)
		free(blocks[i]);
	free(blocks);
}

void scenario_fast(size_t count)
{
	char **blocks = malloc(count * sizeof *blocks);
	for (size_t i = 0; i < count; i++)
		blocks[i] = malloc(40);
	for (size_t i = 0; i + 1 < count; i++)
		free(blocks[i]);
	remember(blocks);
}

void scenario_mmapped(size_t count, size_t bytes)
{
	for (size_t i = 0; i < count; i++)
		remember(malloc(bytes));
}

void scenario_churn(size_t bytes)
{
	void **last = NULL;
	for (size_t i = 0, used = 0; used < bytes; i++) {
		size_t size = next_size(i);
		void **block = malloc(size);
		memset(block, 1, size);
		block[0] = last;
		last = block;
		used += size;
	}
	pin = malloc(64);
	while (last) {
		void **next = *last;
		free(last);
		last = next;
	}
}

void scenario_wait(void)
{
	pthread_mutex_lock(&gate);
	while (!is_open)
		pthread_cond_wait(&opened, &gate);
	pthread_mutex_unlock(&gate);
}

void scenario_release(void)
{
	pthread_mutex_lock(&gate);
	is_open = 1;
	pthread_cond_broadcast(&opened);
	pthread_mutex_unlock(&gate);
}

int scenario_open(const char *path)
{
	info = fopen(path, "w");
	return info && setvbuf(info, info_buffer, _IOFBF, sizeof info_buffer) == 0;
}

void scenario_info(void)
{
	struct mallinfo2 m = mallinfo2();
	if (!info || ftruncate(fileno(info), 0) != 0)
		abort();
	rewind(info);
	fprintf(info,
		"{\"arena\":%zu,\"ordblks\":%zu,\"smblks\":%zu,\"hblks\":%zu,\"hblkhd\":%zu,"
		"\"fsmblks\":%zu,\"uordblks\":%zu,\"fordblks\":%zu,\"keepcost\":%zu}\n",
		m.arena, m.ordblks, m.smblks, m.hblks, m.hblkhd, m.fsmblks, m.uordblks, m.fordblks,
		m.keepcost);
	malloc_info(0, info);
	fflush(info);
}
