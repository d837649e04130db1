// SPDX-License-Identifier: Apache-2.0
// The course of a process (snapshot/course.h), as far as the timeline has it.
#pragma once

#include "snapshot/course.h"

// Whom it is about. An id may have been another process's before.
struct course_owner {
	int pid;
	int64_t started_unix_ns; // 0: not known
};

/*
 * Puts before the samples in `course` those that the database at `path` (NULL: none) has of a
 * process, of a day at most, and adds the marks of that time: its own and those of no process.
 * Another process reads them, since the database may have been written by anybody; where that takes
 * longer than `patience_ms`, the course stays as it is.
 */
void course_add_stored(struct course *course, const char *path, const struct course_owner *owner,
		       int patience_ms);
