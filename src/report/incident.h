// SPDX-License-Identifier: Apache-2.0
/*
 * An incident directory: report.txt, report.json, heap.pb.gz, goroutines.txt, ledger.json and
 * manifest.json with the hash of each. Its files are opened while there are privileges and written
 * after they are gone; what was written may be written again. No contents of the target's memory:
 * names, types, sizes and counts only.
 */
#pragma once

#include "base/error.h"
#include "report/report.h"

enum incident_part {
	INCIDENT_HEAP,
	INCIDENT_GOROUTINES,
	INCIDENT_LEDGER,
	INCIDENT_REPORT_JSON,
	INCIDENT_REPORT_TEXT,
	INCIDENT_MANIFEST,
	INCIDENT_PARTS
};

const char *incident_part_name(enum incident_part part); // of its file

struct incident_file {
	int fd; // -1: not open
	bool written;
	int64_t size_bytes;
	char sha256[65];
};

struct incident {
	struct incident_file files[INCIDENT_PARTS];
	int again[INCIDENT_PARTS]; // NAME.new, for those that may be written again; -1: none
};

// Makes the directory `path` (its parent must be there) and opens its files.
bool incident_open(const char *path, struct incident *incident, struct error *error) must_check;
void incident_close(struct incident *incident);
// Writes every part and syncs it to disk, the heap profile first. The parts that a snapshot lacks
// say why in place of what they lack.
bool incident_write(struct incident *incident, const struct report *report,
		    struct error *error) must_check;

/*
 * The ledger, the reports and the manifest once more, for a snapshot that knows more by now. What
 * is on disk stays whole: they are written beside it (NAME.new), and somebody who may do that puts
 * them in its place by incident_settle. Once; after a failure the incident is what it was.
 */
bool incident_write_again(struct incident *incident, const struct report *report,
			  struct error *error) must_check;
// `again`: they were written. Else they are removed.
void incident_settle(const char *path, bool again);

// Makes an incident of a capture's directory that was never finished: what is there is kept, what
// is not is an empty file; the report and the manifest say that it is partial.
bool incident_mark_partial(const char *path, struct error *error) must_check;
