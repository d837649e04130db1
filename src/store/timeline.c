// SPDX-License-Identifier: Apache-2.0
// In: the database. Out: targets, events and rows of samples of a stretch of time.
#include "store/timeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "store/samples.h"

enum { TARGETS_READ = 10000, EVENTS_READ = 50000, NAMES_TOLD = 12, FEW_TARGETS = 16 };

const char *const timeline_event_names[EVENT_KINDS] = {
	[EVENT_SNAPSHOT] = "snapshot", [EVENT_CLOCK] = "clock",       [EVENT_LIMIT] = "limit",
	[EVENT_END] = "end",           [EVENT_RESTART] = "restart",   [EVENT_BINARY] = "binary",
	[EVENT_HAND] = "hand",         [EVENT_INCIDENT] = "incident", [EVENT_KILL] = "kill",
};

static void copy_text(sqlite3_stmt *row, int column, char *out, size_t capacity)
{
	snprintf(out, capacity, "%s", database_text(row, column));
}

// ---- targets ----

#define TARGET_COLUMNS                                                                         \
	"t.id, t.pid, t.started_ns, t.name, t.executable, t.build_id, t.container, t.cgroup, " \
	"t.first_seen_ns, t.last_seen_ns, t.ended_ns, t.ending"

static struct timeline_target target_of(sqlite3_stmt *row, int at)
{
	struct timeline_target target = {
		.id = sqlite3_column_int64(row, at),
		.target.pid = sqlite3_column_int(row, at + 1),
		.target.started_unix_ns = sqlite3_column_int64(row, at + 2),
		.first_seen_ns = sqlite3_column_int64(row, at + 8),
		.last_seen_ns = sqlite3_column_int64(row, at + 9),
		.ended_ns = sqlite3_column_int64(row, at + 10),
	};
	copy_text(row, at + 3, target.target.name, sizeof target.target.name);
	copy_text(row, at + 4, target.target.executable, sizeof target.target.executable);
	copy_text(row, at + 5, target.target.build_id, sizeof target.target.build_id);
	copy_text(row, at + 6, target.target.container, sizeof target.target.container);
	copy_text(row, at + 7, target.target.cgroup, sizeof target.target.cgroup);
	copy_text(row, at + 11, target.ending, sizeof target.ending);
	return target;
}

static int compare_ids(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

static bool is_number(const char *text)
{
	return text[0] && !text[strspn(text, "0123456789")];
}

// Steps through all rows; false with an error of the database.
static bool next_row(sqlite3 *database, sqlite3_stmt *statement, bool *more, struct error *error)
{
	int result = sqlite3_step(statement);
	*more = result == SQLITE_ROW;
	return *more || result == SQLITE_DONE || database_error(database, error);
}

static bool read_targets(struct timeline *timeline, const char *who, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	bool more = true, ok;
	const char *sql = "SELECT " TARGET_COLUMNS
			  " FROM target t WHERE first_seen_ns <= ?1 AND last_seen_ns >= ?2 AND (?3 "
			  "IS NULL OR name = ?3 OR executable = ?3 OR pid = ?4) ORDER BY "
			  "first_seen_ns, id LIMIT ?5";
	if (!database_prepare(timeline->database, sql, &statement, error))
		return false;
	sqlite3_bind_int64(statement, 1, timeline->until_ns);
	// It is noted every ten seconds only.
	sqlite3_bind_int64(statement, 2, timeline->since_ns - 15000000000);
	sqlite3_bind_text(statement, 3, who, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 4, who && is_number(who) ? atoll(who) : -1);
	sqlite3_bind_int(statement, 5, TARGETS_READ);
	while ((ok = next_row(timeline->database, statement, &more, error)) && more) {
		struct timeline_target target = target_of(statement, 0);
		vec_push(&timeline->targets, target);
		vec_push(&timeline->ids, target.id);
	}
	sqlite3_finalize(statement);
	if (timeline->ids.count)
		qsort(timeline->ids.items, timeline->ids.count, sizeof *timeline->ids.items,
		      compare_ids);
	return ok;
}

// What there is instead.
static bool say_none(struct timeline *timeline, const char *who, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	char names[400] = "";
	bool more = false;
	if (!database_prepare(timeline->database,
			      "SELECT name, max(last_seen_ns) FROM target GROUP BY name ORDER BY 2 "
			      "DESC LIMIT ?",
			      &statement, error))
		return false;
	sqlite3_bind_int(statement, 1, NAMES_TOLD);
	while (next_row(timeline->database, statement, &more, NULL) && more) {
		size_t length = strlen(names);
		int64_t ago_ns = timeline->until_ns - sqlite3_column_int64(statement, 1);
		snprintf(names + length, sizeof names - length, "%s%.40s (%s ago)",
			 length ? ", " : "", database_text(statement, 0),
			 human_duration(ago_ns).text);
	}
	sqlite3_finalize(statement);
	error_set(error, ERROR_NOT_FOUND, "nothing is stored of %.100s in the last %s",
		  who ? who : "any process",
		  human_duration(timeline->until_ns - timeline->since_ns).text);
	return names[0] ? error_hint(error, "there is: %s; --since looks further back", names)
			: error_hint(error, "whyoom watch fills the timeline");
}

const struct timeline_target *timeline_find_target(const struct timeline *timeline, int64_t id)
{
	VEC_FOREACH (target, &timeline->targets)
		if (target->id == id)
			return target;
	return NULL;
}

static bool is_ours(const struct timeline *timeline, int64_t id)
{
	return timeline->ids.count && bsearch(&id, timeline->ids.items, timeline->ids.count,
					      sizeof id, compare_ids) != NULL;
}

// ---- events ----

static enum timeline_event_kind kind_of(const char *name)
{
	for (int i = 0; i < EVENT_KINDS; i++)
		if (strcmp(timeline_event_names[i], name) == 0)
			return i;
	return EVENT_HAND;
}

// Marks of no target are everybody's.
static bool read_events(struct timeline *timeline, const char *sql, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	bool more = true, ok;
	if (!database_prepare(timeline->database, sql, &statement, error))
		return false;
	sqlite3_bind_int64(statement, 1, timeline->since_ns);
	sqlite3_bind_int64(statement, 2, timeline->until_ns);
	while ((ok = next_row(timeline->database, statement, &more, error)) && more &&
	       timeline->events.count < EVENTS_READ) {
		int64_t target = sqlite3_column_int64(statement, 1);
		if (target && !is_ours(timeline, target))
			continue;
		bool is_incident = sqlite3_column_type(statement, 7) != SQLITE_NULL;
		vec_push(&timeline->events,
			 (struct timeline_event){
				 .unix_ns = sqlite3_column_int64(statement, 0),
				 .target = target,
				 .kind = kind_of(database_text(statement, 2)),
				 .text = alloc_string(database_text(statement, 3)),
				 .id = sqlite3_column_int64(statement, 4),
				 .usage_bytes = sqlite3_column_int64(statement, 5),
				 .duration_ns = sqlite3_column_int64(statement, 6),
				 .directory = is_incident
						      ? alloc_string(database_text(statement, 7))
						      : NULL,
				 .cause = is_incident ? alloc_string(database_text(statement, 8))
						      : NULL,
			 });
	}
	sqlite3_finalize(statement);
	return ok;
}

static int compare_events(const void *a, const void *b)
{
	const struct timeline_event *left = a, *right = b;
	if (left->unix_ns != right->unix_ns)
		return left->unix_ns < right->unix_ns ? -1 : 1;
	return (int)right->kind - (int)left->kind; // a kill before its incident
}

static bool read_all_events(struct timeline *timeline, struct error *error)
{
	static const char *const sql[] = {
		"SELECT time_ns, target, kind, text, 0, 0, 0, NULL, NULL FROM mark WHERE time_ns "
		"BETWEEN ? AND ? ORDER BY time_ns DESC",
		"SELECT time_ns, target, 'snapshot', reason, 0, usage_bytes, duration_ns, NULL, NULL "
		"FROM snapshot WHERE time_ns BETWEEN ? AND ? ORDER BY time_ns DESC",
		"SELECT time_ns, target, 'incident', sentence, id, 0, 0, directory, cause FROM "
		"incident WHERE time_ns BETWEEN ? AND ? ORDER BY time_ns DESC",
	};
	for (size_t i = 0; i < sizeof sql / sizeof *sql; i++)
		if (!read_events(timeline, sql[i], error))
			return false;
	if (timeline->events.count)
		qsort(timeline->events.items, timeline->events.count,
		      sizeof *timeline->events.items, compare_events);
	return true;
}

bool timeline_read(sqlite3 *database, const char *who, int64_t since_ns, int64_t until_ns,
		   struct timeline *out, struct error *error)
{
	struct timeline timeline = {.database = database,
				    .since_ns = since_ns,
				    .until_ns = until_ns,
				    .selected = who != NULL};
	bool ok = read_targets(&timeline, who, error) &&
		  (timeline.targets.count || say_none(&timeline, who, error)) &&
		  read_all_events(&timeline, error);
	if (ok)
		*out = timeline;
	else
		timeline_deinit(&timeline);
	return ok;
}

void timeline_deinit(struct timeline *timeline)
{
	VEC_FOREACH (event, &timeline->events) {
		free(event->text);
		free(event->directory);
		free(event->cause);
	}
	vec_deinit(&timeline->events);
	vec_deinit(&timeline->targets);
	vec_deinit(&timeline->ids);
}

// ---- samples ----

static void take_row(sqlite3_stmt *statement, struct timeline_row *row)
{
	row->time_s = sqlite3_column_int64(statement, 0);
	row->target = sqlite3_column_int64(statement, 1);
	row->samples = sqlite3_column_int64(statement, 2);
	for (int i = 0, at = 3; i < STORE_METRICS; i++, at += 3) {
		row->metrics[i].known = sqlite3_column_type(statement, at) != SQLITE_NULL;
		row->metrics[i].average = sqlite3_column_int64(statement, at);
		row->metrics[i].least = sqlite3_column_int64(statement, at + 1);
		row->metrics[i].most = sqlite3_column_int64(statement, at + 2);
	}
}

// Of a few targets among many, the rows are found one by one, by time and target; of many, all are
// gone through.
static void add_source(const struct timeline *timeline, const char *table, struct strbuf *sql)
{
	long long since_s = timeline->since_ns / 1000000000,
		  until_s = timeline->until_ns / 1000000000;
	if (!timeline->selected || timeline->ids.count > FEW_TARGETS) {
		strbuf_addf(sql, " FROM %s WHERE time BETWEEN %lld AND %lld", table, since_s,
			    until_s);
		return;
	}
	strbuf_addf(
		sql,
		" FROM (WITH RECURSIVE times(t) AS (SELECT min(time) FROM %s WHERE time >= %lld "
		"UNION ALL SELECT (SELECT min(time) FROM %s WHERE time > t) FROM times WHERE t "
		"<= %lld) SELECT t FROM times WHERE t <= %lld) CROSS JOIN %s ON time = t AND "
		"target IN (",
		table, since_s, table, until_s, until_s, table);
	for (size_t i = 0; i < timeline->ids.count; i++)
		strbuf_addf(sql, "%s%lld", i ? "," : "", (long long)timeline->ids.items[i]);
	strbuf_add(sql, ")");
}

static bool each_row_of(const struct timeline *timeline, const struct sample_table_row *table,
			bool (*visit)(void *context, const struct timeline_row *row), void *context,
			struct error *error)
{
	struct timeline_row row = {.width_s = table->width_s};
	struct strbuf sql = {0};
	sqlite3_stmt *statement = NULL;
	bool more = true;
	strbuf_add(&sql, "SELECT time, target, samples");
	for (int i = 0; i < STORE_METRICS; i++) {
		const char *name = store_metrics[i].column;
		strbuf_addf(&sql, ", %s, coalesce(%s_min, %s), coalesce(%s_max, %s)", name, name,
			    name, name, name);
	}
	add_source(timeline, table->name, &sql);
	bool ok = database_prepare(timeline->database, sql.text, &statement, error);
	strbuf_deinit(&sql);
	while (ok && (ok = next_row(timeline->database, statement, &more, error)) && more) {
		if (!is_ours(timeline, sqlite3_column_int64(statement, 1)))
			continue;
		take_row(statement, &row);
		if (!visit(context, &row))
			break;
	}
	sqlite3_finalize(statement);
	return ok;
}

bool timeline_find_extent(const struct timeline *timeline, int64_t *from_s, int64_t *to_s,
			  struct error *error)
{
	*from_s = INT64_MAX;
	*to_s = INT64_MIN;
	for (int table = 0; table < SAMPLE_TABLES; table++) {
		int64_t first = 0, last = 0;
		for (int end = 0; end < 2; end++) {
			struct strbuf sql = {0};
			strbuf_add(&sql, end ? "SELECT max(time)" : "SELECT min(time)");
			add_source(timeline, sample_tables[table].name, &sql);
			bool ok = database_number(timeline->database, sql.text,
						  end ? &last : &first, error);
			strbuf_deinit(&sql);
			if (!ok)
				return false;
		}
		if (first && first < *from_s)
			*from_s = first;
		if (last && last + sample_tables[table].width_s > *to_s)
			*to_s = last + sample_tables[table].width_s;
	}
	return true;
}

bool timeline_each_row(const struct timeline *timeline,
		       bool (*visit)(void *context, const struct timeline_row *row), void *context,
		       struct error *error)
{
	for (int table = SAMPLE_TABLES - 1; table >= 0; table--)
		if (!each_row_of(timeline, &sample_tables[table], visit, context, error))
			return false;
	return true;
}

// ---- incidents ----

static void take_incident(sqlite3_stmt *row, struct timeline_incident *out)
{
	struct store_incident *incident = &out->incident;
	out->id = sqlite3_column_int64(row, 0);
	incident->unix_ns = sqlite3_column_int64(row, 1);
	copy_text(row, 2, incident->directory, sizeof incident->directory);
	copy_text(row, 3, incident->cause, sizeof incident->cause);
	copy_text(row, 4, incident->sentence, sizeof incident->sentence);
	copy_text(row, 5, incident->rule, sizeof incident->rule);
	copy_text(row, 6, incident->confidence, sizeof incident->confidence);
	copy_text(row, 7, incident->function, sizeof incident->function);
	copy_text(row, 8, incident->file, sizeof incident->file);
	incident->line = sqlite3_column_int64(row, 9);
	incident->bytes = sqlite3_column_int64(row, 10);
	copy_text(row, 11, incident->build_id, sizeof incident->build_id);
	out->target = target_of(row, 12);
}

bool timeline_read_incidents(sqlite3 *database, int64_t id, int most,
			     struct timeline_incidents *incidents, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	bool more = true, ok;
	*incidents = (struct timeline_incidents){0};
	if (!database_prepare(
		    database,
		    "SELECT i.id, time_ns, directory, cause, sentence, rule, confidence, "
		    "function, file, line, bytes, i.build_id, " TARGET_COLUMNS
		    " FROM incident i LEFT JOIN target t ON t.id = i.target WHERE ?1 = 0 OR "
		    "i.id = ?1 ORDER BY i.id DESC LIMIT ?2",
		    &statement, error))
		return false;
	sqlite3_bind_int64(statement, 1, id);
	sqlite3_bind_int(statement, 2, most);
	while ((ok = next_row(database, statement, &more, error)) && more) {
		struct timeline_incident incident;
		take_incident(statement, &incident);
		vec_push(&incidents->list, incident);
	}
	sqlite3_finalize(statement);
	if (ok && id && !incidents->list.count) {
		error_set(error, ERROR_NOT_FOUND, "there is no incident %lld", (long long)id);
		ok = error_hint(error, "whyoom incidents lists them");
	}
	return ok;
}
