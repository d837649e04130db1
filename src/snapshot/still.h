// SPDX-License-Identifier: Apache-2.0
/*
 * A target that holds still while it is read.
 *
 * Holding still needs the privilege to trace, reading does not, and what reads foreign bytes must
 * not be what may trace. So a guard process (still_guard.c) holds and the sandboxed reader reads:
 *
 *   still_begin     with privileges: forks the guard; a frozen copy is made here
 *   still_start     in the reader: from here the target stands still
 *   still_release   in the reader: everything that had to be read is; the target goes on
 *   still_end       with privileges again: waits until nothing of us is left in the target
 *
 * The guard lets the target go by itself when the reader is gone, and when the time is up. It
 * shares no fate with whyoom: it is deaf to signals and belongs to no terminal. Killing the guard
 * lets the target go too, by the kernel's hand; what a copy leaves behind then, still_end takes
 * away. Only when both are killed at once an entry of the ended copy stays in the process table
 * until the target ends or is frozen again.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "system/process.h"
#include "target/target.h"

enum still_mode {
	STILL_NOT,    // live: there is no struct still
	STILL_STOP,   // the threads are stopped
	STILL_FROZEN, // the target runs on; a copy of it is read
};

#define STILL_STOP_LIMIT_NS INT64_C(2000000000) // how long the target may be stopped

struct still;

// `files` are borrowed.
bool still_begin(enum still_mode mode, const struct process_files *files, int64_t stop_limit_ns,
		 struct still **still, struct error *error) must_check;
// The copy's /proc/PID/mem and maps, borrowed; -1 where there is no copy.
int still_memory_fd(const struct still *still);
int still_maps_fd(const struct still *still);

// The threads stand still, or stood still when the copy was made; borrowed.
bool still_start(struct still *still, const struct target_thread **threads, size_t *count,
		 struct error *error) must_check;

struct still_outcome {
	int64_t pause_ns; // the longest that the target was kept from running
	bool torn; // it went on before still_release: the time was up, or the guard was killed
};

struct still_outcome still_release(struct still *still);

// Frees `still` (NULL is allowed). False when something of us may be left in the target.
bool still_end(struct still *still, struct error *error);
