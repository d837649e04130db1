// SPDX-License-Identifier: Apache-2.0
// In: the timeline's database. Out: a thousand rows of one process, as JSON.
#include "store/page_timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/map.h"
#include "base/sort.h"
#include "report/json_build.h"
#include "store/rows.h"
#include "store/timeline.h"

enum { INCIDENTS_SEARCHED = 500, EVENTS_MAX = 500, ROWS_MAX = 5000, JSON_LIMIT = 16 << 20 };

static const int64_t SECOND_NS = 1000000000, AFTER_NS = 60000000000;

// Older than this: one row for so many seconds. The last one says how far back it goes.
static const struct {
	int64_t age_s, width_s;
} widths[] = {{600, 1}, {7200, 20}, {86400, 300}, {7 * 86400, 3600}};
enum { WIDTHS = sizeof widths / sizeof *widths };

struct row {
	int64_t time_s, width_s, values[STORE_METRICS]; // -1: not known
};

struct collector {
	int64_t end_s;
	struct map by_time;
	VEC(struct row) rows;
};

static int64_t width_at(const struct collector *collector, int64_t time_s)
{
	for (int i = 0; i < WIDTHS; i++)
		if (collector->end_s - time_s <= widths[i].age_s)
			return widths[i].width_s;
	return widths[WIDTHS - 1].width_s;
}

static bool take_row(void *context, const struct timeline_row *from)
{
	struct collector *collector = context;
	int64_t width_s = width_at(collector, from->time_s);
	int64_t time_s = from->time_s - from->time_s % width_s;
	bool is_new;
	uint64_t *index =
		map_put(&collector->by_time, hash_mix((uint64_t)time_s, (uint64_t)from->target),
			collector->rows.count, &is_new);
	if (is_new) {
		struct row row = {time_s, from->width_s > width_s ? from->width_s : width_s, {0}};
		memset(row.values, 0xff, sizeof row.values);
		vec_push(&collector->rows, row);
	}
	struct row *row = &collector->rows.items[*index];
	for (int i = 0; i < STORE_METRICS; i++)
		if (from->metrics[i].known && from->metrics[i].most > row->values[i])
			row->values[i] = from->metrics[i].most;
	return collector->rows.count < ROWS_MAX;
}

static int compare_rows(const void *left, const void *right)
{
	int64_t a = ((const struct row *)left)->time_s, b = ((const struct row *)right)->time_s;
	return (a > b) - (a < b);
}

static void set_rows(json_t *object, const struct collector *collector)
{
	json_t *columns = json_array(), *rows = json_array();
	json_array_append_new(columns, json_string("time_s"));
	json_array_append_new(columns, json_string("width_s"));
	for (int i = 0; i < STORE_METRICS; i++)
		json_array_append_new(columns, json_string(store_metrics[i].column));
	VEC_FOREACH (row, &collector->rows) {
		json_t *item = json_array();
		json_array_append_new(item, json_integer(row->time_s));
		json_array_append_new(item, json_integer(row->width_s));
		for (int i = 0; i < STORE_METRICS; i++)
			json_array_append_new(item, row->values[i] < 0
							    ? json_null()
							    : json_integer(row->values[i]));
		json_array_append_new(rows, item);
	}
	json_object_set_new(object, "columns", columns);
	json_object_set_new(object, "rows", rows);
}

// The process that had this id last: an id may have been another's before.
static const struct timeline_target *last_target(const struct timeline *timeline, int64_t end_ns)
{
	const struct timeline_target *found = NULL;
	VEC_FOREACH (target, &timeline->targets)
		if (target->first_seen_ns <= end_ns &&
		    (!found || target->first_seen_ns > found->first_seen_ns))
			found = target;
	return found;
}

struct only {
	struct collector *collector;
	int64_t target;
};

static bool take_only(void *context, const struct timeline_row *row)
{
	const struct only *only = context;
	return row->target != only->target || take_row(only->collector, row);
}

static void set_events(json_t *object, const struct timeline *timeline, int64_t target)
{
	json_t *events = json_array();
	VEC_FOREACH (event, &timeline->events) {
		if ((event->target && event->target != target) ||
		    json_array_size(events) >= EVENTS_MAX)
			continue;
		json_t *item = json_object();
		set_time(item, "time", event->unix_ns);
		set_text(item, "kind", timeline_event_names[event->kind]);
		set_text(item, "text", event->text);
		json_array_append_new(events, item);
	}
	json_object_set_new(object, "events", events);
}

static json_t *timeline_to_json(const struct timeline *timeline, int64_t end_ns)
{
	const struct timeline_target *target = last_target(timeline, end_ns);
	struct collector collector = {.end_s = end_ns / SECOND_NS};
	struct only only = {&collector, target ? target->id : 0};
	json_t *object = json_object();
	// What could be read is shown.
	(void)!timeline_each_row(timeline, take_only, &only, NULL);
	if (collector.rows.count)
		qsort(collector.rows.items, collector.rows.count, sizeof *collector.rows.items,
		      compare_rows);
	set_rows(object, &collector);
	set_events(object, timeline, only.target);
	vec_deinit(&collector.rows);
	map_deinit(&collector.by_time);
	return object;
}

static bool find_incident(sqlite3 *database, struct page_timeline_request *request)
{
	struct timeline_incidents incidents;
	bool found = false;
	if (!timeline_read_incidents(database, 0, INCIDENTS_SEARCHED, &incidents, NULL))
		return false;
	VEC_FOREACH (row, &incidents.list)
		if (!found && strcmp(row->incident.directory, request->directory) == 0) {
			found = row->target.id != 0;
			request->pid = row->target.target.pid;
			request->end_ns = row->incident.unix_ns;
		}
	vec_deinit(&incidents.list);
	return found;
}

static json_t *read_timeline(sqlite3 *database, struct page_timeline_request request)
{
	struct timeline timeline;
	char who[16];
	if (!request.pid && (!request.directory || !find_incident(database, &request)))
		return NULL;
	snprintf(who, sizeof who, "%d", request.pid);
	if (!timeline_read(database, who, request.end_ns - widths[WIDTHS - 1].age_s * SECOND_NS,
			   request.end_ns + AFTER_NS, &timeline, NULL))
		return NULL;
	json_t *json = timeline_to_json(&timeline, request.end_ns);
	timeline_deinit(&timeline);
	return json;
}

// In the child.
static int read_into(const struct page_timeline_request *request, int fd)
{
	_cleanup_free_ char *real = NULL;
	sqlite3 *database = NULL;
	if (!database_confine(request->db, DATABASE_READ, false, &real, NULL) ||
	    !database_open(real, DATABASE_READ, 0, &database, NULL))
		return 1;
	json_t *json = read_timeline(database, *request);
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	database_close(database);
	return text && file_write(fd, "the timeline", text, strlen(text), NULL) ? 0 : 1;
}

int page_timeline_open(const struct page_timeline_request *request)
{
	if (!request->db || access(request->db, R_OK) != 0)
		return -1;
	int fd = memfd_create("timeline", MFD_CLOEXEC), status = 0;
	if (fd < 0)
		return -1;
	fflush(NULL);
	pid_t child = fork();
	if (child == 0)
		_exit(read_into(request, fd));
	if (child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	    WEXITSTATUS(status) == 0)
		return fd;
	close(fd);
	return -1;
}

json_t *page_timeline_load(int fd)
{
	_cleanup_close_ int owned = fd;
	_cleanup_free_ char *text = NULL;
	size_t size;
	if (owned < 0 || !file_read(owned, "the timeline", JSON_LIMIT, &text, &size, NULL))
		return NULL;
	return json_loadb(text, size, 0, NULL);
}
