// SPDX-License-Identifier: Apache-2.0
// Shared by the files that fill the model. Private to crash/.
#pragma once

#include "crash/crash.h"
#include "crash/span.h"

struct crash_log crash_log_new(const struct crash_options *options);
void crash_deinit(struct crash *crash);
// The text in the log's arena, once each; "" where there is no room.
const char *crash_text(struct crash_log *log, struct span text);
uint64_t crash_hash(struct span text, uint64_t hash);
// Most numerous first, wait times in order. Ends the life of group_map.
void crash_sort_groups(struct crash *crash);
// Fills what follows from the rest. After crash_sort_groups.
void crash_analyse(struct crash_log *log, struct crash *crash);
