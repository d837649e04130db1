// SPDX-License-Identifier: Apache-2.0
/*
 * What is stored of a stretch of time, read back; as text, JSON and CSV. The database may have been
 * written by anybody: numbers are taken as they are, texts are escaped where they are shown, and
 * there are limits for how many of each are read.
 */
#pragma once

#include "base/strbuf.h"
#include "base/vec.h"
#include "store/database.h"
#include "store/events.h"
#include "store/metrics.h"

struct timeline_target {
	int64_t id;
	struct store_target target;
	int64_t first_seen_ns, last_seen_ns;
	int64_t ended_ns; // 0: not known to have ended
	char ending[32];
};

// By rank: where several fall into one column of a chart, the last of these is shown.
enum timeline_event_kind {
	EVENT_SNAPSHOT,
	EVENT_CLOCK,
	EVENT_LIMIT,
	EVENT_END,
	EVENT_RESTART,
	EVENT_BINARY,
	EVENT_HAND,
	EVENT_INCIDENT,
	EVENT_KILL,
	EVENT_KINDS
};

extern const char *const timeline_event_names[EVENT_KINDS];

struct timeline_event {
	enum timeline_event_kind kind;
	int64_t unix_ns, target;          // id; 0: of none
	int64_t id;                       // of an incident; else 0
	int64_t usage_bytes, duration_ns; // of a snapshot
	char *text;                       // a mark's words, a verdict, the reason of a snapshot
	char *directory, *cause;          // of an incident; else NULL
};

struct timeline_row {
	int64_t time_s, width_s, target, samples;
	struct {
		bool known;
		int64_t average, least, most;
	} metrics[STORE_METRICS];
};

struct timeline {
	sqlite3 *database; // borrowed
	int64_t since_ns, until_ns;
	bool selected;                       // not every target
	VEC(struct timeline_target) targets; // by first_seen_ns
	VEC(struct timeline_event) events;   // by time
	VEC(int64_t) ids;                    // of the targets, sorted
};

// `who` NULL: every target seen since then; else a pid or a name. ERROR_NOT_FOUND where there is
// none such, with what there is as a hint.
bool timeline_read(sqlite3 *database, const char *who, int64_t since_ns, int64_t until_ns,
		   struct timeline *timeline, struct error *error) must_check;
void timeline_deinit(struct timeline *timeline);
// The samples, coarse ones first, each table by time. `visit` returns false to end it.
bool timeline_each_row(const struct timeline *timeline,
		       bool (*visit)(void *context, const struct timeline_row *row), void *context,
		       struct error *error) must_check;
// When the first sample begins and the last ends; INT64_MAX and INT64_MIN where there is none. Of
// many selected targets, those of all.
bool timeline_find_extent(const struct timeline *timeline, int64_t *from_s, int64_t *to_s,
			  struct error *error) must_check;
const struct timeline_target *timeline_find_target(const struct timeline *timeline, int64_t id);

// ---- incidents ----

struct timeline_incident {
	int64_t id;
	struct store_incident incident;
	struct timeline_target target; // id 0: not known
	bool removed;                  // its directory is not there any more; the caller looks
};

// The newest `most`, newest first; `id` 0: all. The caller frees with vec_deinit.
struct timeline_incidents {
	VEC(struct timeline_incident) list;
};
bool timeline_read_incidents(sqlite3 *database, int64_t id, int most,
			     struct timeline_incidents *incidents, struct error *error) must_check;

// ---- showing ----

struct timeline_style {
	int width; // of the terminal
	bool utf8, colour;
};

bool timeline_write_text(const struct timeline *timeline, struct timeline_style style,
			 struct strbuf *out, struct error *error) must_check;
// `print` takes pieces of text as they are made; false ends it.
struct timeline_sink {
	bool (*print)(const char *text);
};
bool timeline_write_json(const struct timeline *timeline, struct timeline_sink sink,
			 struct error *error) must_check;
bool timeline_write_csv(const struct timeline *timeline, struct timeline_sink sink,
			struct error *error) must_check;
void timeline_write_incidents(const struct timeline_incidents *incidents, struct strbuf *out);
