// SPDX-License-Identifier: Apache-2.0
/*
 * What a watch of one process tells the timeline (store/writer.h): a sample a second, more while
 * the memory moves; captures with what they saw of the Go heap; the end; the incident. It never
 * waits, and what goes wrong with the timeline is said once and ends nothing.
 */
#pragma once

#include "snapshot/kill.h"
#include "store/writer.h"
#include "system/process.h"
#include "watch/progress.h"
#include "watch/sampler.h"

struct vitals;
struct worker_summary;

struct feed {
	struct store_writer *writer; // NULL: no timeline was asked for
	const struct progress *progress;
	const struct vitals *vitals; // borrowed; NULL: only what the sampler knows
	struct store_target target;
	int handle; // -1: not told yet
	int64_t begun_ns, sampled_ns, gauged_ns;
	int64_t sampled_bytes; // the usage at the newest sample
};

struct feed_options {
	const char *db;     // path of the database; NULL: no timeline
	int64_t size_bytes; // 0: the default
};

// What the timeline is told of a process and of a sample; for those that write to it themselves.
void feed_describe(const struct process_files *process, const struct cgroup *cgroup,
		   struct store_target *target);
void feed_fill(const struct sampler *sampler, struct store_sample *sample);

// How it ended, for the timeline: "leak (process 4711) exited with code 1".
void feed_describe_end(const struct kill_facts *kill, const char *name,
		       struct store_ending *ending);

void feed_begin(struct feed *feed, const struct feed_options *options,
		const struct process_files *process, const struct cgroup *cgroup,
		const struct progress *progress);
// Call it whenever a sample was taken; sends what is due.
void feed_sample(struct feed *feed, const struct sampler *sampler);
void feed_capture(struct feed *feed, const struct worker_summary *summary, const char *reason,
		  int64_t usage_bytes, int64_t duration_ns);
// An incident of a process that lives on.
void feed_incident(struct feed *feed, const char *cause, const char *incident,
		   const struct worker_summary *summary);
// `incident` "": none was stored.
void feed_finish(struct feed *feed, const struct sampler *sampler, const struct kill_facts *kill,
		 const char *incident, const struct worker_summary *summary);
void feed_end(struct feed *feed);
