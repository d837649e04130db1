// SPDX-License-Identifier: Apache-2.0
/*
 * Where goroutines come from, as typed: a process, a core, a file, a URL, an incident's directory
 * or bundle. Opened with privileges, read without.
 */
#pragma once

#include "cli/cli.h"
#include "crash/goroutine_file.h"
#include "report/goroutines.h"

struct capture;

struct goroutine_source {
	const char *argument;
	struct capture *capture; // NULL: a file
	int fd;                  // of the file
	// After goroutine_source_read:
	struct snapshot *snapshot; // NULL: a file
	struct goroutine_file file;
	struct goroutine_report report; // borrows from both
	char title[512];
};

// A URL is fetched here, by a process of its own, into memory.
bool goroutine_source_open(const struct cli_arguments *arguments, const char *argument,
			   struct goroutine_source *source, struct error *error) must_check;
// `parts`: what to capture besides the goroutines.
bool goroutine_source_read(struct goroutine_source *source, unsigned int parts,
			   struct error *error) must_check;
// Frees what was read.
void goroutine_source_deinit(struct goroutine_source *source);
// Closes it; returns the exit code, see cli_close_capture.
int goroutine_source_close(const struct cli_arguments *arguments, struct goroutine_source *source,
			   int code);
