// SPDX-License-Identifier: Apache-2.0
/*
 * A capture in a process of its own: it opens what it needs, gives its privileges up, reads the
 * target, writes the incident's files, and says so. Then it goes on with what takes longer: what a
 * C heap has in use, as long as the target lives, and which files the page cache is, which it can
 * do after that; it writes the ledger and the reports again with them, beside those that
 * are there, and the watch puts them in their place. When the watch knows how the
 * target ended, the worker writes the final report and, when told so, prints it. It ends with the
 * watch; what it has written stays.
 *
 * What a worker sends was made by a process that has seen hostile bytes: texts are terminated here
 * and must be escaped before they are shown.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "golang/gauge.h"
#include "snapshot/course.h"
#include "snapshot/kill.h"
#include "store/events.h"

struct worker_request {
	pid_t pid;
	const char *cgroup_path;
	const char *directory;     // to be made for this capture
	const char *baseline_path; // a heap profile to compare with, or NULL
	int64_t baseline_usage_bytes;
	bool json, colour; // how the final report is printed
	bool unhurried;    // it says that it is ready once it has taken everything
	bool small;        // what takes longer is left out: to compare with
};

// What the timeline wants to know of a capture. Below 0: not known.
struct worker_summary {
	int64_t heap_live_bytes, heap_goal_bytes, goroutines;
	char build_id[64];
	char container_name[256];
	struct go_gauge_places gauge_places;
	struct store_incident incident; // the verdict's part of it
};

enum worker_state { WORKER_BUSY, WORKER_READY, WORKER_FAILED };

struct worker {
	pid_t pid;
	int channel; // readable when there is news
	enum worker_state state;
	bool stored;         // the capture is on disk
	bool whole;          // heap and ledger are there, and the target outlived the capture
	bool needs_target;   // it reads the C heap still
	bool settled;        // what it wrote again is in its place, or removed
	int64_t duration_ns; // of the capture
	int64_t started_ns;  // on the monotonic clock
	int64_t finish_ns;   // when its end was told
	int64_t usage_bytes; // when it started, as the watch saw it
	bool while_held;     // the kill was held until it was done
	struct error error;  // why it failed, or why it is not stored
	bool dismissed;
	char directory[4096];
	struct worker_summary summary;
};

// What the worker needs for the last word.
struct worker_end {
	struct kill_facts kill;
	struct kill_timeline timeline;
	struct course course;
	char reason[512]; // of a trigger; "": the end of the process is what it is about
};

bool worker_start(const struct worker_request *request, struct worker **worker,
		  struct error *error) must_check;
// Takes the worker's news if there is any, waiting up to `timeout_ms`, as long as it is busy or not
// settled. One that is busy for longer than WORKER_TIME_LIMIT_NS is ended and has failed.
void worker_update(struct worker *worker, int timeout_ms);
// Waits a moment for what it is still writing; its directory holds nothing unfinished after that.
void worker_settle(struct worker *worker);
// Has a ready worker write the final report. False when it is not stored whole.
bool worker_finish(struct worker *worker, const struct worker_end *end,
		   struct error *error) must_check;
// The same without waiting: begin it, then poll until it is over.
bool worker_finish_begin(struct worker *worker, const struct worker_end *end,
			 struct error *error) must_check;
bool worker_finish_poll(struct worker *worker, int timeout_ms, bool *stored, struct error *error);
// Then has it print the report to standard output. `signal_fd` readable ends the wait, and so does
// `timeout_ms` (-1: never). False when it was not printed whole.
bool worker_print(struct worker *worker, int signal_fd, int timeout_ms) must_check;
// There is a newer one: it ends by itself, once what it is reading is written. worker_free waits a
// moment for that.
void worker_dismiss(struct worker *worker);
bool worker_has_left(const struct worker *worker);
// Ends it; frees. What is on disk stays. NULL is allowed.
void worker_free(struct worker *worker);
