// SPDX-License-Identifier: Apache-2.0
/*
 * Whether relief can help a Go process, and what to write for it. Arithmetic on numbers alone.
 *
 * What can be had is garbage and idle memory. What cannot: the live heap, and what the runtime
 * needs besides it (stacks, spans, its own tables). A memory limit below that makes the collector
 * run all the time and frees nothing, so none is set below `floor_bytes`, which has a margin on
 * top.
 *
 * The live heap is known as of the last collection only: what was there when that began and
 * survived it. What was allocated while it marked counts as marked, but is no more likely to stay
 * than the rest (golang/last_collection.h). Of all that was allocated since it began, the part that
 * will stay is taken to be the part that stayed the last time: the goal of the last collection says
 * how large the live heap was before it.
 *
 * `auto` gives the runtime what the cgroup's limit leaves, less what is charged and is not the Go
 * runtime's, less a reserve: a memory limit is soft. The runtime itself allows its goal to be
 * passed by a tenth (mgcpacer.go, maxOvershoot); a collection takes time to begin, and meanwhile
 * the program allocates; page tables and the kernel's own stock grow beside the heap. The reserve
 * is a tenth of the limit, but RESERVE_LEAST as that time does not shrink with the limit, and no
 * more than a fifth. With 5% in place of it one of twelve programs that allocated as fast as they
 * could, on processors that were taken, was killed all the same; with this none of ninety. Where
 * the live heap leaves no room for the reserve, 5% are kept, and below that it is said that relief
 * cannot help.
 *
 * The CPU that collecting will cost: a collection marks the live heap, and one is due each time as
 * much was allocated as fits between the live heap and the goal. So the cost of each allocated byte
 * grows as that room shrinks. Go stops at half of the CPU, and lets the heap grow past the limit
 * then (runtime/mgclimit.go).
 */
#pragma once

#include "relief/facts.h"
#include "relief/room.h"

enum { RELIEF_MARGIN_PERCENT = 5 };

enum relief_limit_kind { RELIEF_LIMIT_KEEP, RELIEF_LIMIT_BYTES, RELIEF_LIMIT_AUTO };

// What was asked for.
struct relief_request {
	enum relief_limit_kind limit;
	int64_t limit_bytes; // INT64_MAX: none
	bool has_gc_percent, has_profile_rate;
	int64_t gc_percent, profile_rate;
	bool force; // although it cannot help
};

enum relief_outlook {
	RELIEF_HELPS,  // garbage and idle memory are in the way
	RELIEF_DELAYS, // it fits, but what is allocated stays: the kill comes later
	RELIEF_CANNOT, // what cannot be freed does not fit already
};

struct relief_change {
	enum go_setting_id setting;
	int64_t before, after;
};

struct relief_plan {
	struct relief_change changes[GO_SETTING_COUNT];
	size_t change_count;
	bool about_memory; // else only the profiler: the rest is 0
	enum relief_outlook outlook;
	int64_t live_bytes;        // estimated, see above
	int64_t reclaimable_bytes; // garbage and idle, likewise
	int64_t overhead_bytes;    // what the runtime needs besides the heap's objects
	int64_t floor_bytes;
	bool budget_known;
	int64_t non_go_bytes; // charged where the limit is, and not the runtime's
	int64_t reserve_bytes;
	int64_t budget_bytes; // what the runtime should take at most
	int64_t most_bytes;   // and what it may, without the reserve
	bool survivors_known;
	double survivors;                // of what was allocated before the last collection
	int64_t growth_per_second;       // of the live heap; 0: not known, or none
	int64_t full_in_ns;              // with that growth; 0 likewise
	int64_t goal_before, goal_after; // INT64_MAX: never
	bool gc_cpu_known, gc_cpu_at_limit;
	double gc_cpu_before, gc_cpu_after; // shares of GOMAXPROCS
	bool unfelt;                        // the heap does not grow to the limit anyway
	bool above_room;                    // the limit asked for lets the cgroup's be passed
	bool starts_late;                   // GOGC alone: the next collection starts above the room
};

// Fails where what was asked for makes no sense for this process, or cannot be written.
bool relief_plan_make(const struct relief_facts *facts, const struct relief_room *room,
		      const struct relief_request *request, struct relief_plan *plan,
		      struct error *error) must_check;
// Fails where the plan cannot help, with the numbers, unless forced.
bool relief_plan_allowed(const struct relief_plan *plan, const struct relief_request *request,
			 struct error *error) must_check;
