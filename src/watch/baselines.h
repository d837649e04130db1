// SPDX-License-Identifier: Apache-2.0
/*
 * Earlier captures of one target, to compare with: eight at most, whose ages spread from some
 * seconds over a minute, ten minutes and an hour to a day. Where captures come often enough, there
 * is one within a factor of 3.5 of each of these. Pure decisions; the files are the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BASELINE_OLDEST_NS ((int64_t)86400 * 1000000000)

enum { BASELINES_MAX = 8, BASELINE_PATH_MAX = 4096 };

struct baseline {
	char directory[BASELINE_PATH_MAX];
	int64_t usage_bytes, taken_ns; // on the monotonic clock
};

struct baselines {
	struct baseline items[BASELINES_MAX + 1]; // oldest first; the last place is never taken
	int count;
};

// `dropped` (BASELINE_PATH_MAX) gets the directory that is not needed any more, or "".
void baselines_add(struct baselines *baselines, const struct baseline *added, char *dropped);
bool baselines_have(const struct baselines *baselines, const char *directory);
void baselines_remove(struct baselines *baselines, int index);
// The one that tells most: the newest that shows at least nine tenths of what the usage has grown
// by since any of them; where it has not grown, the newest that is a minute old, else the oldest.
// NULL without any.
const struct baseline *baselines_choose(const struct baselines *baselines, int64_t usage_bytes,
					int64_t limit_bytes, int64_t now_ns);
