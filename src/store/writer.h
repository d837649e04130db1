// SPDX-License-Identifier: Apache-2.0
/*
 * What a watch tells the timeline. Nothing here waits: each call hands one message to the keeper, a
 * process of its own that has the database open, confined to its directory, and commits at most
 * once a second (see keeper.h for why a process). When it cannot keep up, samples are dropped and
 * counted; when the database cannot be written, store_update says so once, the watch goes on, and
 * the keeper tries again.
 *
 * Call it from a process with one thread, which has no database open itself: store_open and
 * store_update may fork.
 */
#pragma once

#include "base/error.h"
#include "store/events.h"
#include "store/metrics.h"

#define STORE_SIZE_DEFAULT ((int64_t)256 << 20)
#define STORE_SIZE_MIN     ((int64_t)4 << 20)
#define STORE_COMMIT_NS    ((int64_t)1000000000)

struct store_options {
	const char *path;   // of the database; its directory is made if its parent is there
	int64_t size_bytes; // the most that it may take on disk; 0: the default
	int64_t commit_ns;  // how long a message may wait; 0: a second
};

enum store_state {
	STORE_STARTING,
	STORE_WRITING,
	STORE_SET_ASIDE, // it was damaged: now under another name, and a new one begun
	STORE_FAILING,   // not written now; tried again
	STORE_REFUSED,   // not written, and not tried again
};

struct store_writer;

// Fails only where no process can be started; what is wrong with the file comes as news.
bool store_open(const struct store_options *options, struct store_writer **writer,
		struct error *error) must_check;
// A handle for the calls below. The same pid and start time later on are the same target.
int store_target(struct store_writer *writer, const struct store_target *target);
void store_ending(struct store_writer *writer, int target, const struct store_ending *ending);
void store_sample(struct store_writer *writer, int target, const struct store_sample *sample);
void store_mark(struct store_writer *writer, int target, const struct store_mark *mark); // -1: all
void store_snapshot(struct store_writer *writer, int target, const struct store_snapshot *snapshot);
void store_incident(struct store_writer *writer, int target, const struct store_incident *incident);

struct store_news {
	enum store_state state;
	int64_t committed; // messages of this writer that are in the database
	int64_t dropped;   // samples that could not be handed over
	struct error error;
};

// Call it now and then: takes what the keeper says, and starts a new one should it have died. True
// when there is something to tell: then `news->error` has the words (ERROR_NONE: all is well
// again).
bool store_update(struct store_writer *writer, struct store_news *news);
// Waits for the last commit, two seconds at most, and frees. A keeper that needs longer goes on by
// itself for a few seconds. NULL is allowed.
void store_close(struct store_writer *writer);
