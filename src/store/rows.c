// SPDX-License-Identifier: Apache-2.0
// In: events. Out: rows, and marks where something changed.
#include "store/rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"

enum { EVENTS_KEPT = 20000, INCIDENTS_KEPT = 10000 };
static const int64_t SEEN_EVERY_NS = 10000000000;

// Binds by letters: i an int64_t, t a text, n an int64_t with 0 for NULL. Runs to the first row.
static bool query(sqlite3 *database, sqlite3_stmt **statement, bool *row, struct error *error,
		  const char *sql, const char *letters, ...)
{
	va_list values;
	int place = 1;
	if (!database_prepare(database, sql, statement, error))
		return false;
	va_start(values, letters);
	for (const char *letter = letters; *letter; letter++, place++) {
		if (*letter == 't') {
			sqlite3_bind_text(*statement, place, va_arg(values, const char *), -1,
					  SQLITE_TRANSIENT);
			continue;
		}
		int64_t number = va_arg(values, int64_t);
		if (*letter == 'i' || number)
			sqlite3_bind_int64(*statement, place, number);
	}
	va_end(values);
	int result = sqlite3_step(*statement);
	*row = result == SQLITE_ROW;
	return *row || result == SQLITE_DONE || database_error(database, error);
}

#define run(database, error, ...)                                                         \
	({                                                                                \
		sqlite3_stmt *statement_ = NULL;                                          \
		bool row_, ok_ = query(database, &statement_, &row_, error, __VA_ARGS__); \
		sqlite3_finalize(statement_);                                             \
		ok_;                                                                      \
	})

// ---- marks that make themselves ----

static bool mark_change(sqlite3 *database, const struct kept_target *kept, int64_t now_ns,
			const char *kind, struct error *error, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

static bool mark_change(sqlite3 *database, const struct kept_target *kept, int64_t now_ns,
			const char *kind, struct error *error, const char *format, ...)
{
	struct store_mark mark = {.unix_ns = now_ns};
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(mark.text, sizeof mark.text, format, arguments);
	va_end(arguments);
	snprintf(mark.kind, sizeof mark.kind, "%s", kind);
	return rows_add_mark(database, kept->id, &mark, error);
}

static bool mark_binary(sqlite3 *database, const struct kept_target *kept, int64_t now_ns,
			const char *before, struct error *error)
{
	const char *after = kept->target.build_id;
	if (!before[0] || !after[0] || strcmp(before, after) == 0)
		return true;
	return mark_change(database, kept, now_ns, "binary", error,
			   "%s: another binary, build ID %.12s (before: %.12s)", kept->target.name,
			   after, before);
}

static int64_t limit_of(sqlite3_stmt *statement, int column)
{
	return sqlite3_column_type(statement, column) == SQLITE_INTEGER
		       ? sqlite3_column_int64(statement, column)
		       : -1;
}

static bool is_running(int64_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%lld", (long long)pid);
	return access(path, F_OK) == 0;
}

// The newest of the same name that is gone: it ended, or was not seen for a while. Of the latter,
// some may be there still: nobody had the time to look, or watches them any more.
static bool mark_restart(sqlite3 *database, struct kept_target *kept, int64_t now_ns,
			 struct error *error)
{
	sqlite3_stmt *statement = NULL;
	const struct store_target *target = &kept->target;
	bool found, ok = query(database, &statement, &found, error,
			       "SELECT pid, build_id, limit_bytes, ended_ns IS NULL OR ending = "
			       "'unwatched' FROM target WHERE name = ? "
			       "AND executable = ? AND id <> ? AND (ended_ns IS NOT NULL OR "
			       "last_seen_ns < ?) ORDER BY first_seen_ns DESC LIMIT 1000",
			       "ttii", target->name, target->executable, kept->id,
			       now_ns - 2 * SEEN_EVERY_NS);
	while (ok && found && sqlite3_column_int(statement, 3) &&
	       is_running(sqlite3_column_int64(statement, 0)))
		found = sqlite3_step(statement) == SQLITE_ROW;
	if (ok && found) {
		kept->limit_bytes = limit_of(statement, 2);
		ok = mark_change(database, kept, now_ns, "restart", error,
				 "%s started anew: process %d (before: %lld)", target->name,
				 target->pid, sqlite3_column_int64(statement, 0)) &&
		     mark_binary(database, kept, now_ns, database_text(statement, 1), error);
	}
	sqlite3_finalize(statement);
	return ok;
}

static bool mark_limit(sqlite3 *database, const struct kept_target *kept, int64_t now_ns,
		       int64_t limit_bytes, struct error *error)
{
	return mark_change(database, kept, now_ns, "limit", error, "%s: limit %s (before: %s)",
			   kept->target.name, human_bytes(limit_bytes).text,
			   human_bytes(kept->limit_bytes).text);
}

// ---- targets ----

static bool insert_target(sqlite3 *database, struct kept_target *kept, int64_t now_ns,
			  struct error *error)
{
	const struct store_target *target = &kept->target;
	if (!run(database, error,
		 "INSERT INTO target(pid, started_ns, name, executable, build_id, container, cgroup, "
		 "first_seen_ns, last_seen_ns) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
		 "iitttttii", (int64_t)target->pid, target->started_unix_ns, target->name,
		 target->executable, target->build_id, target->container, target->cgroup, now_ns,
		 now_ns))
		return false;
	kept->id = sqlite3_last_insert_rowid(database);
	return mark_restart(database, kept, now_ns, error);
}

// A start time computed twice differs by the precision of the clocks.
bool rows_add_target(sqlite3 *database, struct kept_target *kept, int64_t now_ns,
		     struct error *error)
{
	sqlite3_stmt *statement = NULL;
	const struct store_target *target = &kept->target;
	const int64_t slack_ns = 1000000000;
	bool found, ok = query(database, &statement, &found, error,
			       "SELECT id, build_id, limit_bytes FROM target WHERE pid = ? AND "
			       "started_ns BETWEEN ? AND ? AND name = ?",
			       "iiit", (int64_t)target->pid, target->started_unix_ns - slack_ns,
			       target->started_unix_ns + slack_ns, target->name);
	kept->last_seen_ns = now_ns;
	kept->limit_bytes = -1;
	if (ok && found) {
		kept->id = sqlite3_column_int64(statement, 0);
		kept->limit_bytes = limit_of(statement, 2);
		ok = mark_binary(database, kept, now_ns, database_text(statement, 1), error) &&
		     run(database, error,
			 "UPDATE target SET build_id = CASE ? WHEN '' THEN build_id ELSE ? END, "
			 "last_seen_ns = ?, ended_ns = NULL, ending = NULL WHERE id = ?",
			 "ttii", target->build_id, target->build_id, now_ns, kept->id);
	}
	sqlite3_finalize(statement);
	return ok && (found || insert_target(database, kept, now_ns, error));
}

// Another keeper may have seen the new limit before.
static bool read_limit(sqlite3 *database, struct kept_target *kept, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	bool found, ok = query(database, &statement, &found, error,
			       "SELECT limit_bytes FROM target WHERE id = ?", "i", kept->id);
	// Until there is one in its own row, it is that of the process before it.
	if (ok && found && limit_of(statement, 0) >= 0)
		kept->limit_bytes = limit_of(statement, 0);
	sqlite3_finalize(statement);
	return ok;
}

bool rows_see_target(sqlite3 *database, struct kept_target *kept, int64_t now_ns,
		     int64_t limit_bytes, struct error *error)
{
	bool other = limit_bytes >= 0 && limit_bytes != kept->limit_bytes;
	if (other && !read_limit(database, kept, error))
		return false;
	other = other && limit_bytes != kept->limit_bytes;
	if (other && kept->limit_bytes >= 0 &&
	    !mark_limit(database, kept, now_ns, limit_bytes, error))
		return false;
	if (other && !run(database, error, "UPDATE target SET limit_bytes = ? WHERE id = ?", "ii",
			  limit_bytes, kept->id))
		return false;
	if (other)
		kept->limit_bytes = limit_bytes;
	// Also where the clock went back.
	if (now_ns >= kept->last_seen_ns && now_ns - kept->last_seen_ns < SEEN_EVERY_NS)
		return true;
	kept->last_seen_ns = now_ns;
	return run(database, error, "UPDATE target SET last_seen_ns = ? WHERE id = ?", "ii", now_ns,
		   kept->id);
}

bool rows_end_target(sqlite3 *database, const struct kept_target *kept,
		     const struct store_ending *ending, struct error *error)
{
	if (!run(database, error,
		 "UPDATE target SET ended_ns = ?, ending = ?, last_seen_ns = ? WHERE id = ?",
		 "itii", ending->unix_ns, ending->cause, ending->unix_ns, kept->id))
		return false;
	if (strcmp(ending->cause, "unwatched") == 0)
		return true;
	bool killed = strstr(ending->cause, "oom") != NULL;
	return mark_change(database, kept, ending->unix_ns, killed ? "kill" : "end", error, "%s",
			   ending->text);
}

// ---- events ----

bool rows_add_mark(sqlite3 *database, int64_t target, const struct store_mark *mark,
		   struct error *error)
{
	return run(database, error,
		   "INSERT INTO mark(time_ns, target, kind, text) VALUES(?, ?, ?, ?)", "intt",
		   mark->unix_ns, target, mark->kind, mark->text);
}

bool rows_add_snapshot(sqlite3 *database, int64_t target, const struct store_snapshot *snapshot,
		       struct error *error)
{
	return run(database, error,
		   "INSERT INTO snapshot(time_ns, target, reason, directory, usage_bytes, "
		   "duration_ns) VALUES(?, ?, ?, ?, ?, ?)",
		   "inttii", snapshot->unix_ns, target, snapshot->reason, snapshot->directory,
		   snapshot->usage_bytes, snapshot->duration_ns);
}

bool rows_add_incident(sqlite3 *database, int64_t target, const struct store_incident *incident,
		       struct error *error)
{
	return run(database, error,
		   "INSERT INTO incident(time_ns, target, directory, cause, sentence, rule, "
		   "confidence, function, file, line, bytes, build_id) VALUES(?, ?, ?, ?, ?, ?, ?, "
		   "?, ?, ?, ?, ?)",
		   "inttttttt"
		   "iit",
		   incident->unix_ns, target, incident->directory, incident->cause,
		   incident->sentence, incident->rule, incident->confidence, incident->function,
		   incident->file, incident->line, incident->bytes, incident->build_id);
}

bool rows_prune(sqlite3 *database, struct error *error)
{
	char sql[700];
	snprintf(sql, sizeof sql,
		 "DELETE FROM mark WHERE id <= (SELECT max(id) FROM mark) - %d;"
		 "DELETE FROM snapshot WHERE id <= (SELECT max(id) FROM snapshot) - %d;"
		 "DELETE FROM incident WHERE id <= (SELECT max(id) FROM incident) - %d;"
		 "DELETE FROM target WHERE id <= (SELECT max(id) FROM target) - %d AND id NOT IN "
		 "(SELECT target FROM incident WHERE target IS NOT NULL);",
		 EVENTS_KEPT, EVENTS_KEPT, INCIDENTS_KEPT, EVENTS_KEPT);
	return database_run(database, sql, error);
}
