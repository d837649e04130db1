// SPDX-License-Identifier: Apache-2.0
/*
 * Goroutines of a file, whatever it is: a crash log or a dump as text (debug=1, debug=2, SIGQUIT,
 * through all that crash/ unwraps), a goroutine profile of pprof, goroutines.txt of an incident, or
 * an incident's bundle (.tar.zst). What it is, its content says.
 */
#pragma once

#include "base/error.h"
#include "goroutine/groups.h"

struct goroutine_file {
	struct goroutine_set set;
	const char *kind; // "a goroutine dump", "a goroutine profile", ...
	uint64_t dumps;   // how many the file has; the last one counts
	uint64_t left_out;
	bool cut;
	char note[256]; // what is to be said about it; ""
};

// `fd` has to be one that lseek moves. ERROR_NOT_FOUND where there are no goroutines in it.
// `labels`: goroutines with other labels are other groups.
bool goroutine_file_read(int fd, const char *path, bool labels, struct goroutine_file *file,
			 struct error *error) must_check;
void goroutine_file_deinit(struct goroutine_file *file);
