// SPDX-License-Identifier: Apache-2.0
/*
 * Where captures go. While the watch runs they lie in OUT/incident-TIME-NAME-PID.partial/, one
 * directory each, complete and synced: when whyoom dies, they stay there, and the next one makes an
 * incident of them (leftover.h); as long as it lives, the directory is locked. In the end the
 * newest becomes OUT/incident-TIME-NAME-PID, with the others below it: the baseline as `baseline`,
 * the rest as earlier-1, earlier-2, ... oldest first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "system/process.h"

struct store {
	char out[2048], name[256];
	int captures;
	bool made; // the partial directory
	int lock;  // on it, once it is made
};

// `kind` begins the name: "incident".
void store_begin(struct store *store, const char *out, const char *kind,
		 const struct process_files *process);
// The directory for the next capture; not made yet. Its parent is, or could not be: then making the
// directory fails, and that says why nothing is stored.
void store_next(struct store *store, char *directory, size_t capacity);
// Removes what a failed capture left.
void store_drop(struct store *store, const char *directory);
// A copy of a capture as `baseline` below an incident: the watch needs the first one on.
void store_copy_baseline(const char *directory, const char *incident);
bool store_keep(struct store *store, const char *directory, const char *baseline, char *incident,
		size_t capacity, struct error *error) must_check;
// Removes a partial directory that nobody has, with all captures in it.
void store_remove_partial(const char *path);
// Removes the partial directory if it is empty; with `discard`, what is in it first.
void store_end(struct store *store, bool discard);
