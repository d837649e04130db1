// SPDX-License-Identifier: Apache-2.0
/*
 * Samples in the database: what falls into the same second of the same target becomes one row, with
 * average, least and most. Rows go from the table of seconds to that of ten seconds, and from there
 * to that of minutes, when a table has more different times than it keeps. Counting times, not
 * comparing them with the clock, is what makes a clock that jumps harmless: nothing is taken for
 * old because the clock is wrong. Times that lie in the future go first.
 */
#pragma once

#include "store/database.h"
#include "store/metrics.h"

struct sample_bucket {
	int64_t second, count;
	int64_t newest_ns;
	int64_t target; // id of the row
	struct {
		int64_t count, sum, least, most;
	} metrics[STORE_METRICS];
};

void sample_bucket_add(struct sample_bucket *bucket, const struct store_sample *sample);

enum sample_table { SAMPLES_1, SAMPLES_10, SAMPLES_60, SAMPLE_TABLES };

struct sample_table_row {
	const char *name;
	int64_t width_s;
	int64_t kept; // times
	int64_t step; // so many more than that before rows move on
};

extern const struct sample_table_row sample_tables[SAMPLE_TABLES];

// The caller finalizes it.
bool samples_prepare(sqlite3 *database, sqlite3_stmt **insert, struct error *error) must_check;
// Merges with the row that is there.
bool samples_insert(sqlite3 *database, sqlite3_stmt *insert, const struct sample_bucket *bucket,
		    struct error *error) must_check;
// Moves on what is beyond the number kept, at most some thousand rows a call. Within a transaction.
bool samples_fold(sqlite3 *database, enum sample_table table, int64_t now_s,
		  struct error *error) must_check;
// Removes the oldest `rows` or so, coarsest table first. *removed: whether there were any.
bool samples_remove_oldest(sqlite3 *database, int rows, bool *removed,
			   struct error *error) must_check;
