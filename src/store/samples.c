// SPDX-License-Identifier: Apache-2.0
// In: buckets of one second. Out: rows, merged, moved on to coarser tables, removed.
#include "store/samples.h"

#include <stdio.h>

#include "base/strbuf.h"

enum { FUTURE_SLACK_S = 300, FOLD_TIMES_MAX = 600 };

const struct sample_table_row sample_tables[SAMPLE_TABLES] = {
	[SAMPLES_1] = {"sample_1", 1, 3600, 60},
	[SAMPLES_10] = {"sample_10", 10, 8640, 60},
	[SAMPLES_60] = {"sample_60", 60, 43200, 60},
};

void sample_bucket_add(struct sample_bucket *bucket, const struct store_sample *sample)
{
	const int64_t most_taken = INT64_C(1) << 52; // so that no sum overflows
	bucket->count++;
	if (sample->unix_ns > bucket->newest_ns)
		bucket->newest_ns = sample->unix_ns;
	for (int i = 0; i < STORE_METRICS; i++) {
		int64_t value = sample->values[i];
		if (value < 0)
			continue;
		if (value > most_taken)
			value = most_taken;
		if (!bucket->metrics[i].count || value < bucket->metrics[i].least)
			bucket->metrics[i].least = value;
		if (!bucket->metrics[i].count || value > bucket->metrics[i].most)
			bucket->metrics[i].most = value;
		bucket->metrics[i].count++;
		bucket->metrics[i].sum += value;
	}
}

// ---- statements, made from the metrics ----

static void add_columns(struct strbuf *sql)
{
	strbuf_add(sql, "(time, target, samples");
	for (int i = 0; i < STORE_METRICS; i++) {
		const char *name = store_metrics[i].column;
		strbuf_addf(sql, ", %s, %s_min, %s_max", name, name, name);
	}
	strbuf_add(sql, ")");
}

// `side` is "min" or "max"; of the row that is there and the one that comes.
static void add_merged_extreme(struct strbuf *sql, const char *name, const char *side)
{
	strbuf_addf(sql,
		    ", %s_%s = CASE WHEN excluded.%s IS NULL THEN %s_%s WHEN %s IS NULL THEN "
		    "excluded.%s_%s ELSE %s(coalesce(%s_%s, %s), coalesce(excluded.%s_%s, "
		    "excluded.%s)) END",
		    name, side, name, name, side, name, name, side, side, name, side, name, name,
		    side, name);
}

static void add_merge(struct strbuf *sql)
{
	strbuf_add(sql, " ON CONFLICT(time, target) DO UPDATE SET samples = samples + "
			"excluded.samples");
	for (int i = 0; i < STORE_METRICS; i++) {
		const char *name = store_metrics[i].column;
		strbuf_addf(sql,
			    ", %s = CASE WHEN excluded.%s IS NULL THEN %s WHEN %s IS NULL THEN "
			    "excluded.%s ELSE CAST((1.0 * %s * samples + 1.0 * excluded.%s * "
			    "excluded.samples) / (samples + excluded.samples) AS INTEGER) END",
			    name, name, name, name, name, name, name);
		add_merged_extreme(sql, name, "min");
		add_merged_extreme(sql, name, "max");
	}
}

bool samples_prepare(sqlite3 *database, sqlite3_stmt **insert, struct error *error)
{
	struct strbuf sql = {0};
	strbuf_add(&sql, "INSERT INTO sample_1");
	add_columns(&sql);
	strbuf_add(&sql, " VALUES(?, ?, ?");
	for (int i = 0; i < 3 * STORE_METRICS; i++)
		strbuf_add(&sql, ", ?");
	strbuf_add(&sql, ")");
	add_merge(&sql);
	bool ok = database_prepare(database, sql.text, insert, error);
	strbuf_deinit(&sql);
	return ok;
}

bool samples_insert(sqlite3 *database, sqlite3_stmt *insert, const struct sample_bucket *bucket,
		    struct error *error)
{
	int place = 1;
	sqlite3_clear_bindings(insert);
	sqlite3_bind_int64(insert, place++, bucket->second);
	sqlite3_bind_int64(insert, place++, bucket->target);
	sqlite3_bind_int64(insert, place++, bucket->count);
	for (int i = 0; i < STORE_METRICS; i++, place += 3) {
		if (!bucket->metrics[i].count)
			continue;
		sqlite3_bind_int64(insert, place,
				   bucket->metrics[i].sum / bucket->metrics[i].count);
		if (bucket->metrics[i].least == bucket->metrics[i].most)
			continue;
		sqlite3_bind_int64(insert, place + 1, bucket->metrics[i].least);
		sqlite3_bind_int64(insert, place + 2, bucket->metrics[i].most);
	}
	return database_step(database, insert, error);
}

// ---- moving on ----

static bool count_times(sqlite3 *database, const char *table, int64_t *count, struct error *error)
{
	char sql[400];
	// From one time to the next by the index, whatever the number of targets.
	snprintf(
		sql, sizeof sql,
		"WITH RECURSIVE times(t) AS (SELECT min(time) FROM %s UNION ALL SELECT (SELECT "
		"min(time) FROM %s WHERE time > t) FROM times WHERE t IS NOT NULL) SELECT count(t) "
		"FROM times",
		table, table);
	return database_number(database, sql, count, error);
}

// The time of the first row at or behind `from`, or of the `skip`-th different time from there.
static bool find_time(sqlite3 *database, const char *table, int64_t from, int64_t skip,
		      int64_t *time, struct error *error)
{
	char sql[400];
	snprintf(sql, sizeof sql,
		 "WITH RECURSIVE times(t, n) AS (SELECT (SELECT min(time) FROM %s WHERE time >= "
		 "%lld), 0 UNION ALL SELECT (SELECT min(time) FROM %s WHERE time > t), n + 1 FROM "
		 "times WHERE t IS NOT NULL AND n < %lld) SELECT max(t) FROM times",
		 table, (long long)from, table, (long long)skip);
	return database_number(database, sql, time, error);
}

static bool copy_to(sqlite3 *database, const struct sample_table_row *from,
		    const struct sample_table_row *to, int64_t first, int64_t end,
		    struct error *error)
{
	struct strbuf sql = {0};
	strbuf_addf(&sql, "INSERT INTO %s", to->name);
	add_columns(&sql);
	strbuf_addf(&sql, " SELECT time / %lld * %lld, target, sum(samples)",
		    (long long)to->width_s, (long long)to->width_s);
	for (int i = 0; i < STORE_METRICS; i++) {
		const char *name = store_metrics[i].column;
		strbuf_addf(&sql,
			    ", CAST(total(1.0 * %s * samples) / nullif(total(CASE WHEN %s IS NULL "
			    "THEN 0 ELSE samples END), 0) AS INTEGER)"
			    ", min(coalesce(%s_min, %s)), max(coalesce(%s_max, %s))",
			    name, name, name, name, name, name);
	}
	strbuf_addf(&sql, " FROM %s WHERE time >= %lld AND time < %lld GROUP BY 1, 2", from->name,
		    (long long)first, (long long)end);
	add_merge(&sql);
	bool ok = database_run(database, sql.text, error);
	strbuf_deinit(&sql);
	return ok;
}

static int64_t round_down(int64_t time, int64_t width)
{
	return time - (time % width + width) % width;
}

bool samples_fold(sqlite3 *database, enum sample_table table, int64_t now_s, struct error *error)
{
	const struct sample_table_row *from = &sample_tables[table];
	const struct sample_table_row *to =
		table + 1 < SAMPLE_TABLES ? &sample_tables[table + 1] : NULL;
	int64_t count, first, last;
	char sql[200];
	if (!count_times(database, from->name, &count, error))
		return false;
	if (count < from->kept + from->step)
		return true;
	int64_t over = count - from->kept;
	if (over > FOLD_TIMES_MAX)
		over = FOLD_TIMES_MAX;
	// What claims to be of the future goes before what is old.
	if (!find_time(database, from->name, now_s + FUTURE_SLACK_S, 0, &first, error))
		return false;
	if (!first && !find_time(database, from->name, INT64_MIN / 2, 0, &first, error))
		return false;
	if (!find_time(database, from->name, first, over, &last, error))
		return false;
	// Whole windows only, and at least one.
	int64_t width = to ? to->width_s : from->width_s;
	int64_t end = round_down(last, width);
	if (end <= first)
		end = round_down(first, width) + width;
	if (to && !copy_to(database, from, to, first, end, error))
		return false;
	snprintf(sql, sizeof sql, "DELETE FROM %s WHERE time >= %lld AND time < %lld", from->name,
		 (long long)first, (long long)end);
	return database_run(database, sql, error);
}

bool samples_remove_oldest(sqlite3 *database, int rows, bool *removed, struct error *error)
{
	char sql[240];
	*removed = false;
	for (int table = SAMPLE_TABLES - 1; table >= 0 && !*removed; table--) {
		const char *name = sample_tables[table].name;
		snprintf(sql, sizeof sql,
			 "DELETE FROM %s WHERE time <= (SELECT max(time) FROM (SELECT time FROM %s "
			 "ORDER BY time LIMIT %d))",
			 name, name, rows);
		if (!database_run(database, sql, error))
			return false;
		*removed = sqlite3_changes(database) > 0;
	}
	return true;
}
