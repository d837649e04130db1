// SPDX-License-Identifier: Apache-2.0
// Shared by the files that read the scheduler.
#pragma once

#include "golang/scheduler.h"

void go_threads_read(const struct go_runtime *runtime, struct go_scheduler *scheduler);
void go_finalizers_read(const struct go_runtime *runtime, struct go_scheduler *scheduler);
// `processors` are the addresses of the P structures: each counts the cleanups that it queued.
void go_cleanups_read(const struct go_runtime *runtime, const go_addresses *processors,
		      struct go_scheduler *scheduler);
