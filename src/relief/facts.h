// SPDX-License-Identifier: Apache-2.0
/*
 * What a decision about relief rests on: numbers of one Go process, taken without privileges, and
 * sent as they are to whoever decides and writes. There are no pointers in it, and
 * relief_facts_check holds every number within bounds that no arithmetic of plan.c can overflow;
 * more it cannot do: the numbers are the target's word. What is true or false is a byte, since any
 * byte may come. The texts are for people, printed as foreign text is.
 */
#pragma once

#include "golang/setting_places.h"
#include "relief/room.h"
#include "snapshot/snapshot.h"

enum { RELIEF_BUILD_ID_MAX = 80 };

struct relief_facts {
	char go_version[32];
	char build_id[RELIEF_BUILD_ID_MAX + 1]; // hexadecimal, "" where there is none
	int go_minor;
	struct snapshot_setting settings[GO_SETTING_COUNT];
	uint8_t linked_out; // the linker left the memory profiler out
	// The pacer, in bytes (golang/pacer.h).
	int64_t heap_alloc;  // of objects, garbage that is not swept yet included
	int64_t heap_marked; // live at the end of the last collection, or allocated while it ran
	int64_t survived; // of what was there when that began; the same as `heap_marked` where that
			  // is not known: before Go 1.19, and while a collection runs
	int64_t heap_before;             // what was there when it began; 0: not known
	int64_t mapped_ready, heap_free; // 0 before Go 1.19
	int64_t goal, trigger;           // INT64_MAX: never
	int64_t gc_percent_goal;         // likewise; before Go 1.19 the same as `goal`
	int64_t last_goal;               // the goal that the last collection had; 0: not known
	int64_t roots;                   // what GOGC counts besides the live heap
	int64_t heap_minimum;            // no goal is lower; RELIEF_BYTES_MAX: GOGC=off
	uint8_t limited;                 // the memory limit sets the goal now
	int headroom_percent;
	uint64_t collections;
	int64_t interval_ns; // between the last two collections; 0: not known
	double gc_cpu;       // share of GOMAXPROCS since the start
	uint8_t resident_known;
	int64_t go_resident; // of the process's ledger: what the runtime's memory takes, really
	int64_t rss;
};

// Of a snapshot with CAPTURE_RUNTIME, and CAPTURE_LEDGER where `go_resident` matters.
bool relief_facts_gather(const struct snapshot *snapshot, struct relief_facts *facts,
			 struct error *error) must_check;
// ERROR_BAD_DATA for what no gathering gives.
bool relief_facts_check(struct relief_facts *facts, struct error *error) must_check;
