// SPDX-License-Identifier: Apache-2.0
// In: a path. Out: an open database that is ours and careful, or why not.
#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/units.h"
#include "store/schema.h"
#include "system/confine.h"
#include "system/sandbox.h"

enum { BUSY_PATIENCE_MS = 400, ROW_LIMIT_BYTES = 1 << 16, WAL_PAGES = 1000, PAGE_BYTES = 4096 };

// ---- what SQLite says ----

static bool error_of(int result, const char *text, struct error *error)
{
	switch (result & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return error_set(error, ERROR_BAD_DATA, "the database is damaged: %s", text);
	case SQLITE_FULL:
		return error_set(error, ERROR_LIMIT, "no room for the database: %s", text);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return error_set_os(error, EBUSY, "another process holds the database");
	case SQLITE_READONLY:
		return error_set_os(error, EROFS, "the database cannot be written");
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return error_set_os(error, EACCES, "the database cannot be opened");
	default:
		return error_set(error, ERROR_OS, "the database: %s", text);
	}
}

bool database_error(sqlite3 *database, struct error *error)
{
	return error_of(sqlite3_errcode(database), sqlite3_errmsg(database), error);
}

bool database_run(sqlite3 *database, const char *sql, struct error *error)
{
	return sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK ||
	       database_error(database, error);
}

bool database_prepare(sqlite3 *database, const char *sql, sqlite3_stmt **statement,
		      struct error *error)
{
	return sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) ==
		       SQLITE_OK ||
	       database_error(database, error);
}

bool database_step(sqlite3 *database, sqlite3_stmt *statement, struct error *error)
{
	bool ok = sqlite3_step(statement) == SQLITE_DONE || database_error(database, error);
	sqlite3_reset(statement);
	return ok;
}

bool database_number(sqlite3 *database, const char *sql, int64_t *number, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	if (!database_prepare(database, sql, &statement, error))
		return false;
	int result = sqlite3_step(statement);
	*number = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
	bool ok = result == SQLITE_ROW || result == SQLITE_DONE || database_error(database, error);
	sqlite3_finalize(statement);
	return ok;
}

const char *database_text(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);
	return text ? text : "";
}

// ---- where ----

char *database_default_path(const char *given)
{
	const char *state = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME"),
		   *home = getenv("HOME");
	if (given)
		return alloc_string(given);
	if (state && state[0]) // systemd's; more than one are parted by colons
		return alloc_format("%.*s/whyoom.db", (int)strcspn(state, ":"), state);
	if (geteuid() == 0)
		return alloc_string("/var/lib/whyoom/whyoom.db");
	if (xdg && xdg[0] == '/')
		return alloc_format("%s/whyoom/whyoom.db", xdg);
	return alloc_format("%s/.local/state/whyoom/whyoom.db", home ? home : ".");
}

// The directory itself and at most three above it (~/.local/state/whyoom).
static void make_directory(const char *path, int depth)
{
	struct stat status;
	if (!path[0] || stat(path, &status) == 0)
		return;
	_cleanup_free_ char *above = alloc_string(path);
	char *slash = strrchr(above, '/');
	if (slash && depth > 1) {
		*slash = '\0';
		make_directory(above, depth - 1);
	}
	mkdir(path, 0755);
}

static bool no_timeline(const char *path, struct error *error)
{
	error_set(error, ERROR_NOT_FOUND, "there is no timeline yet: %.300s", path);
	return error_hint(error, "whyoom watch writes one; --db FILE names another");
}

bool database_confine(const char *path, enum database_use use, bool lasting, char **real,
		      struct error *error)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_cleanup_free_ char *directory = slash == path ? alloc_string("/")
					 : slash ? alloc_format("%.*s", (int)(slash - path), path)
						 : alloc_string(".");
	char resolved[PATH_MAX];
	if (!name[0] || strlen(path) >= PATH_MAX - 64)
		return error_set(error, ERROR_USAGE, "no name of a file: %.300s", path);
	if (use == DATABASE_WRITE)
		make_directory(directory, 3);
	if (!realpath(directory, resolved))
		return use == DATABASE_READ && errno == ENOENT
			       ? no_timeline(path, error)
			       : error_set_os(error, errno, "no directory for the timeline: %.300s",
					      directory);
	umask(077);
	if (!confine_to_directory(resolved, error) ||
	    !sandbox_enter(SANDBOX_KEEP_USER | SANDBOX_FILES |
				   (lasting ? SANDBOX_LASTING : SANDBOX_DEFAULT),
			   error))
		return false;
	*real = alloc_format("%s/%s", resolved, name);
	return true;
}

// ---- opening ----

// A file may bring triggers, views, odd pages and long texts along.
static void be_careful(sqlite3 *database)
{
	sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_limit(database, SQLITE_LIMIT_LENGTH, ROW_LIMIT_BYTES);
	sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_busy_timeout(database, BUSY_PATIENCE_MS);
}

// The database may take three quarters, its journal the rest.
static bool set_size(sqlite3 *database, int64_t size_bytes, struct error *error)
{
	char sql[160];
	int64_t pages = size_bytes / 4 * 3 / PAGE_BYTES, wal = size_bytes / 8 / PAGE_BYTES;
	if (!size_bytes)
		return true;
	snprintf(sql, sizeof sql,
		 "PRAGMA max_page_count=%lld; PRAGMA wal_autocheckpoint=%lld;"
		 "PRAGMA journal_size_limit=%lld",
		 (long long)pages, (long long)(wal < WAL_PAGES ? wal : WAL_PAGES),
		 (long long)(size_bytes / 8));
	return database_run(database, sql, error);
}

static bool prepare_to_write(sqlite3 *database, int64_t size_bytes, struct error *error)
{
	// The first two do something only for a file that is still empty.
	return database_run(database,
			    "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL;"
			    "PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON;"
			    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
			    error) &&
	       set_size(database, size_bytes, error) && schema_update(database, error) &&
	       schema_check(database, true, error);
}

static bool prepare_to_read(sqlite3 *database, struct error *error)
{
	return database_run(database, "PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON",
			    error) &&
	       schema_check(database, true, error);
}

static bool open_as(const char *name, int flags, sqlite3 **out, struct error *error)
{
	sqlite3 *database = NULL;
	int result = sqlite3_open_v2(name, &database, flags | SQLITE_OPEN_NOFOLLOW, NULL);
	if (result == SQLITE_OK) {
		be_careful(database);
		*out = database;
		return true;
	}
	error_of(result, database ? sqlite3_errmsg(database) : "no memory", error);
	sqlite3_close(database);
	return false;
}

// Where nothing can be written (a file system for reading only), a database whose journal is empty
// can be read as it is.
static bool open_still(const char *real, sqlite3 **database, struct error *error)
{
	struct stat status;
	_cleanup_free_ char *journal = alloc_format("%s-wal", real);
	_cleanup_free_ char *name = alloc_format("file:%s?immutable=1", real);
	if (strpbrk(real, "?#%") || (stat(journal, &status) == 0 && status.st_size > 0))
		return false;
	if (!open_as(name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, database, error))
		return false;
	if (prepare_to_read(*database, error))
		return true;
	database_close(take_ptr(*database));
	return false;
}

static bool open_to_read(const char *real, sqlite3 **database, struct error *error)
{
	// Not READONLY: after a crash a reader, too, may have to put the journal in order.
	if (!open_as(real, SQLITE_OPEN_READWRITE, database, error))
		return open_still(real, database, error);
	if (prepare_to_read(*database, error))
		return true;
	int result = sqlite3_errcode(*database) & 0xff;
	database_close(take_ptr(*database));
	return (result == SQLITE_CANTOPEN || result == SQLITE_READONLY) &&
	       open_still(real, database, error);
}

bool database_open(const char *real, enum database_use use, int64_t size_bytes, sqlite3 **out,
		   struct error *error)
{
	sqlite3 *database = NULL;
	struct stat status;
	if (use == DATABASE_READ && lstat(real, &status) != 0 && errno == ENOENT)
		return no_timeline(real, error);
	bool ok = use == DATABASE_READ ? open_to_read(real, &database, error)
				       : open_as(real, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
						 &database, error) &&
						 prepare_to_write(database, size_bytes, error);
	if (ok) {
		*out = database;
		return true;
	}
	database_close(database);
	return error_wrap(error, "%.300s", real);
}

void database_close(sqlite3 *database)
{
	sqlite3_close(database);
}

// ---- setting aside ----

// A file of ours that was damaged, not one that somebody named by mistake.
static bool may_be_ours(const char *real)
{
	unsigned char head[100] = {0};
	size_t length = strlen(real);
	int fd;
	if (!file_open(AT_FDCWD, real, &fd, NULL))
		return false;
	ssize_t got = pread(fd, head, sizeof head, 0);
	close(fd);
	if (got == sizeof head && memcmp(head, "SQLite format 3", 16) == 0) {
		uint32_t application = (uint32_t)head[68] << 24 | (uint32_t)head[69] << 16 |
				       (uint32_t)head[70] << 8 | head[71];
		return application == SCHEMA_APPLICATION_ID;
	}
	return length > 3 && strcmp(real + length - 3, ".db") == 0;
}

bool database_set_aside(const char *real, char *name, size_t capacity, struct error *error)
{
	static const char *const parts[] = {"-wal", "-shm", ""};
	time_t now = time(NULL);
	struct tm parts_of_time;
	char stamp[32];
	if (!may_be_ours(real))
		return error_set(
			error, ERROR_UNSUPPORTED,
			"%.300s is damaged or no database, and it does not look like one of "
			"whyoom: it is left as it is",
			real);
	localtime_r(&now, &parts_of_time);
	strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &parts_of_time);
	snprintf(name, capacity, "%s.damaged-%s", real, stamp);
	for (int i = 2; access(name, F_OK) == 0 && i < 1000; i++)
		snprintf(name, capacity, "%s.damaged-%s-%d", real, stamp, i);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		_cleanup_free_ char *from = alloc_format("%s%s", real, parts[i]);
		_cleanup_free_ char *to = alloc_format("%s%s", name, parts[i]);
		if (rename(from, to) != 0 && errno != ENOENT)
			return error_set_os(error, errno, "cannot rename %.200s", from);
	}
	return true;
}
