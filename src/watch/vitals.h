// SPDX-License-Identifier: Apache-2.0
/*
 * All numbers that are known of one target now: what triggers are judged by, and what the timeline
 * gets. From the cgroup's samples, from the process's gauges a few times a second at most, and from
 * its Go runtime once a second (probe.h), where somebody needs them.
 */
#pragma once

#include "golang/gauge.h"
#include "watch/gauges.h"
#include "watch/past.h"
#include "watch/rule.h"
#include "watch/sampler.h"

#define VITALS_GAUGE_NS ((int64_t)500000000)
#define VITALS_PROBE_NS ((int64_t)1000000000)
#define VITALS_STALE_NS ((int64_t)5000000000) // what is older is not known any more

enum { VITALS_EVENTS = 4 };

struct vitals {
	struct gauges gauges;
	bool has_gauges;
	struct store_sample sample; // of gauges and runtime
	int64_t gauged_ns, go_ns;   // 0: not yet
	int64_t go_stale_ns;        // 0: VITALS_STALE_NS
	int64_t gauge_every_ns;     // 0: VITALS_GAUGE_NS
	struct go_gauges go;
	struct readings readings;
	struct past pinned, events[VITALS_EVENTS];
	int64_t last_pinned_bytes, last_ns; // the sample before
};

// `with_gauges`: the process's files are looked at as well.
void vitals_begin(struct vitals *vitals, const struct process_files *process,
		  const struct cgroup *cgroup, bool with_gauges);
void vitals_end(struct vitals *vitals);
// Call it whenever a sample was taken. Looks at the process at most each gauge_every_ns.
void vitals_update(struct vitals *vitals, const struct sampler *sampler, int64_t now_ns);
// What a probe says.
void vitals_hear(struct vitals *vitals, const struct go_gauges *go, int64_t now_ns);
