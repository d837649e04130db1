// SPDX-License-Identifier: Apache-2.0
/*
 * A capture in a process of its own: it opens what it needs, gives its privileges up, reads the
 * target, writes the incident's files, and waits. When the watch knows how the target ended, the
 * worker writes the final report and prints it. When the watch dies, the worker ends too; what it
 * has written stays.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "snapshot/kill.h"

struct worker_request {
	pid_t pid;
	const char *cgroup_path;
	const char *directory; // to be made for this capture; NULL: keep nothing on disk
	bool json, colour;     // how the final report is printed
};

enum worker_state { WORKER_BUSY, WORKER_READY, WORKER_FAILED };

struct worker {
	pid_t pid;
	int channel; // readable when there is news
	enum worker_state state;
	bool stored;          // the capture is on disk
	bool whole;           // heap and ledger are there, and the target outlived the capture
	int64_t duration_ns;  // of the capture
	struct error error;   // why it failed, or why it is not stored
	char directory[4096]; // "" when nothing is kept on disk
};

// What the worker needs for the last word.
struct worker_end {
	struct kill_facts kill;
	struct kill_timeline timeline;
};

bool worker_start(const struct worker_request *request, struct worker **worker,
		  struct error *error) must_check;
// Takes the worker's news if there is any, waiting up to `timeout_ms`.
void worker_update(struct worker *worker, int timeout_ms);
// Has a ready worker write and print the final report. False when it is not stored whole; the
// report was printed all the same if `*printed`.
bool worker_finish(struct worker *worker, const struct worker_end *end, bool *printed,
		   struct error *error) must_check;
// Ends it; frees. What is on disk stays. NULL is allowed.
void worker_free(struct worker *worker);
