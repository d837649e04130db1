// SPDX-License-Identifier: Apache-2.0
// In: a folder of incidents, and one of notes. Out: nothing in them is half done any more.
#include "watch/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"
#include "report/incident.h"
#include "system/process.h"
#include "watch/hold_record.h"
#include "watch/store.h"

enum { CAPTURES_MAX = 64, PATH_BYTES = 4096 };

#define PARTIAL   ".partial"
#define SECOND_NS 1000000000

// One capture in a directory that was left.
struct left_capture {
	int64_t number;
	bool whole; // its manifest, the last part, is there
	bool any;
};

struct left_captures {
	struct left_capture items[CAPTURES_MAX]; // the newest ones, in order
	int count;
};

static int64_t size_of(int dir, const char *name)
{
	struct stat stat;
	return fstatat(dir, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(stat.st_mode)
		       ? stat.st_size
		       : 0;
}

static struct left_capture look_at(int partial, const char *name, int64_t number)
{
	struct left_capture capture = {.number = number};
	_cleanup_close_ int dir =
		openat(partial, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	for (int i = 0; dir >= 0 && i < INCIDENT_PARTS; i++)
		capture.any |= size_of(dir, incident_part_name((enum incident_part)i)) > 0;
	capture.whole = dir >= 0 && size_of(dir, incident_part_name(INCIDENT_MANIFEST)) > 0;
	return capture;
}

static void insert(struct left_captures *captures, const struct left_capture *capture)
{
	int at = captures->count;
	if (at == CAPTURES_MAX) {
		if (capture->number < captures->items[0].number)
			return;
		memmove(captures->items, captures->items + 1,
			sizeof captures->items - sizeof captures->items[0]);
		at = --captures->count;
	}
	for (; at > 0 && captures->items[at - 1].number > capture->number; at--)
		captures->items[at] = captures->items[at - 1];
	captures->items[at] = *capture;
	captures->count++;
}

static void find_captures(const char *path, struct left_captures *captures)
{
	DIR *dir = opendir(path);
	*captures = (struct left_captures){0};
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		int64_t number;
		if (strncmp(entry->d_name, "capture-", 8) != 0 ||
		    !parse_integer(entry->d_name + 8, 1, INT32_MAX, &number))
			continue;
		struct left_capture capture = look_at(dirfd(dir), entry->d_name, number);
		if (capture.any)
			insert(captures, &capture);
	}
	if (dir)
		closedir(dir);
}

// The newest whole one, else the newest; -1: there is none.
static int choose(const struct left_captures *captures)
{
	for (int i = captures->count - 1; i >= 0; i--)
		if (captures->items[i].whole)
			return i;
	return captures->count - 1;
}

static void move_capture(const char *partial, int64_t number, const char *incident,
			 const char *kind, int place)
{
	char from[PATH_BYTES + 64], to[PATH_BYTES + 64];
	snprintf(from, sizeof from, "%s/capture-%lld", partial, (long long)number);
	if (place)
		snprintf(to, sizeof to, "%s/%s-%d", incident, kind, place);
	else
		snprintf(to, sizeof to, "%s/%s", incident, kind);
	rename(from, to);
}

// As store_keep does: the first one is what to compare with.
static void move_others(const char *partial, const char *incident,
			const struct left_captures *captures, int chosen)
{
	int earlier = 0, later = 0;
	for (int i = 0; i < captures->count; i++) {
		if (i == chosen)
			continue;
		bool is_baseline = i == 0 && captures->items[i].whole;
		if (is_baseline)
			move_capture(partial, captures->items[i].number, incident, "baseline", 0);
		else if (i < chosen)
			move_capture(partial, captures->items[i].number, incident, "earlier",
				     ++earlier);
		else
			move_capture(partial, captures->items[i].number, incident, "later",
				     ++later);
	}
}

// The number at the end of the name; "-2" may stand behind it where two began at once.
static int64_t find_pid(const char *name, size_t length)
{
	char text[NAME_MAX + 1];
	int64_t number = 0, before = 0;
	snprintf(text, sizeof text, "%.*s", (int)length, name);
	char *dash = strrchr(text, '-');
	if (!dash || !parse_integer(dash + 1, 1, INT32_MAX, &number))
		return 0;
	*dash = '\0';
	char *other = strrchr(text, '-');
	bool is_count = number < 100 && other && parse_integer(other + 1, 1, INT32_MAX, &before);
	return is_count ? before : number;
}

// "/out/baseline-20260102-030405-api-4711.partial": the process of the name, and where it goes.
static bool parse_name(const char *out, const char *name, char *incident, int64_t *pid)
{
	size_t length = strlen(name), end = strlen(PARTIAL);
	bool is_baseline = strncmp(name, "baseline-", 9) == 0;
	if ((!is_baseline && strncmp(name, "incident-", 9) != 0) || length <= 9 + end ||
	    strcmp(name + length - end, PARTIAL) != 0)
		return false;
	snprintf(incident, PATH_BYTES, "%s/incident-%.*s", out, (int)(length - 9 - end), name + 9);
	*pid = find_pid(name, length - end);
	return true;
}

// Whether the process that was watched runs on: with that id, since before the directory was made.
static bool runs_on(int64_t pid, int partial)
{
	struct stat directory;
	struct process_stat stat;
	struct process_files process = PROCESS_FILES_NONE;
	if (!pid || fstat(partial, &directory) != 0 ||
	    !process_files_open("/proc", (pid_t)pid, &process, NULL))
		return false;
	bool older = process_stat_read(&process, &stat, NULL) &&
		     process_start_unix_ns(&stat, process_boot_unix_ns()) / SECOND_NS <=
			     directory.st_mtime;
	bool runs = older && !process_ended(&process);
	process_files_close(&process);
	return runs;
}

static void tell(struct store_writer *timeline, const char *incident, const char *sentence)
{
	char absolute[PATH_MAX];
	struct store_incident row = {.unix_ns = clock_unix_ns()};
	if (!timeline)
		return;
	snprintf(row.cause, sizeof row.cause, "partial");
	snprintf(row.directory, sizeof row.directory, "%.1000s",
		 realpath(incident, absolute) ? absolute : incident);
	snprintf(row.sentence, sizeof row.sentence, "%s", sentence);
	store_incident(timeline, -1, &row);
}

static bool keep(const char *partial, const char *incident, const struct left_captures *captures,
		 struct error *error)
{
	char chosen[PATH_BYTES + 64];
	int place = choose(captures);
	snprintf(chosen, sizeof chosen, "%s/capture-%lld", partial,
		 (long long)captures->items[place].number);
	if (!incident_mark_partial(chosen, error))
		return false;
	if (rename(chosen, incident) != 0)
		return error_set_os(error, errno, "cannot rename %.200s", chosen);
	move_others(partial, incident, captures, place);
	return true;
}

static void take_partial(const char *out, const char *name, struct store_writer *timeline,
			 const struct progress *progress)
{
	char path[PATH_BYTES], incident[PATH_BYTES];
	struct left_captures captures;
	struct error error = {0};
	int64_t pid;
	snprintf(path, sizeof path, "%.2048s/%.255s", out, name);
	if (!parse_name(out, name, incident, &pid))
		return;
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || flock(dir, LOCK_EX | LOCK_NB) != 0)
		return; // of one that lives
	find_captures(path, &captures);
	bool is_stale = strncmp(name, "baseline-", 9) == 0 && runs_on(pid, dir);
	if (captures.count && !is_stale && access(incident, F_OK) != 0) {
		if (!keep(path, incident, &captures, &error)) {
			progress_say(progress, "%s", error.message);
			return;
		}
		progress_say(progress,
			     "a whyoom was killed here while it watched; what it had is kept: %s",
			     incident);
		tell(timeline, incident,
		     "partial: whyoom was killed while it watched; how the process ended is not known");
	}
	store_remove_partial(path);
}

static void take_partials(const char *out, struct store_writer *timeline,
			  const struct progress *progress)
{
	DIR *dir = opendir(out);
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		if (strstr(entry->d_name, PARTIAL))
			take_partial(out, entry->d_name, timeline, progress);
	if (dir)
		closedir(dir);
}

static void take_holds(const char *state_path, const struct progress *progress)
{
	hold_left_list found = {0};
	struct error error = {0};
	if (!hold_recover(state_path, &found, &error))
		progress_say(progress, "%s", error.message);
	VEC_FOREACH (left, &found)
		progress_say(progress, "%s", hold_left_text(left).text);
	vec_deinit(&found);
}

void leftover_take(const char *out, const char *state_path, struct store_writer *timeline,
		   const struct progress *progress)
{
	if (state_path)
		take_holds(state_path, progress);
	take_partials(out, timeline, progress);
}
