// SPDX-License-Identifier: Apache-2.0
/*
 * What the watch itself takes, measured against what it may: above its share of a core it samples
 * half as often, and again, down to a thirty-second; with room again it goes back step by step.
 * Pure decisions. Captures are not counted: they are what it is there for, and baselines have a
 * bound of their own (trigger.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "watch/config.h"
#include "watch/progress.h"

#define BUDGET_WINDOW_NS ((int64_t)5000000000)

enum { BUDGET_SLOW_MAX = 5 };

struct budget {
	int64_t since_ns, since_cpu_ns;
	int cpu_permyriad; // in the last window; -1: not known yet
	int64_t memory_bytes;
	int slow; // samples are taken 2^slow times more seldom
	bool memory_told;
};

enum budget_news { BUDGET_NO_NEWS, BUDGET_SLOWER, BUDGET_FASTER, BUDGET_MEMORY };

enum budget_news budget_update(struct budget *budget, const struct watch_budget *limits,
			       int64_t now_ns, int64_t cpu_ns, int64_t memory_bytes);
// Measures this process, each BUDGET_WINDOW_NS, and says what has changed.
void budget_measure(struct budget *budget, const struct watch_budget *limits, int64_t now_ns,
		    const struct progress *progress);
