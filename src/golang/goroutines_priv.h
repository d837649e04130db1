// SPDX-License-Identifier: Apache-2.0
// Goroutines while they are read: the passes over them (goroutines.c), and what one of them says
// (goroutine_parse.c).
#pragma once

#include "base/map.h"
#include "golang/goroutines.h"
#include "golang/registers.h"

enum { WAIT_REASONS_MAX = 128 };

// What is needed of a goroutine while it is read; parallel to the list.
struct pending {
	taddr_t address; // of its runtime.g
	taddr_t labels, locked_m, bubble;
	struct go_saved saved;
};

// A runtime.g that held no goroutine when it was looked at; the runtime uses it again.
struct spare {
	taddr_t address;
	uint32_t order;
};

struct go_goroutine_reading {
	const struct go_runtime *runtime;
	struct go_goroutines out;
	struct unwinder *unwinder;
	VEC(struct pending) pending;
	VEC(struct spare) spares;
	VEC(struct go_thread) threads;
	struct map threads_by_address;
	const char *wait_reasons[WAIT_REASONS_MAX];
	uint64_t seen;        // entries of runtime.allgs
	bool looked_at_still; // nothing can have changed since
};

uint32_t goroutine_parse_status(const struct go_record *g);
void goroutine_parse_saved(const struct go_record *g, struct go_saved *saved);
void goroutine_parse(struct go_goroutine_reading *reading, const struct go_record *g,
		     struct go_goroutine *goroutine, struct pending *pending);
bool goroutine_is_dead(uint32_t status);
// Borrowed until the next call; all 0 where there is none.
const struct go_thread *goroutine_thread(struct go_goroutine_reading *reading, taddr_t m);
// Labels, threads, whose it is: of the one at `index`, once its stack is known.
void goroutine_settle(struct go_goroutine_reading *reading, size_t index);
