// SPDX-License-Identifier: Apache-2.0
/*
 * The process that has the database open for a watch.
 *
 * A process, not a thread: the watch forks (captures, its guard), which a process with threads may
 * not do safely; a database that makes SQLite crash takes only the keeper with it; and it gives its
 * privileges up before it looks at the file. So a sync to disk costs the watch nothing, and each
 * commit is synced (WAL, synchronous=FULL): a power loss takes the last second at most, not all
 * since the last checkpoint. It outlives a watch that is killed, and commits what it was told.
 */
#pragma once

#include "store/writer.h"

_Noreturn void keeper_run(const struct store_options *options, int channel);
