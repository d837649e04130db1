// SPDX-License-Identifier: Apache-2.0
/*
 * The facts: everything that rules may ask about one instant, as named numbers, beside the heap
 * profile and the goroutines. A number that is not known is absent, never zero.
 *
 * Names: the rows of facts_table.h, and the keys of the ledgers: those of the process as they are
 * ("go.heap.idle", "anon.malloc"), those of the cgroup behind "cgroup." ("cgroup.cache").
 */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "snapshot/heap_profile.h"
#include "snapshot/kill.h"
#include "snapshot/snapshot.h"
#include "verdict/onsets.h"

enum { FACTS_MAX = 4096, FACT_NAME_MAX = 256 };

enum fact_unit { FACT_BYTES, FACT_COUNT, FACT_SHARE, FACT_NS, FACT_YES };

struct fact {
	const char *name;
	double value;
};

// What a function of the program's own code holds, by what the runtime was asked for.
struct fact_kind {
	const char *function;
	double bytes[ALLOC_KINDS];
	double largest[ALLOC_KINDS]; // the largest object; 0: not known
	double allocated, freed; // of its samples, as they are; to compare with one another only
};

struct facts {
	struct arena arena;
	struct map by_name;
	VEC(struct fact) list;
	struct map kind_map;
	VEC(struct fact_kind) kinds;
	// Borrowed; NULL: not known.
	const struct snapshot_identity *identity;
	const struct profile *heap;
	const char *heap_absent; // why there is none, or NULL
	bool profiler_off;       // that is why
	const struct goroutine_set *goroutines;
	int64_t taken_unix_ns; // 0: not known
	struct onsets onsets;  // what began to grow when; empty where nobody watched
};

// `kill` NULL: the process lives.
void facts_gather(const struct snapshot *snapshot, const struct kill_facts *kill,
		  struct facts *facts);
void facts_deinit(struct facts *facts);
// With the numbers that follow from them.
void facts_set_onsets(struct facts *facts, const struct onsets *onsets);
// The last one counts. Names that are too long, and more than FACTS_MAX, are left out.
void facts_set(struct facts *facts, const char *name, double value);
bool facts_get(const struct facts *facts, const char *name, double *value);

void facts_add_kind(struct facts *facts, const char *function, int kind, double bytes,
		    double object_bytes);
void facts_add_turnover(struct facts *facts, const char *function, double allocated, double freed);
// NULL: not known.
const struct fact_kind *facts_find_kind(const struct facts *facts, const char *function);
const char *alloc_kind_name(int kind);

// What a name is about; NULL for one that no table has and no ledger can have.
const char *fact_meaning(const char *name);
enum fact_unit fact_unit_of(const char *name);
