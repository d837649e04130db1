// SPDX-License-Identifier: Apache-2.0
/*
 * The settings that a runtime has in force, from its memory, and what its environment said at its
 * start. They differ where the program set its own (debug.SetGCPercent, debug.SetMemoryLimit,
 * runtime.GOMAXPROCS), and where the environment is not valid.
 */
#pragma once

#include "golang/memstats.h"

enum { GO_VARIABLE_MAX = 256 };

struct go_environment_value {
	bool known, set;
	char text[GO_VARIABLE_MAX]; // cut where longer
	bool differs;               // from what is in force
};

struct go_settings {
	int32_t gc_percent;   // -1: off
	int64_t memory_limit; // INT64_MAX: none
	int32_t gomaxprocs;
	bool mem_profile_rate_known, block_profile_rate_known, mutex_profile_rate_known;
	int64_t mem_profile_rate;   // bytes allocated for each sample; 0: off
	int64_t block_profile_rate; // ticks of the CPU's counter blocked for each sample; 0: off
	int64_t mutex_profile_rate; // one of so many contentions; 0: off
	bool mem_profile_linked;    // false: the linker found that the program uses no profile
	struct go_environment_value gogc, gomemlimit, gomaxprocs_variable, godebug;
};

void go_settings_read(const struct go_runtime *runtime, const struct go_memstats *stats,
		      struct go_settings *out);
// `environment`: "NAME=value" texts, each ended by a NUL, `size` bytes in all.
void go_settings_add_environment(struct go_settings *settings, const char *environment,
				 size_t size);
