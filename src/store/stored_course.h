// SPDX-License-Identifier: Apache-2.0
// The course of a process (snapshot/course.h), as far as the timeline has it.
#pragma once

#include "snapshot/course.h"

/*
 * Puts before the samples in `course` those that the database at `path` (NULL: none) has of process
 * `pid`, of a day at most, and adds the marks of that time: its own and those of no process.
 * Another process reads them, since the database may have been written by anybody; where that takes
 * longer than `patience_ms`, the course stays as it is.
 */
void course_add_stored(struct course *course, const char *path, int pid, int patience_ms);
