// SPDX-License-Identifier: Apache-2.0
// The keeper's two halves: keeper.c hears what there is to write, keeper_commit.c writes it.
#pragma once

#include "base/vec.h"
#include "store/message.h"
#include "store/rows.h"
#include "store/samples.h"

#define SECOND_NS ((int64_t)1000000000)

struct heard_target {
	struct kept_target kept;
	bool known;
	int64_t heard_unix_ns;
	size_t bucket; // in `buckets`, + 1; 0: none waits
};

struct keeper {
	int channel;
	char *path;
	int64_t size_bytes, commit_ns;
	sqlite3 *database; // NULL: not open now
	sqlite3_stmt *insert;
	VEC(struct heard_target *) targets;
	VEC(struct sample_bucket) buckets; // `target` is a handle until they are written
	VEC(struct message *) events;
	int64_t waiting_since_ns; // the oldest that is not committed; 0: nothing waits
	int64_t retry_ns;         // not before
	int64_t locked_since_ns;
	int64_t tidied_ns[SAMPLE_TABLES];
	int64_t clock_offset_ns; // unix minus monotonic; 0: not known
	int64_t heard, dropped;
	bool refused, told_dropped;
	struct message_news news;
};

// NULL where there is none of that handle.
static inline struct heard_target *keeper_find_target(struct keeper *keeper, int handle)
{
	return handle >= 0 && (size_t)handle < keeper->targets.count ? keeper->targets.items[handle]
								     : NULL;
}

// Tells the watch where it stands. `error` NULL: all is well.
void keeper_say(struct keeper *keeper, enum store_state state, const struct error *error);
// Opens the database now; what is wrong becomes news, and is tried again.
void keeper_open(struct keeper *keeper);
// Writes what waits in one transaction. What cannot be written goes on waiting.
void keeper_commit(struct keeper *keeper);
void keeper_clear_waiting(struct keeper *keeper);
void keeper_close(struct keeper *keeper);
