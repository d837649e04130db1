// SPDX-License-Identifier: Apache-2.0
// In: captures as they are taken. Out: which few stay, and which one to compare with.
#include "watch/baselines.h"

#include <stdio.h>
#include <string.h>

static const int64_t FLOOR_NS = 10000000000, MINUTE_NS = 60000000000;
enum { GROWN_PERCENT = 2 };

void baselines_remove(struct baselines *baselines, int index)
{
	baselines->count--;
	memmove(&baselines->items[index], &baselines->items[index + 1],
		(size_t)(baselines->count - index) * sizeof *baselines->items);
}

// What would be lost without it: how much older the next older one is than the next newer one.
static double gap_without(const struct baselines *baselines, int index, int64_t now_ns)
{
	const struct baseline *older = &baselines->items[index - 1],
			      *newer = &baselines->items[index + 1];
	return (double)(now_ns - older->taken_ns + FLOOR_NS) /
	       (double)(now_ns - newer->taken_ns + FLOOR_NS);
}

static int find_needless(const struct baselines *baselines, int64_t now_ns)
{
	int needless = 1;
	if (now_ns - baselines->items[1].taken_ns >= BASELINE_OLDEST_NS)
		return 0;
	for (int i = 2; i < baselines->count - 1; i++)
		if (gap_without(baselines, i, now_ns) < gap_without(baselines, needless, now_ns))
			needless = i;
	return needless;
}

void baselines_add(struct baselines *baselines, const struct baseline *added, char *dropped)
{
	dropped[0] = '\0';
	baselines->items[baselines->count++] = *added;
	if (baselines->count <= BASELINES_MAX)
		return;
	int needless = find_needless(baselines, added->taken_ns);
	snprintf(dropped, BASELINE_PATH_MAX, "%s", baselines->items[needless].directory);
	baselines_remove(baselines, needless);
}

bool baselines_have(const struct baselines *baselines, const char *directory)
{
	for (int i = 0; i < baselines->count; i++)
		if (strcmp(baselines->items[i].directory, directory) == 0)
			return true;
	return false;
}

static const struct baseline *choose_by_age(const struct baselines *baselines, int64_t now_ns)
{
	for (int i = baselines->count - 1; i > 0; i--)
		if (now_ns - baselines->items[i].taken_ns >= MINUTE_NS)
			return &baselines->items[i];
	return &baselines->items[0];
}

const struct baseline *baselines_choose(const struct baselines *baselines, int64_t usage_bytes,
					int64_t limit_bytes, int64_t now_ns)
{
	int64_t most = 0;
	if (!baselines->count)
		return NULL;
	for (int i = 0; i < baselines->count; i++)
		if (usage_bytes - baselines->items[i].usage_bytes > most)
			most = usage_bytes - baselines->items[i].usage_bytes;
	if (most <= limit_bytes / 100 * GROWN_PERCENT)
		return choose_by_age(baselines, now_ns);
	int i = baselines->count - 1;
	while (i > 0 && usage_bytes - baselines->items[i].usage_bytes < most / 10 * 9)
		i--;
	return &baselines->items[i];
}
