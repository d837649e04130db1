// SPDX-License-Identifier: Apache-2.0
// In: what a keeper has heard. Out: transactions; what it does where they fail.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "store/keeper_priv.h"

enum {
	ROUND_ROWS = 2000, // removed at once
	LOCKED_TOLD_COMMITS = 5,
};
static const int64_t RETRY_NS = 5 * SECOND_NS;
static const int64_t TIDY_NS[SAMPLE_TABLES] = {10 * SECOND_NS, 60 * SECOND_NS, 600 * SECOND_NS};

// ---- the database ----

void keeper_close(struct keeper *keeper)
{
	sqlite3_finalize(keeper->insert);
	database_close(keeper->database);
	keeper->insert = NULL;
	keeper->database = NULL;
	VEC_FOREACH (target, &keeper->targets)
		if (*target)
			(*target)->known = false;
}

static bool open_database(struct keeper *keeper, struct error *error)
{
	if (!database_open(keeper->path, DATABASE_WRITE, keeper->size_bytes, &keeper->database,
			   error))
		return false;
	if (samples_prepare(keeper->database, &keeper->insert, error))
		return true;
	keeper_close(keeper);
	return false;
}

// Only what another look finds damaged too: the file may have been replaced behind us.
static bool is_damaged(struct keeper *keeper)
{
	struct error error = {0};
	sqlite3_stmt *check = NULL;
	keeper_close(keeper);
	if (!open_database(keeper, &error))
		return error.code == ERROR_BAD_DATA;
	bool damaged = !database_prepare(keeper->database, "PRAGMA quick_check(1)", &check, &error);
	if (!damaged)
		damaged = sqlite3_step(check) != SQLITE_ROW ||
			  strcmp(database_text(check, 0), "ok") != 0;
	sqlite3_finalize(check);
	if (damaged) // what is in its journal stays there
		sqlite3_db_config(keeper->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (damaged)
		keeper_close(keeper);
	return damaged;
}

static void set_aside(struct keeper *keeper, const struct error *why)
{
	char name[4200];
	struct error error = {0};
	if (!is_damaged(keeper))
		return;
	if (!database_set_aside(keeper->path, name, sizeof name, &error)) {
		keeper->refused = error.code == ERROR_UNSUPPORTED;
		keeper_say(keeper, keeper->refused ? STORE_REFUSED : STORE_FAILING, &error);
		return;
	}
	error_set(&error, ERROR_BAD_DATA,
		  "%.200s; the file is kept as %.220s, and a new one is begun", why->message, name);
	keeper_say(keeper, STORE_SET_ASIDE, &error);
	keeper->retry_ns = 0;
}

static void take_failure(struct keeper *keeper, const struct error *error)
{
	int64_t now_ns = clock_monotonic_ns();
	keeper->retry_ns = now_ns + RETRY_NS;
	if (error->code == ERROR_OS && error->os_errno == EBUSY) {
		keeper->retry_ns = now_ns + SECOND_NS / 5;
		if (!keeper->locked_since_ns)
			keeper->locked_since_ns = now_ns;
		if (now_ns - keeper->locked_since_ns > LOCKED_TOLD_COMMITS * keeper->commit_ns)
			keeper_say(keeper, STORE_FAILING, error);
		return;
	}
	if (error->code == ERROR_BAD_DATA) {
		set_aside(keeper, error);
		return;
	}
	keeper_close(keeper);
	keeper->refused = error->code == ERROR_UNSUPPORTED;
	keeper_say(keeper, keeper->refused ? STORE_REFUSED : STORE_FAILING, error);
}

void keeper_open(struct keeper *keeper)
{
	struct error error = {0};
	if (!open_database(keeper, &error))
		take_failure(keeper, &error);
}

// ---- one commit ----

// Its row, made when something of it is written first. NULL after an error.
static struct kept_target *registered(struct keeper *keeper, int handle, struct error *error)
{
	struct heard_target *target = keeper_find_target(keeper, handle);
	if (!target)
		return NULL;
	if (!target->known &&
	    !rows_add_target(keeper->database, &target->kept, target->heard_unix_ns, error))
		return NULL;
	target->known = true;
	return &target->kept;
}

static bool write_buckets(struct keeper *keeper, struct error *error)
{
	VEC_FOREACH (bucket, &keeper->buckets) {
		struct sample_bucket row = *bucket;
		struct kept_target *kept = registered(keeper, (int)bucket->target, error);
		if (!kept)
			return false;
		row.target = kept->id;
		int64_t limit = row.metrics[STORE_LIMIT].count ? row.metrics[STORE_LIMIT].most : -1;
		if (!samples_insert(keeper->database, keeper->insert, &row, error) ||
		    !rows_see_target(keeper->database, kept, bucket->newest_ns, limit, error))
			return false;
	}
	return true;
}

static bool write_event(struct keeper *keeper, const struct message *message, struct error *error)
{
	bool has_target = keeper_find_target(keeper, message->handle) != NULL;
	struct kept_target *kept = has_target ? registered(keeper, message->handle, error) : NULL;
	int64_t id = kept ? kept->id : 0;
	if (has_target && !kept)
		return false;
	switch (message->kind) {
	case MESSAGE_ENDING:
		return !kept || rows_end_target(keeper->database, kept, &message->ending, error);
	case MESSAGE_MARK:
		return rows_add_mark(keeper->database, id, &message->mark, error);
	case MESSAGE_SNAPSHOT:
		return rows_add_snapshot(keeper->database, id, &message->snapshot, error);
	case MESSAGE_INCIDENT:
		return rows_add_incident(keeper->database, id, &message->incident, error);
	default:
		return true;
	}
}

static bool write_events(struct keeper *keeper, struct error *error)
{
	VEC_FOREACH (event, &keeper->events)
		if (!write_event(keeper, *event, error))
			return false;
	return true;
}

static bool used_share(struct keeper *keeper, double *share, struct error *error)
{
	int64_t pages, free_pages, most;
	if (!database_number(keeper->database, "PRAGMA page_count", &pages, error) ||
	    !database_number(keeper->database, "PRAGMA freelist_count", &free_pages, error) ||
	    !database_number(keeper->database, "PRAGMA max_page_count", &most, error))
		return false;
	// Where the size was made smaller, SQLite's own most is what is there.
	int64_t wanted = keeper->size_bytes / 4 * 3 / 4096;
	*share = (double)(pages - free_pages) / (double)(wanted < most ? wanted : most);
	if (pages > wanted && free_pages > 0)
		return database_run(keeper->database, "PRAGMA incremental_vacuum(500)", error);
	return true;
}

// Moves samples on, and removes the oldest where the size says so.
static bool tidy(struct keeper *keeper, struct error *error)
{
	int64_t now_ns = clock_monotonic_ns();
	double share;
	bool removed = true;
	for (int table = 0; table < SAMPLE_TABLES; table++) {
		if (keeper->tidied_ns[table] && now_ns - keeper->tidied_ns[table] < TIDY_NS[table])
			continue;
		keeper->tidied_ns[table] = now_ns;
		if (!samples_fold(keeper->database, table, clock_unix_ns() / SECOND_NS, error) ||
		    (table == SAMPLES_60 && !rows_prune(keeper->database, error)))
			return false;
	}
	if (!used_share(keeper, &share, error))
		return false;
	for (int i = 0; i < 8 && share > 0.9 && removed; i++)
		if (!samples_remove_oldest(keeper->database, ROUND_ROWS, &removed, error) ||
		    !used_share(keeper, &share, error))
			return false;
	return true;
}

// A reader that stays holds the journal back: it may not grow for ever.
static bool journal_has_room(struct keeper *keeper, struct error *error)
{
	struct stat status;
	_cleanup_free_ char *journal = alloc_format("%s-wal", keeper->path);
	if (stat(journal, &status) != 0 || status.st_size < keeper->size_bytes / 4)
		return true;
	sqlite3_wal_checkpoint_v2(keeper->database, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	return stat(journal, &status) != 0 || status.st_size < keeper->size_bytes / 4 ||
	       error_set_os(error, EBUSY, "a reader holds the database's journal, which is full");
}

void keeper_clear_waiting(struct keeper *keeper)
{
	keeper->buckets.count = 0;
	VEC_FOREACH (event, &keeper->events)
		free(*event);
	keeper->events.count = 0;
	VEC_FOREACH (target, &keeper->targets)
		if (*target)
			(*target)->bucket = 0;
	keeper->waiting_since_ns = 0;
}

// What was learned of targets in a transaction that came to nothing is not known.
static void forget_targets(struct keeper *keeper)
{
	VEC_FOREACH (target, &keeper->targets)
		if (*target)
			(*target)->known = false;
}

static bool write_all(struct keeper *keeper, struct error *error)
{
	if (!database_run(keeper->database, "BEGIN IMMEDIATE", error))
		return false;
	if (write_buckets(keeper, error) && write_events(keeper, error) && tidy(keeper, error) &&
	    database_run(keeper->database, "COMMIT", error))
		return true;
	(void)!database_run(keeper->database, "ROLLBACK", NULL);
	forget_targets(keeper);
	return false;
}

// When the disk or the size is full, making room comes first, even if what waits is lost.
static void make_room(struct keeper *keeper)
{
	bool removed;
	if (!keeper->database || !database_run(keeper->database, "BEGIN IMMEDIATE", NULL))
		return;
	if (!samples_remove_oldest(keeper->database, ROUND_ROWS, &removed, NULL) ||
	    !database_run(keeper->database, "COMMIT", NULL))
		(void)!database_run(keeper->database, "ROLLBACK", NULL);
}

// Written on, a file that was removed would take everything with it.
static void check_file_is_there(struct keeper *keeper)
{
	int moved = 0;
	struct error error = {0};
	if (!keeper->database ||
	    sqlite3_file_control(keeper->database, "main", SQLITE_FCNTL_HAS_MOVED, &moved) !=
		    SQLITE_OK ||
	    !moved)
		return;
	keeper_close(keeper);
	error_set(&error, ERROR_NOT_FOUND,
		  "the file %.300s was removed or renamed; a new one is begun", keeper->path);
	keeper_say(keeper, STORE_SET_ASIDE, &error);
}

void keeper_commit(struct keeper *keeper)
{
	struct error error = {0};
	check_file_is_there(keeper);
	if ((!keeper->database && !open_database(keeper, &error)) ||
	    !journal_has_room(keeper, &error) || !write_all(keeper, &error)) {
		int64_t pages = 0, most = 1;
		if (keeper->database && error.code == ERROR_LIMIT &&
		    database_number(keeper->database, "PRAGMA page_count", &pages, NULL) &&
		    database_number(keeper->database, "PRAGMA max_page_count", &most, NULL) &&
		    pages >= most)
			make_room(keeper); // our own size, not the disk
		take_failure(keeper, &error);
		return;
	}
	keeper_clear_waiting(keeper);
	keeper->locked_since_ns = 0;
	keeper->retry_ns = 0;
	keeper->news.committed = keeper->heard;
	keeper_say(keeper, STORE_WRITING, NULL);
}
