// SPDX-License-Identifier: Apache-2.0
/*
 * The settings of a running Go program that can be changed from outside, and where they are.
 * Finding one reads the target, so it is done without privileges; what comes out is numbers alone,
 * so that it can go to whoever may write (settings_write.h). Nothing here writes.
 *
 * Only three variables are ever written, because a single store is all that the runtime itself does
 * to them, and no lock guards what follows from it:
 *
 * GO_SETTING_MEMORY_LIMIT, runtime.gcController.memoryLimit (atomic.Int64, Go 1.19 and later). Each
 *   allocation that asks for a span asks trigger() whether to collect, which loads the limit anew
 *   (mgcpacer.go heapGoalInternal, memoryLimitHeapGoal); mheap.allocSpan loads it to decide what to
 *   return to the kernel first. So a new limit is in force with the next span that is asked for,
 * and starts a collection if the heap is above the new goal. Only the background scavenger's own
 * goal waits for the end of that collection (gcPaceScavenger; before Go 1.22 a slip in its
 * arithmetic makes it never follow the limit, then memory goes back only as the heap asks for
 * more). A process that
 *   allocates nothing notices nothing until the collection that the runtime forces every two
 * minutes. GO_SETTING_GC_PERCENT, runtime.gcController.gcPercent (atomic.Int32, Go 1.18 and later;
 * a plain int32 before, so not written). The heap goal that follows from it, gcPercentHeapGoal, is
 * computed under a lock at the end of each collection (commit), and is left to that: a new GOGC is
 * in force after the next collection, which starts where the old goal said. heapMinimum, 4 MiB *
 * GOGC / 100, stays that of the old GOGC; with GOGC=off it is beyond any heap, so off cannot be
 * undone this way unless whyoom did it. GO_SETTING_MEM_PROFILE_RATE, runtime.MemProfileRate (int, a
 * variable that programs set by plain assignment). mallocgc reads it with each allocation. Up to
 * Go 1.23 what is left of the processor's mcache.nextSample counts down first: it was drawn with
 * the rate of the start, so a few MiB at most, and it is 0 where the linker had turned the profiler
 * off. From Go 1.24 on mallocgc compares the rate with mcache.memProfRate and draws anew at once.
 * So nothing local to a processor has to be written, in any version from 1.11 on.
 *
 * That the store of 8 bytes may be seen torn (the kernel copies) is harmless: any mixture of the
 * bytes of two numbers that are not negative is not negative either; a limit that is too low for an
 * instant starts one collection too many.
 */
#pragma once

#include "golang/runtime.h"

enum go_setting_id {
	GO_SETTING_MEMORY_LIMIT,     // bytes; INT64_MAX: none
	GO_SETTING_GC_PERCENT,       // GOGC; -1: off
	GO_SETTING_MEM_PROFILE_RATE, // bytes for each sample; 0: off
	GO_SETTING_COUNT
};

struct go_setting_place {
	taddr_t address;
	uint32_t bytes; // 8 or 4
	int64_t value;  // what it held when it was found
};

// "memory_limit": for machines. `go_setting_parse` is its inverse, GO_SETTING_COUNT for no setting.
const char *go_setting_name(enum go_setting_id setting);
enum go_setting_id go_setting_parse(const char *name);
// How wide the variable is.
uint32_t go_setting_bytes(enum go_setting_id setting);
// Whether it is a value that the runtime itself could hold.
bool go_setting_allows(enum go_setting_id setting, int64_t value);

// ERROR_UNSUPPORTED, with a name, where this version has no such variable or does not store to it
// atomically, and where its layout was not measured (layout_caveat): nobody writes by a guess.
bool go_setting_find(const struct go_runtime *runtime, enum go_setting_id setting,
		     struct go_setting_place *place, struct error *error) must_check;
