// SPDX-License-Identifier: Apache-2.0
// Snapshots made by hand.
#pragma once

#include <stdint.h>

#include "snapshot/capture.h"
#include "snapshot/kill.h"

// A Go process of the module example.com/app with an empty heap profile; no cgroup, no goroutines,
// no account of its memory: each absent with "not in this test".
struct snapshot *hand_snapshot(void);
// Adds a sample: `stack` is leaf first, "bytes.growSlice:12 main.f:30"; each file is
// "/src/app/x.go". `bytes` are held now; half of them are published.
void hand_hold(struct snapshot *snapshot, const char *stack, int64_t bytes);
// What the spans say the heap holds, and the account of the process, in bytes.
void hand_account(struct snapshot *snapshot, int64_t objects, int64_t idle, int64_t not_go);
// A cgroup with its account: the process, page cache.
void hand_cgroup(struct snapshot *snapshot, int64_t limit, int64_t anon, int64_t cache);
// Goroutines of the program that wait in main.wait.
void hand_goroutines(struct snapshot *snapshot, uint64_t count);
// A kill at the limit of the cgroup.
struct kill_facts hand_kill(int64_t limit);
