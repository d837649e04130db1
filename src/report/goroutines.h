// SPDX-License-Identifier: Apache-2.0
/*
 * Goroutines alone: in groups for people, one by one as the runtime's own dump has them (debug=2 of
 * net/http/pprof, which many tools read), and everything as JSON; two sources side by side. The
 * dump and JSON are written as they are made: there may be a million of them.
 *
 * Source of the dump's form: runtime/traceback.go (goroutineheader, traceback2, printcreatedby).
 */
#pragma once

#include "goroutine/view.h"
#include "report/report.h"

// Goroutines of whatever source. Everything is borrowed.
struct goroutine_report {
	const struct goroutine_set *set;
	const struct snapshot *snapshot; // of a process or a core; NULL: of a text or a profile
	const char *source;              // "dump.txt, a goroutine dump"
	const char *note;                // what is to be said about it; ""
	uint64_t dumps;                  // in that file; the last one is this
	uint64_t left_out;               // goroutines that are in no group, for want of room
	bool cut;                        // the file was cut
};

struct goroutine_options {
	enum goroutine_by by;
	size_t rows;
};

// The answer first, then the first groups, or a table of what belongs together.
void report_write_goroutines(const struct goroutine_report *report, struct report_style style,
			     struct goroutine_options options, struct strbuf *out);
// What grew, appeared and vanished.
void report_write_goroutines_diff(const struct goroutine_report *before,
				  const struct goroutine_report *after, struct report_style style,
				  struct goroutine_options options, struct strbuf *out);
json_t *report_goroutines_diff_to_json(const struct goroutine_report *before,
				       const struct goroutine_report *after, enum goroutine_by by);

// Needs CAPTURE_EACH_GOROUTINE. `path` is for the message. Arguments are not known: "(...)".
bool report_write_stacks(const struct snapshot *snapshot, int fd, const char *path,
			 struct error *error) must_check;
// Without a snapshot: the groups alone.
bool report_write_goroutines_json(const struct goroutine_report *report, enum goroutine_by by,
				  int fd, const char *path, struct error *error) must_check;
