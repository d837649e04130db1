// SPDX-License-Identifier: Apache-2.0
// A plain C program that does with malloc what tests/targets/cmalloc does: one command a line on
// stdin, "ok" on stdout. Linked dynamically and statically.
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scenario.h"

enum { THREADS_MAX = 4096 };

static pthread_t threads[THREADS_MAX];
static size_t thread_count;
static pthread_barrier_t ready;

static void *run_thread(void *bytes)
{
	scenario_churn(*(const size_t *)bytes);
	pthread_barrier_wait(&ready);
	scenario_wait();
	return NULL;
}

static void start_threads(size_t count, size_t mib)
{
	static size_t bytes;
	bytes = mib << 20;
	pthread_barrier_init(&ready, NULL, (unsigned int)count + 1);
	for (size_t i = 0; i < count && thread_count < THREADS_MAX; i++)
		if (pthread_create(&threads[thread_count++], NULL, run_thread, &bytes) != 0)
			abort();
	pthread_barrier_wait(&ready);
}

static void *run_busy(void *unused)
{
	(void)unused;
	for (;;)
		scenario_churn(1 << 20);
	return NULL;
}

static void start_busy(size_t count)
{
	pthread_t thread;
	for (size_t i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, run_busy, NULL) != 0)
			abort();
}

static void release(void)
{
	scenario_release();
	while (thread_count)
		pthread_join(threads[--thread_count], NULL);
}

static bool run(const char *name, const char *path, size_t a, size_t b)
{
	if (strcmp(name, "open") == 0)
		return scenario_open(path);
	if (strcmp(name, "info") == 0)
		scenario_info();
	else if (strcmp(name, "leak") == 0)
		scenario_leak(a << 20);
	else if (strcmp(name, "small") == 0)
		scenario_small(a);
	else if (strcmp(name, "holes") == 0)
		scenario_holes(a << 20);
	else if (strcmp(name, "fast") == 0)
		scenario_fast(a);
	else if (strcmp(name, "mmapped") == 0)
		scenario_mmapped(a, b << 10);
	else if (strcmp(name, "threads") == 0)
		start_threads(a, b);
	else if (strcmp(name, "sbrk") == 0)
		sbrk((intptr_t)a);
	else if (strcmp(name, "busy") == 0)
		start_busy(a);
	else if (strcmp(name, "release") == 0)
		release();
	else
		return false;
	return true;
}

int main(void)
{
	static char input[4096], output[4096];
	char line[2048], name[32], path[2000];
	setvbuf(stdin, input, _IOFBF, sizeof input);
	setvbuf(stdout, output, _IOLBF, sizeof output);
	printf("ready %d\n", (int)getpid());
	while (fgets(line, sizeof line, stdin)) {
		size_t a = 0, b = 0;
		path[0] = '\0';
		if (sscanf(line, "%31s %1999s", name, path) < 1)
			continue;
		sscanf(line, "%*s %zu %zu", &a, &b);
		puts(run(name, path, a, b) ? "ok" : "error");
	}
	return 0;
}
