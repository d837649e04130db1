// SPDX-License-Identifier: Apache-2.0
/*
 * What rules look at: the facts of now and of the baseline, what grew by class of memory, the heap
 * by the program's own functions, the goroutines by kind.
 */
#pragma once

#include "base/strbuf.h"
#include "profile/top.h"
#include "verdict/facts.h"
#include "verdict/verdict.h"

// Classes of memory; together they are the fact "memory".
enum memory_class {
	CLASS_HEAP, // of Go: objects, free slots, idle
	CLASS_STACKS,
	CLASS_RUNTIME, // the runtime's own structures
	CLASS_NATIVE,  // anonymous memory that is not Go's
	CLASS_FILES,   // mapped
	CLASS_CACHE,
	CLASS_SHMEM,
	CLASS_KERNEL,
	CLASS_SOCKETS,
	CLASS_OTHERS, // other processes of the cgroup
	CLASS_COUNT
};

#define CLASS_BIT(class) (1u << (class))
#define CLASSES_GO       (CLASS_BIT(CLASS_HEAP) | CLASS_BIT(CLASS_STACKS) | CLASS_BIT(CLASS_RUNTIME))
#define CLASSES_ALL      ((1u << CLASS_COUNT) - 1)

struct class_figure {
	bool known;
	int64_t bytes, before_bytes; // before: 0 where nothing is known of then
	int64_t rise;                // what it grew by, or what it is; not below 0
};

struct heap_stack {
	const struct profile_stack_row *row;
	int64_t value;   // what it holds that is in memory
	int64_t whole;   // with what was never written to
	int64_t own;     // index of the nearest frame of the program's own code; -1: none
	bool follows;    // held by goroutines that are a consequence
	int64_t objects; // of the whole stack, whatever their size
};

struct heap_view {
	struct profile_top_stacks *stacks; // by sample: each is of one stack and size; NULL: none
	VEC(struct heap_stack) list;
	int64_t total;
	bool collected;  // a collection ended between the two instants
	int64_t kept;    // what will be kept, by what was kept so far
	int64_t unknown; // of it is not known what will be kept
	uint32_t now, objects, published, allocated, allocations; // sample types; or PROFILE_NONE
};

// A kind of goroutine, joined over now and then.
struct wait_group {
	const struct goroutine_group *example; // the most numerous one
	const struct goroutine_frame *own;     // nearest own frame; NULL: none
	uint64_t count, before, stack_bytes, stack_bytes_before;
	uint64_t kind_count,
		kind_before; // of all that began in the same function, wherever they are
	int64_t waited_ns;
	int64_t holds, holds_before; // by heap sites; see wait_group_link
	uint64_t during;             // goroutines in what the rule's `during` says
	const char *along;           // a pattern of creators whose goroutines go with these
};

struct evidence {
	const struct facts *now, *before;         // before NULL: nothing to compare with
	const struct snapshot_baseline *baseline; // NULL likewise
	const struct kill_facts *kill;            // NULL: the process lives
	int64_t interval_ns;                      // 0: no baseline
	bool mismatch; // the two are not of one process, or in the wrong order
	const char *mismatch_text;

	struct class_figure classes[CLASS_COUNT];
	int64_t rise;   // of all classes
	bool by_growth; // rises are growth, else sizes
	int64_t memory, memory_before;

	struct heap_view heap, heap_before;
	bool heap_by_growth;
	// Of a process that lives, what is not published yet counts only as far as what was
	// allocated there before was kept: the rest will be garbage.
	bool estimated;
	bool uncollected; // nothing was ever collected: growth may be garbage
	bool stopped;     // likewise: it grew, and then hardly anything was allocated any more
	bool watched;     // all the time between the two looks: the facts "between." are about it
	bool swings;      // collections found far more live meanwhile, and then less again
	bool lowered;     // what comes and goes is not in the sums of the heap

	struct map group_map;
	VEC(struct wait_group) groups;
	bool groups_by_growth;
	uint64_t group_rise; // of all
	// Goroutines began to pile up after the memory had begun to grow: they are no cause, and
	// what waits with them (in the rise of the heap) is a consequence, too.
	bool goroutines_follow;
	int64_t following_bytes;
};

// `baseline` as verdict_decide takes it.
void evidence_gather(const struct facts *now, const struct snapshot_baseline *baseline,
		     const struct kill_facts *kill, struct evidence *evidence);
void evidence_deinit(struct evidence *evidence);

const char *class_name(enum memory_class class); // "Go heap", for people
double class_share(const struct evidence *evidence, unsigned int classes);
int64_t class_rise(const struct evidence *evidence, unsigned int classes);
bool evidence_killed(const struct evidence *evidence);
bool evidence_near_limit(const struct evidence *evidence);
// Memory grew enough that something is going on.
bool evidence_grew(const struct evidence *evidence);

// Finds what the goroutines hold that are a consequence.
void evidence_find_following(struct evidence *evidence);

// What a condition or a text refers to besides the facts.
struct site;
struct scope {
	const struct evidence *evidence;
	const struct site *site;        // or NULL
	const struct wait_group *group; // or NULL
};

// A number by its name, with ".grown", ".before" and ".share"; false where it is not known.
bool scope_number(const struct scope *scope, const char *name, double *value);
enum fact_unit scope_unit(const char *name);
bool scope_holds(const struct scope *scope, const char *condition);
// Whether a condition can be understood, and all of its names are facts.
bool condition_is_valid(const char *condition);
bool number_name_is_valid(const char *name);

uint64_t wait_group_rise(const struct evidence *evidence, const struct wait_group *group);
int64_t wait_group_costs(const struct evidence *evidence, const struct wait_group *group);
// Finds what the group's goroutines keep, by the sites of the heap profile.
void wait_group_link(const struct evidence *evidence, struct wait_group *group,
		     const char *const *holds, const char *along);
