// SPDX-License-Identifier: Apache-2.0
/*
 * Live heap and goroutines of some Go programs, read again and again by one process that has given
 * up its privileges and has nothing but the descriptors of their memory. It answers when asked;
 * nobody waits for it. It ends with the watch.
 */
#pragma once

#include "golang/gauge.h"

enum { PROBE_TARGETS_MAX = 1024 };

struct probe_target {
	int mem; // borrowed for probe_start
	struct go_gauge_places places;
};

struct probe;

bool probe_start(const struct probe_target *targets, size_t count, struct probe **probe,
		 struct error *error) must_check;
void probe_free(struct probe *probe); // NULL is allowed
// Unless an answer is still to come.
void probe_ask(struct probe *probe);
// The answer, if there is one: as many as there are targets, in their order, borrowed until the
// next call. NULL: none yet.
const struct go_gauges *probe_take(struct probe *probe);
// True once the process has died: start another one.
bool probe_is_lost(const struct probe *probe);
// What the newest answer has cost, in the processor's time.
int64_t probe_cost_ns(const struct probe *probe);
