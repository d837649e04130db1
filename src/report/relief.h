// SPDX-License-Identifier: Apache-2.0
/*
 * What relief would do, did and undid, as text and as JSON. The text says first whether it can
 * help. It is printed by a process with privileges: the only foreign text in it is the Go
 * version's.
 */
#pragma once

#include "relief/cgroup_relief.h"
#include "relief/relief.h"
#include "report/report.h"

struct relief_report {
	pid_t pid;
	const struct relief_facts *facts;
	const struct relief_room *room;
	const struct relief_plan *plan;
	const char *command;     // "relieve" or "profiler": what --undo is to be given to
	const char *record_path; // where the note is; NULL: nothing was written
	const char *state;       // --state, where one was given; else NULL
};

// Before the write, after it, and both at once.
void report_write_relief_plan(const struct relief_report *report, struct strbuf *out);
void report_write_relief_done(const struct relief_report *report, struct strbuf *out);
json_t *report_relief_to_json(const struct relief_report *report);

void report_write_relief_undos(pid_t pid, const struct relief_undos *undos, struct strbuf *out);
json_t *report_relief_undos_to_json(pid_t pid, const struct relief_undos *undos);

struct cgroup_relief_report {
	const struct cgroup *cgroup;
	const struct relief_cgroup_plan *plan;
	const char *record_path, *state; // as above
};

void report_write_cgroup_relief_plan(const struct cgroup_relief_report *report, struct strbuf *out);
void report_write_cgroup_relief_done(const struct cgroup_relief_report *report, struct strbuf *out);
json_t *report_cgroup_relief_to_json(const struct cgroup_relief_report *report);

void report_write_cgroup_undo(const struct cgroup *cgroup, const struct relief_cgroup_undo *undo,
			      struct strbuf *out);
json_t *report_cgroup_undo_to_json(const struct cgroup *cgroup,
				   const struct relief_cgroup_undo *undo);
