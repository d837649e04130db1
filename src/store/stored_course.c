// SPDX-License-Identifier: Apache-2.0
// In: the timeline's database. Out: samples and marks of one process.
#include "store/stored_course.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "store/database.h"
#include "store/timeline.h"

#define SECOND_NS ((int64_t)1000000000)
static const int64_t BACK_NS = 86400 * SECOND_NS;
// A clock that was set, or runs away a little, moves when a process seems to have begun.
static const int64_t START_MARGIN_NS = 5 * SECOND_NS;

// The first that is known counts. Page cache is no growth that matters; where there is no cgroup,
// the memory is the process's own.
static const struct {
	enum course_metric metric;
	enum store_metric stored;
} sources[] = {
	{COURSE_MEMORY, STORE_RSS},     {COURSE_MEMORY, STORE_ANON},
	{COURSE_HEAP, STORE_HEAP_LIVE}, {COURSE_GOROUTINES, STORE_GOROUTINES},
	{COURSE_FDS, STORE_FDS},        {COURSE_THREADS, STORE_THREADS},
};

// ---- in the process that reads ----

struct collector {
	struct course *course;
	int64_t target, before_s; // what is newer is known better
};

static bool take_row(void *context, const struct timeline_row *row)
{
	const struct collector *collector = context;
	if (row->target != collector->target || row->time_s + row->width_s > collector->before_s)
		return true;
	struct course_sample sample = course_sample_at(row->time_s * SECOND_NS);
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
		if (row->metrics[sources[i].stored].known)
			sample.values[sources[i].metric] = row->metrics[sources[i].stored].average;
	course_add(collector->course, &sample);
	return true;
}

static bool is_mark(enum timeline_event_kind kind)
{
	return kind == EVENT_HAND || kind == EVENT_RESTART || kind == EVENT_BINARY ||
	       kind == EVENT_LIMIT;
}

static bool is_near(int64_t left_ns, int64_t right_ns)
{
	int64_t apart_ns;
	return !__builtin_sub_overflow(left_ns, right_ns, &apart_ns) &&
	       apart_ns > -START_MARGIN_NS && apart_ns < START_MARGIN_NS;
}

static int64_t find_target(const struct timeline *timeline, const struct course_owner *owner)
{
	int64_t id = 0, newest_ns = INT64_MIN;
	VEC_FOREACH (target, &timeline->targets) {
		bool same = !owner->started_unix_ns ||
			    is_near(target->target.started_unix_ns, owner->started_unix_ns);
		if (!same || target->target.pid != owner->pid || target->first_seen_ns < newest_ns)
			continue;
		id = target->id;
		newest_ns = target->first_seen_ns;
	}
	return id;
}

static void take_all(const struct timeline *timeline, const struct course_owner *owner,
		     int64_t before_ns, struct course *course)
{
	struct collector collector = {course, find_target(timeline, owner), before_ns / SECOND_NS};
	if (collector.target)
		(void)!timeline_each_row(timeline, take_row, &collector, NULL);
	VEC_FOREACH (event, &timeline->events)
		if (is_mark(event->kind) && (!event->target || event->target == collector.target))
			course_add_mark(course, event->unix_ns, timeline_event_names[event->kind],
					event->text);
}

// Of a process that the timeline does not know there are the marks of no process.
static int read_into(const char *path, const struct course_owner *owner, int64_t before_ns,
		     int channel)
{
	_cleanup_free_ struct course *course = alloc_zero(sizeof *course);
	_cleanup_free_ char *real = NULL;
	struct timeline timeline;
	sqlite3 *database = NULL;
	int64_t now_ns = clock_unix_ns(), since_ns = before_ns - BACK_NS;
	char who[16];
	snprintf(who, sizeof who, "%d", owner->pid);
	if (!database_confine(path, DATABASE_READ, false, &real, NULL) ||
	    !database_open(real, DATABASE_READ, 0, &database, NULL))
		return 1;
	if (timeline_read(database, who, since_ns, now_ns, &timeline, NULL) ||
	    timeline_read(database, NULL, since_ns, now_ns, &timeline, NULL)) {
		take_all(&timeline, owner, before_ns, course);
		timeline_deinit(&timeline);
	}
	database_close(database);
	return file_write(channel, "the course", (const char *)course, sizeof *course, NULL) ? 0
											     : 1;
}

// ---- in the process that asks ----

static bool collect(int channel, struct course *course, int patience_ms)
{
	struct pollfd event = {.fd = channel, .events = POLLIN};
	size_t size = 0;
	int64_t until_ns = clock_monotonic_ns() + patience_ms * (SECOND_NS / 1000);
	while (size < sizeof *course) {
		int64_t left_ns = until_ns - clock_monotonic_ns();
		if (left_ns <= 0 || poll(&event, 1, (int)(left_ns / 1000000) + 1) <= 0)
			return false;
		ssize_t got = read(channel, (char *)course + size, sizeof *course - size);
		if (got <= 0)
			return false;
		size += (size_t)got;
	}
	course_tame(course);
	return true;
}

static bool read_apart(const char *path, const struct course_owner *owner, int64_t before_ns,
		       struct course *stored, int patience_ms)
{
	int ends[2];
	if (pipe(ends) != 0)
		return false;
	fflush(NULL);
	pid_t child = fork();
	if (child == 0)
		_exit(read_into(path, owner, before_ns, ends[1]));
	close(ends[1]);
	bool ok = child > 0 && collect(ends[0], stored, patience_ms);
	close(ends[0]);
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	return ok;
}

void course_add_stored(struct course *course, const char *path, const struct course_owner *owner,
		       int patience_ms)
{
	_cleanup_free_ struct course *stored = alloc_zero(sizeof *stored);
	int64_t before_ns = course->count ? course->samples[0].unix_ns : clock_unix_ns();
	if (!path || access(path, R_OK) != 0 ||
	    !read_apart(path, owner, before_ns, stored, patience_ms))
		return;
	for (int i = 0; i < course->count; i++)
		course_add(stored, &course->samples[i]);
	for (int i = 0; i < course->mark_count; i++)
		course_add_mark(stored, course->marks[i].unix_ns, course->marks[i].kind,
				course->marks[i].text);
	*course = *stored;
}
