// SPDX-License-Identifier: Apache-2.0
/*
 * The one file of the timeline, and SQLite made careful: it may have been written by anybody.
 *
 * Open it in a process that gave its privileges up with database_confine. What SQLite says becomes
 * an error: ERROR_BAD_DATA where the file is damaged, ERROR_LIMIT where the disk or the size is
 * full, ERROR_OS with EBUSY where it is locked and EROFS where it cannot be written.
 */
#pragma once

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum database_use { DATABASE_READ, DATABASE_WRITE };

// The path that --db or its absence means; malloc'ed. `given` NULL: $STATE_DIRECTORY/whyoom.db, or
// below /var/lib/whyoom for root, or below $XDG_STATE_HOME/whyoom.
char *database_default_path(const char *given);
// Makes the directory of `path` where it is missing (its parent too below a home), confines the
// process to it and gives privileges up for good. *real: the path as it is without links;
// malloc'ed. `lasting`: the process has no limit of time and outlives its parent.
bool database_confine(const char *path, enum database_use use, bool lasting, char **real,
		      struct error *error) must_check;
// A file that is not there is made by DATABASE_WRITE, else ERROR_NOT_FOUND. `size_bytes`: the most
// that the file and its journal may take; 0: not our concern.
bool database_open(const char *real, enum database_use use, int64_t size_bytes, sqlite3 **database,
		   struct error *error) must_check;
void database_close(sqlite3 *database); // NULL is allowed
// Renames a damaged file, with its journal, to PATH.damaged-TIME. Only what is ours by its header,
// or could be by its name; ERROR_UNSUPPORTED otherwise.
bool database_set_aside(const char *real, char *name, size_t capacity,
			struct error *error) must_check;

// What SQLite said last. Always false.
bool database_error(sqlite3 *database, struct error *error);
bool database_run(sqlite3 *database, const char *sql, struct error *error) must_check;
// The first column of the first row; 0 where there is none.
bool database_number(sqlite3 *database, const char *sql, int64_t *number,
		     struct error *error) must_check;
bool database_prepare(sqlite3 *database, const char *sql, sqlite3_stmt **statement,
		      struct error *error) must_check;
// For statements without rows: steps and resets, whatever comes of it.
bool database_step(sqlite3 *database, sqlite3_stmt *statement, struct error *error) must_check;
// A text column, never NULL; borrowed until the next step.
const char *database_text(sqlite3_stmt *statement, int column);
