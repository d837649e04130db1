// SPDX-License-Identifier: Apache-2.0
/*
 * The tables of the timeline. PRAGMA user_version counts the steps of schema.c that a file has been
 * through; PRAGMA application_id says that it is ours. A newer version than we know is refused, and
 * so is a file whose tables are not exactly those that the steps make.
 *
 * Samples are in three tables of the same form, by the width of their rows in seconds: 1, 10, 60.
 * Rows are keyed by (time, target): what arrives is appended, whatever the number of targets. A
 * column without suffix is the average; _min and _max are NULL where they are the same.
 */
#pragma once

#include <sqlite3.h>

#include "base/error.h"

#define SCHEMA_APPLICATION_ID 0x77796f6d // "wyom"

enum { SCHEMA_VERSION = 2 };

// Makes the tables, or brings older ones up to date, in one transaction.
bool schema_update(sqlite3 *database, struct error *error) must_check;
// ERROR_UNSUPPORTED where the file is of another program or a newer whyoom; ERROR_BAD_DATA where
// the tables are not ours. `current` false: an older version of ours will do.
bool schema_check(sqlite3 *database, bool current, struct error *error) must_check;
// ERROR_NOT_FOUND for an empty file.
bool schema_read_version(sqlite3 *database, int *version, struct error *error) must_check;
