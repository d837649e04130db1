// SPDX-License-Identifier: Apache-2.0
/*
 * Goroutines alone: in groups for people, one by one as the runtime's own dump has them (debug=2 of
 * net/http/pprof, which many tools read), and everything as JSON. The last two are written as they
 * are made: there may be a million of them.
 *
 * Source of the dump's form: runtime/traceback.go (goroutineheader, traceback2, printcreatedby).
 */
#pragma once

#include "report/report.h"

// The answer in two lines, then the first `rows` groups.
void report_write_goroutines(const struct snapshot *snapshot, struct report_style style,
			     size_t rows, struct strbuf *out);

// Both need CAPTURE_EACH_GOROUTINE. `path` is for the message. Arguments are not known: "(...)".
bool report_write_stacks(const struct snapshot *snapshot, int fd, const char *path,
			 struct error *error) must_check;
bool report_write_goroutines_json(const struct snapshot *snapshot, int fd, const char *path,
				  struct error *error) must_check;
