// SPDX-License-Identifier: Apache-2.0
// What is cheap to know of a process each second besides its cgroup's memory: the kernel's own
// numbers, from files that are open.
#pragma once

#include "store/metrics.h"
#include "system/cgroup.h"
#include "system/process.h"

struct gauges {
	const struct process_files *process; // borrowed
	int pressure;                        // of the cgroup (v2), else of the machine; -1: none
	int64_t some_us, full_us, pressure_ns;
	int64_t some_avg10, full_avg10;   // hundredths of a percent; -1: not known
	int64_t fds, fds_ns, fds_cost_ns; // counting may cost much
};

void gauges_begin(struct gauges *gauges, const struct process_files *process,
		  const struct cgroup *cgroup);
void gauges_end(struct gauges *gauges);
// Fills in what it knows.
void gauges_take(struct gauges *gauges, struct store_sample *sample);

// "some avg10=0.00 ... total=123\nfull ..."; what is missing stays as it was. For tests.
void gauges_parse_pressure(const char *text, int64_t *some_us, int64_t *full_us);
// The kernel's own averages over ten seconds, in hundredths of a percent.
void gauges_parse_avg10(const char *text, int64_t *some, int64_t *full);
