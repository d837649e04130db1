// SPDX-License-Identifier: Apache-2.0
// Whose code a frame is, by its function's package and its file's place: Go's own tree, the module
// cache, a vendor folder, or neither.
#pragma once

#include "crash/model_priv.h"

// What the frames of a crash say about where things are.
struct places {
	struct span goroot;      // "/usr/local/go/src/", "" when not known
	struct span main_folder; // of package main
	struct span main_module; // guessed: the root of the import paths of its own packages
};

void places_find(const struct crash *crash, struct crash_log *log, struct places *places);
void owner_set(const struct places *places, struct crash_log *log, struct crash_frame *frame);
// "example.com/a/b" of "example.com/a/b.(*T).f".
struct span owner_package(const char *function);
