// SPDX-License-Identifier: Apache-2.0
// In: what was read. Out: JSON and CSV, printed as they are made. Field names are an interface.
#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "report/report.h"
#include "store/timeline.h"
#include "report/json_build.h"

struct stream {
	struct timeline_sink sink;
	const struct timeline *timeline;
	bool first, failed;
};

static bool print_json(struct stream *stream, json_t *value)
{
	_cleanup_free_ char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(value);
	stream->failed |= !stream->sink.print(stream->first ? "\n" : ",\n") || !text ||
			  !stream->sink.print(text);
	stream->first = false;
	return !stream->failed;
}

static json_t *target_to_json(const struct timeline_target *target)
{
	json_t *object = json_object();
	json_object_set_new(object, "id", json_integer(target->id));
	json_object_set_new(object, "pid", json_integer(target->target.pid));
	set_text(object, "name", target->target.name);
	set_text(object, "executable", target->target.executable);
	set_text(object, "build_id", target->target.build_id);
	set_text(object, "container_id", target->target.container);
	set_text(object, "cgroup", target->target.cgroup);
	set_time(object, "started", target->target.started_unix_ns);
	set_time(object, "first_seen", target->first_seen_ns);
	set_time(object, "last_seen", target->last_seen_ns);
	set_time(object, "ended", target->ended_ns);
	set_text(object, "ending", target->ending);
	return object;
}

static json_t *event_to_json(const struct timeline_event *event)
{
	json_t *object = json_object();
	set_time(object, "time", event->unix_ns);
	set_text(object, "kind", timeline_event_names[event->kind]);
	json_object_set_new(object, "target",
			    event->target ? json_integer(event->target) : json_null());
	set_text(object, "text", event->text);
	if (event->kind == EVENT_SNAPSHOT) {
		json_object_set_new(object, "usage_bytes", json_integer(event->usage_bytes));
		json_object_set_new(object, "duration_ns", json_integer(event->duration_ns));
	}
	if (event->kind == EVENT_INCIDENT) {
		json_object_set_new(object, "id", json_integer(event->id));
		set_text(object, "directory", event->directory);
		set_text(object, "cause", event->cause);
	}
	return object;
}

// A metric that was the same all the time is a number, else {"average", "least", "most"}.
static json_t *row_to_json(const struct timeline_row *row)
{
	json_t *object = json_object();
	set_time(object, "time", row->time_s * 1000000000);
	json_object_set_new(object, "seconds", json_integer(row->width_s));
	json_object_set_new(object, "target", json_integer(row->target));
	json_object_set_new(object, "samples", json_integer(row->samples));
	for (int i = 0; i < STORE_METRICS; i++) {
		if (!row->metrics[i].known)
			continue;
		json_object_set_new(object, store_metrics[i].column,
				    row->metrics[i].least == row->metrics[i].most
					    ? json_integer(row->metrics[i].average)
					    : json_pack("{s:I,s:I,s:I}", "average",
							(json_int_t)row->metrics[i].average,
							"least", (json_int_t)row->metrics[i].least,
							"most", (json_int_t)row->metrics[i].most));
	}
	return object;
}

static bool print_row_json(void *context, const struct timeline_row *row)
{
	return print_json(context, row_to_json(row));
}

static bool begin_list(struct stream *stream, const char *text)
{
	stream->first = true;
	stream->failed |= !stream->sink.print(text);
	return !stream->failed;
}

static bool write_head(struct stream *stream)
{
	const struct timeline *timeline = stream->timeline;
	struct strbuf text = {0};
	strbuf_addf(&text, "{\"since\":\"%s\",\"until\":\"%s\",\n\"targets\":[",
		    human_time_rfc3339(timeline->since_ns).text,
		    human_time_rfc3339(timeline->until_ns).text);
	bool ok = begin_list(stream, text.text);
	strbuf_deinit(&text);
	VEC_FOREACH (target, &timeline->targets)
		ok = ok && print_json(stream, target_to_json(target));
	ok = ok && begin_list(stream, "],\n\"events\":[");
	VEC_FOREACH (event, &timeline->events)
		ok = ok && print_json(stream, event_to_json(event));
	return ok && begin_list(stream, "],\n\"samples\":[");
}

static bool not_printed(struct error *error)
{
	return error_set(error, ERROR_LIMIT, "the output was not taken whole");
}

bool timeline_write_json(const struct timeline *timeline, struct timeline_sink sink,
			 struct error *error)
{
	struct stream stream = {.sink = sink, .timeline = timeline};
	if (write_head(&stream) && !timeline_each_row(timeline, print_row_json, &stream, error))
		return false;
	return (!stream.failed && sink.print("]}\n")) || not_printed(error);
}

// ---- CSV ----

static bool write_csv_head(struct timeline_sink sink)
{
	struct strbuf text = {0};
	strbuf_add(&text, "time,seconds,target,pid,name,samples");
	for (int i = 0; i < STORE_METRICS; i++) {
		const char *name = store_metrics[i].column;
		strbuf_addf(&text, ",%s,%s_min,%s_max", name, name, name);
	}
	strbuf_add(&text, "\n");
	bool ok = sink.print(text.text);
	strbuf_deinit(&text);
	return ok;
}

// Quoted, so that no name makes another column; a spreadsheet takes what begins with = for a
// formula, so that gets an apostrophe.
static void add_csv_text(struct strbuf *text, const char *name)
{
	strbuf_add(text, name[0] && strchr("=+-@", name[0]) ? "\"'" : "\"");
	struct strbuf safe = {0};
	strbuf_add_safe(&safe, name);
	for (const char *c = safe.text ? safe.text : ""; *c; c++)
		strbuf_add_bytes(text, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
	strbuf_deinit(&safe);
	strbuf_add(text, "\"");
}

static bool print_row_csv(void *context, const struct timeline_row *row)
{
	struct stream *stream = context;
	const struct timeline_target *target = timeline_find_target(stream->timeline, row->target);
	struct strbuf text = {0};
	strbuf_addf(&text, "%s,%lld,%lld,%d,", human_time_rfc3339(row->time_s * 1000000000).text,
		    (long long)row->width_s, (long long)row->target,
		    target ? target->target.pid : 0);
	add_csv_text(&text, target ? target->target.name : "");
	strbuf_addf(&text, ",%lld", (long long)row->samples);
	for (int i = 0; i < STORE_METRICS; i++) {
		if (row->metrics[i].known)
			strbuf_addf(&text, ",%lld,%lld,%lld", (long long)row->metrics[i].average,
				    (long long)row->metrics[i].least,
				    (long long)row->metrics[i].most);
		else
			strbuf_add(&text, ",,,");
	}
	strbuf_add(&text, "\n");
	stream->failed |= !stream->sink.print(text.text);
	strbuf_deinit(&text);
	return !stream->failed;
}

bool timeline_write_csv(const struct timeline *timeline, struct timeline_sink sink,
			struct error *error)
{
	struct stream stream = {.sink = sink, .timeline = timeline};
	if (!write_csv_head(sink))
		return not_printed(error);
	if (!timeline_each_row(timeline, print_row_csv, &stream, error))
		return false;
	return !stream.failed || not_printed(error);
}
