// SPDX-License-Identifier: Apache-2.0
/*
 * What a process has beside memory: open descriptors by kind, processors that it may use. With
 * privileges: the links below /proc/PID/fd tell who may trace the process only. Of them no more
 * than the kernel's own words ("socket:", "pipe:", "/") is looked at.
 */
#pragma once

#include "snapshot/snapshot.h"

enum { SURROUNDINGS_FDS_MAX = 1 << 20 };

// `proc_dir` is the descriptor of /proc/PID. What cannot be read stays not known.
void surroundings_take(int proc_dir, struct snapshot_surroundings *out);
