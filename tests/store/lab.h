// SPDX-License-Identifier: Apache-2.0
// What the tests of the timeline share: a directory with a database, and a look at it.
#pragma once

#include "../system/lab.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/database.h"
#include "store/writer.h"

struct shelf {
	struct lab_dir dir;
	char path[128];
};

static inline void shelf_make(struct shelf *shelf)
{
	lab_dir_make(&shelf->dir);
	snprintf(shelf->path, sizeof shelf->path, "%s/whyoom.db", shelf->dir.path);
}

// Opens it here, without giving anything up.
static inline sqlite3 *shelf_open(const struct shelf *shelf, enum database_use use)
{
	sqlite3 *database = NULL;
	struct error error = {0};
	if (!database_open(shelf->path, use, STORE_SIZE_DEFAULT, &database, &error))
		fail_msg("%s", error.message);
	return database;
}

static inline int64_t number_in(sqlite3 *database, const char *sql)
{
	int64_t number = -1;
	struct error error = {0};
	if (!database_number(database, sql, &number, &error))
		fail_msg("%s: %s", sql, error.message);
	return number;
}

// The first column of the first row as text.
static inline const char *text_in(sqlite3 *database, const char *sql)
{
	static char text[1024];
	sqlite3_stmt *statement = NULL;
	struct error error = {0};
	if (!database_prepare(database, sql, &statement, &error))
		fail_msg("%s: %s", sql, error.message);
	sqlite3_step(statement);
	snprintf(text, sizeof text, "%s", database_text(statement, 0));
	sqlite3_finalize(statement);
	return text;
}

static inline void run_in(sqlite3 *database, const char *sql)
{
	struct error error = {0};
	if (!database_run(database, sql, &error))
		fail_msg("%s: %s", sql, error.message);
}
