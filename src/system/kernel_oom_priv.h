// SPDX-License-Identifier: Apache-2.0
// The table of tasks in a kernel's OOM block.
#pragma once

#include "system/kernel_oom.h"
#include "system/text_priv.h"

// The line with the names of the columns.
bool kernel_oom_take_header(struct text line, struct kernel_oom_table *table);
// A row below it; *largest keeps the one with the largest resident memory.
bool kernel_oom_take_task(struct text line, struct kernel_oom_table *table,
			  struct kernel_oom_task *largest);
// Whether it is in the table, as far as there is one.
bool kernel_oom_lists(const struct kernel_oom_table *table, pid_t pid);
