// SPDX-License-Identifier: Apache-2.0
// In: a crash as it was read. Out: who is at fault in it, whose code, which version.
#include "crash/findings.h"
#include "crash/owner.h"
#include "crash/sizes.h"
#include "crash/version.h"

static void set_owners(struct crash *crash, struct crash_log *log)
{
	struct places places;
	places_find(crash, log, &places);
	VEC_FOREACH (group, &crash->groups) {
		for (size_t i = 0; i < group->depth; i++)
			owner_set(&places, log, &group->frames[i]);
		owner_set(&places, log, &group->creator);
	}
	crash->main_module = crash_text(log, places.main_module);
}

static const struct crash_group *find_by_id(const struct crash *crash, uint64_t id)
{
	VEC_FOREACH (group, &crash->groups)
		if (group->kind == CRASH_STACK_GOROUTINE)
			for (size_t i = 0; i < group->id_count; i++)
				if (group->ids[i] == id)
					return group;
	return NULL;
}

static bool has_frame(const struct crash_group *group, const char *function)
{
	for (size_t i = 0; group && i < group->depth; i++)
		if (strcmp(group->frames[i].function, function) == 0)
			return true;
	return false;
}

// The runtime prints the goroutine at fault first; it runs, or is in C.
static void find_fault(struct crash *crash)
{
	const struct crash_group *first =
		crash->first_set ? find_by_id(crash, crash->first_id) : NULL;
	VEC_FOREACH (group, &crash->groups)
		if (group->kind == CRASH_STACK_RUNTIME && !crash->runtime)
			crash->runtime = group;
	bool runs = first && strcmp(first->state, "running") == 0;
	bool in_c = first && strcmp(first->state, "syscall") == 0 && has_frame(first, "runtime.cgocall");
	bool can_have = crash->kind == CRASH_FATAL || crash->kind == CRASH_PANIC ||
			(crash->kind == CRASH_SIGNAL && in_c);
	if (can_have && (runs || in_c))
		crash->fault = first;
}

// A program that prints its own stack goes on: with a panic in it, it has recovered from one.
static void find_recovered(struct crash *crash)
{
	const struct crash_group *first =
		crash->first_set ? find_by_id(crash, crash->first_id) : NULL;
	if (has_frame(first, "runtime/debug.Stack") || has_frame(first, "runtime/debug.PrintStack"))
		crash->recovered = true;
	if (crash->recovered && crash->kind == CRASH_DUMP)
		crash->fault = first;
}

static bool is_after_recovery(const struct crash *crash)
{
	VEC_FOREACH (panic, &crash->panics)
		if (panic->recovered)
			return true;
	return crash->recovered;
}

// Where the panic came from is below panic(); above it are deferred functions.
static size_t first_frame(const struct crash *crash)
{
	size_t first = 0;
	if (is_after_recovery(crash))
		for (size_t i = 0; i < crash->fault->depth; i++)
			if (strcmp(crash->fault->frames[i].function, "panic") == 0)
				first = i + 1;
	return first;
}

static void find_own(struct crash *crash)
{
	const struct crash_group *fault = crash->fault;
	for (size_t i = fault ? first_frame(crash) : 0; fault && i < fault->depth; i++) {
		if (fault->frames[i].owner == CRASH_OWNER_OWN) {
			crash->own = &fault->frames[i];
			return;
		}
	}
}

// Own code that called the function which made the goroutine, in the stack of another goroutine
// that still is in it.
static void find_started_by(struct crash *crash)
{
	const struct crash_frame *creator = crash->fault ? &crash->fault->creator : NULL;
	if (!creator || !creator->function[0] || creator->owner == CRASH_OWNER_OWN)
		return;
	VEC_FOREACH (group, &crash->groups) {
		bool below = false;
		for (size_t i = 0; i < group->depth && !crash->started_by; i++) {
			below = below ||
				strcmp(group->frames[i].function, creator->function) == 0;
			if (below && group->frames[i].owner == CRASH_OWNER_OWN) {
				crash->started_by = &group->frames[i];
				crash->started_by_id = group->ids[0];
			}
		}
	}
}

static void find_cut(struct crash *crash)
{
	crash->cut_end = crash->cut_end || crash->last_open;
	VEC_FOREACH (group, &crash->groups) {
		const struct crash_frame *last =
			group->depth ? &group->frames[group->depth - 1] : NULL;
		if (last && !last->file[0])
			crash->cut_end = true;
		if (last && !group->frames[0].function[0])
			crash->cut_front = true;
	}
}

void crash_analyse(struct crash_log *log, struct crash *crash)
{
	set_owners(crash, log);
	version_guess(crash, log);
	find_fault(crash);
	find_recovered(crash);
	find_own(crash);
	find_started_by(crash);
	find_cut(crash);
	sizes_find(crash, log);
	findings_make(crash, log);
}
