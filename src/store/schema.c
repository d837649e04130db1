// SPDX-License-Identifier: Apache-2.0
// In: a database, empty, older or of somebody else. Out: our tables, or why not.
#include "store/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "store/database.h"

#define METRIC(name) name " INTEGER, " name "_min INTEGER, " name "_max INTEGER, "

// Frozen: a new metric is a new step with ALTER TABLE.
#define SAMPLE_TABLE(name)                                                                        \
	"CREATE TABLE " name "(time INTEGER NOT NULL, target INTEGER NOT NULL, " METRIC(          \
		"usage_bytes") METRIC("limit_bytes") METRIC("anon_bytes") METRIC("file_bytes")    \
		METRIC("rss_bytes") METRIC("heap_live_bytes") METRIC("heap_goal_bytes") METRIC(   \
			"goroutines") METRIC("fds") METRIC("threads") METRIC("psi_some_permille") \
			METRIC("psi_full_permille") "samples INTEGER NOT NULL, PRIMARY KEY(time, target)) STRICT, WITHOUT ROWID;"

// Times of samples are seconds, all others nanoseconds, since 1970.
static const char step_1[] =
	"CREATE TABLE target(id INTEGER PRIMARY KEY, pid INTEGER NOT NULL, started_ns INTEGER NOT"
	" NULL, name TEXT NOT NULL, executable TEXT NOT NULL, build_id TEXT NOT NULL, container TEXT"
	" NOT NULL, cgroup TEXT NOT NULL, first_seen_ns INTEGER NOT NULL, last_seen_ns INTEGER NOT NULL,"
	" limit_bytes INTEGER, ended_ns INTEGER, ending TEXT) STRICT;"
	"CREATE UNIQUE INDEX target_process ON target(pid, started_ns);"
	"CREATE INDEX target_name ON target(name);"
	"CREATE TABLE mark(id INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, target INTEGER, kind"
	" TEXT NOT NULL, text TEXT NOT NULL) STRICT;"
	"CREATE INDEX mark_time ON mark(time_ns);"
	"CREATE TABLE incident(id INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, target INTEGER,"
	" directory TEXT NOT NULL, cause TEXT NOT NULL, sentence TEXT NOT NULL) STRICT;" SAMPLE_TABLE(
		"sample_1") SAMPLE_TABLE("sample_10") SAMPLE_TABLE("sample_60");

static const char step_2[] =
	"CREATE TABLE snapshot(id INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, target INTEGER,"
	" reason TEXT NOT NULL, directory TEXT NOT NULL, usage_bytes INTEGER NOT NULL, duration_ns"
	" INTEGER NOT NULL) STRICT;"
	"CREATE INDEX snapshot_time ON snapshot(time_ns);"
	"ALTER TABLE incident ADD COLUMN rule TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE incident ADD COLUMN confidence TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE incident ADD COLUMN function TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE incident ADD COLUMN file TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE incident ADD COLUMN line INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE incident ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE incident ADD COLUMN build_id TEXT NOT NULL DEFAULT '';";

// By the version that they lead to.
static const char *const steps[SCHEMA_VERSION + 1] = {NULL, step_1, step_2};

bool schema_read_version(sqlite3 *database, int *version, struct error *error)
{
	int64_t application, tables, number;
	if (!database_number(database, "PRAGMA application_id", &application, error) ||
	    !database_number(database, "PRAGMA user_version", &number, error) ||
	    !database_number(database, "SELECT count(*) FROM sqlite_schema", &tables, error))
		return false;
	if (!tables && !number && !application)
		return error_set(error, ERROR_NOT_FOUND, "the database is empty");
	if (application != SCHEMA_APPLICATION_ID || number < 1)
		return error_set(error, ERROR_UNSUPPORTED, "the file is no timeline of whyoom");
	if (number > SCHEMA_VERSION)
		return error_set(error, ERROR_UNSUPPORTED,
				 "the timeline was written by a newer whyoom (its version is %lld, "
				 "known are 1 to %d)",
				 (long long)number, SCHEMA_VERSION);
	*version = (int)number;
	return true;
}

static bool run_steps(sqlite3 *database, int from, int to, struct error *error)
{
	char set[64];
	for (int version = from + 1; version <= to; version++)
		if (!database_run(database, steps[version], error))
			return false;
	snprintf(set, sizeof set, "PRAGMA user_version=%d", to);
	return database_run(database, set, error);
}

static bool add_tables(sqlite3 *database, struct strbuf *text, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(database,
					"SELECT type, name, sql FROM sqlite_schema WHERE name NOT "
					"LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
					-1, &statement, NULL);
	while (result == SQLITE_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		for (int column = 0; column < 3; column++) {
			const char *part = (const char *)sqlite3_column_text(statement, column);
			strbuf_add(text, part ? part : "");
			strbuf_add(text, "\n");
		}
		result = SQLITE_OK;
	}
	sqlite3_finalize(statement);
	return result == SQLITE_DONE || database_error(database, error);
}

// A trigger, a view or a default of somebody else would run on our behalf.
static bool tables_are_ours(sqlite3 *database, int version, struct error *error)
{
	struct strbuf found = {0}, ours = {0};
	sqlite3 *fresh = NULL;
	bool ok = sqlite3_open(":memory:", &fresh) == SQLITE_OK &&
		  run_steps(fresh, 0, version, error) && add_tables(fresh, &ours, error) &&
		  add_tables(database, &found, error);
	sqlite3_close(fresh);
	if (ok && (!found.text || strcmp(found.text, ours.text) != 0))
		ok = error_set(error, ERROR_BAD_DATA, "the tables are not those of a timeline");
	strbuf_deinit(&found);
	strbuf_deinit(&ours);
	return ok;
}

bool schema_check(sqlite3 *database, bool current, struct error *error)
{
	int version;
	if (!schema_read_version(database, &version, error))
		return false;
	if (current && version != SCHEMA_VERSION)
		return error_set(
			error, ERROR_UNSUPPORTED,
			"the timeline is of an older whyoom (version %d); `whyoom mark` or "
			"a watch brings it up to date",
			version);
	return tables_are_ours(database, version, error);
}

static bool make(sqlite3 *database, struct error *error)
{
	char set[64];
	snprintf(set, sizeof set, "PRAGMA application_id=%d", SCHEMA_APPLICATION_ID);
	return database_run(database, set, error) && run_steps(database, 0, SCHEMA_VERSION, error);
}

static bool update(sqlite3 *database, struct error *error)
{
	int version = 0;
	struct error why = {0};
	if (!schema_read_version(database, &version, &why)) {
		if (why.code == ERROR_NOT_FOUND)
			return make(database, error);
		if (error)
			*error = why;
		return false;
	}
	return tables_are_ours(database, version, error) &&
	       (version == SCHEMA_VERSION || run_steps(database, version, SCHEMA_VERSION, error));
}

bool schema_update(sqlite3 *database, struct error *error)
{
	// Another process may do the same at this moment.
	if (!database_run(database, "BEGIN IMMEDIATE", error))
		return false;
	if (update(database, error) && database_run(database, "COMMIT", error))
		return true;
	(void)!database_run(database, "ROLLBACK", NULL);
	return false;
}
