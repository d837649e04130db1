// SPDX-License-Identifier: Apache-2.0
// In: goroutines, in groups and one by one. Out: JSON, written as it is made. Field names and units
// are an interface: add, never rename.
#include <inttypes.h>
#include <string.h>

#include "goroutine/judge.h"
#include "report/goroutines.h"
#include "report/stream_priv.h"
#include "snapshot/convert.h"

static void add_text(struct strbuf *out, const char *text)
{
	struct strbuf clean = {0};
	if (!text) {
		strbuf_add(out, "null");
		return;
	}
	strbuf_add_safe(&clean, text);
	strbuf_add(out, "\"");
	for (const char *c = clean.text ? clean.text : ""; *c;) {
		size_t plain = strcspn(c, "\"\\");
		strbuf_add_bytes(out, c, plain);
		c += plain;
		if (*c) {
			strbuf_add(out, "\\");
			strbuf_add_bytes(out, c++, 1);
		}
	}
	strbuf_add(out, "\"");
	strbuf_deinit(&clean);
}

static void add_key(struct strbuf *out, const char *key)
{
	strbuf_add(out, out->length && out->text[out->length - 1] == '{' ? "\"" : ",\"");
	strbuf_add(out, key);
	strbuf_add(out, "\":");
}

static void set_text(struct strbuf *out, const char *key, const char *text)
{
	add_key(out, key);
	add_text(out, text);
}

static void set_u64(struct strbuf *out, const char *key, uint64_t value)
{
	char text[32];
	snprintf(text, sizeof text, "%" PRIu64, value);
	add_key(out, key);
	strbuf_add(out, text);
}

// 0 stands for "not known" here and becomes null.
static void set_known(struct strbuf *out, const char *key, uint64_t value)
{
	if (value) {
		set_u64(out, key, value);
		return;
	}
	add_key(out, key);
	strbuf_add(out, "null");
}

static void set_bool(struct strbuf *out, const char *key, bool value)
{
	add_key(out, key);
	strbuf_add(out, value ? "true" : "false");
}

// Frees `value`.
static void set_json(struct strbuf *out, const char *key, json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT);
	add_key(out, key);
	strbuf_add(out, text ? text : "null");
	free(text);
	json_decref(value);
}

static void begin_list(struct strbuf *out, const char *key)
{
	add_key(out, key);
	strbuf_add(out, "[");
}

// Each item of a list is on a line of its own.
static void begin_item(struct strbuf *out, bool first)
{
	strbuf_add(out, first ? "\n{" : ",\n{");
}

static void add_frame_fields(struct strbuf *out, const char *function, const char *file,
			     int64_t line)
{
	set_text(out, "function", function);
	set_text(out, "file", file);
	set_u64(out, "line", line > 0 ? (uint64_t)line : 0);
}

static void set_frame(struct strbuf *out, const char *key, const struct goroutine_frame *frame)
{
	add_key(out, key);
	if (!frame->function[0]) {
		strbuf_add(out, "null");
		return;
	}
	strbuf_add(out, "{");
	add_frame_fields(out, frame->function, frame->file, frame->line);
	strbuf_add(out, "}");
}

static void add_objects(struct strbuf *out, const struct goroutine_group *group)
{
	begin_list(out, "waits_on");
	VEC_FOREACH (object, &group->objects) {
		begin_item(out, object == group->objects.items);
		set_text(out, "object", object->text);
		set_known(out, "address", object->address);
		set_u64(out, "count", object->count);
		strbuf_add(out, "}");
	}
	strbuf_add(out, "]");
	set_u64(out, "waits_on_left_out", group->objects_left_out);
}

static void add_judgement(struct strbuf *out, const struct goroutine_group *group)
{
	struct goroutine_judgement judgement;
	goroutine_judge(group, -1, &judgement);
	set_text(out, "verdict", goroutine_verdict_name(judgement.verdict));
	set_u64(out, "score", (uint64_t)judgement.score);
	set_text(out, "reasons", judgement.reasons[0] ? judgement.reasons : NULL);
}

static void add_group(struct strbuf *out, const struct goroutine_group *group, bool first)
{
	begin_item(out, first);
	set_u64(out, "count", group->count);
	set_text(out, "state", group->state);
	set_text(out, "wait_reason", group->wait_reason);
	set_known(out, "waited_at_least_ns", (uint64_t)group->waited_ns);
	set_known(out, "median_waited_at_least_ns",
		  (uint64_t)goroutine_median_wait(group->waits.items, group->waits.count,
						  group->count));
	set_text(out, "labels", group->labels);
	add_objects(out, group);
	set_u64(out, "unserved", group->unserved);
	add_judgement(out, group);
	set_u64(out, "stack_bytes", group->stack_bytes);
	set_u64(out, "example_id", group->example_id);
	set_bool(out, "system", group->system);
	set_text(out, "no_stack", group->no_stack);
	set_u64(out, "elided_frames", group->elided);
	set_frame(out, "start", &group->start);
	set_frame(out, "created_by", &group->created_by);
	begin_list(out, "frames");
	for (size_t i = 0; i < group->depth; i++) {
		begin_item(out, i == 0);
		add_frame_fields(out, group->frames[i].function, group->frames[i].file,
				 group->frames[i].line);
		strbuf_add(out, "}");
	}
	strbuf_add(out, "]}");
}

// Every frame, also those that the runtime's own dumps hide.
static void add_stack(struct strbuf *out, const struct go_stack *stack)
{
	const struct go_frame *callee = NULL;
	size_t shown = 0;
	begin_item(out, stack->index == 0);
	set_u64(out, "elided_frames", stack->elided);
	set_u64(out, "elided_behind", stack->elided ? UNWIND_INNER : 0);
	begin_list(out, "frames");
	for (size_t i = 0; i < stack->count; i++) {
		const struct go_call *call = stack->calls[i];
		for (size_t j = 0; j < call->frame_count; j++) {
			const struct go_frame *frame = call->frames[j];
			bool is_shown = go_frame_is_shown(frame, !shown, callee);
			begin_item(out, !callee);
			add_frame_fields(out, frame->function, frame->file, frame->line);
			set_u64(out, "pc", frame->pc);
			set_bool(out, "inlined", frame->inlined);
			set_bool(out, "hidden", !is_shown);
			strbuf_add(out, "}");
			shown += is_shown;
			callee = frame;
		}
	}
	strbuf_add(out, "]}");
}

static void set_call(struct strbuf *out, const char *key, const struct go_call *call)
{
	struct goroutine_frame frame = {"", "", 0};
	if (call && call->valid)
		frame = (struct goroutine_frame){call->function.name, call->frames[0]->file,
						 call->frames[0]->line};
	set_frame(out, key, &frame);
}

static void set_labels(struct strbuf *out, const struct go_labels *labels)
{
	add_key(out, "labels");
	strbuf_add(out, "{");
	for (size_t i = 0; labels && i < labels->count; i++) {
		strbuf_add(out, i ? "," : "");
		add_text(out, labels->list[i].key);
		strbuf_add(out, ":");
		add_text(out, labels->list[i].value);
	}
	strbuf_add(out, "}");
}

static void add_goroutine(struct strbuf *out, const struct go_goroutines *goroutines,
			  const struct go_goroutine *goroutine, bool first)
{
	begin_item(out, first);
	set_u64(out, "id", goroutine->id);
	set_known(out, "parent_id", goroutine->parent_id);
	set_text(out, "state", go_status_name(goroutine->status));
	set_text(out, "wait_reason", goroutine->wait_reason);
	set_known(out, "waited_at_least_ns",
		  (uint64_t)go_goroutine_waited_ns(goroutines, goroutine));
	set_bool(out, "system", goroutine->system);
	set_call(out, "start", goroutine->start);
	set_call(out, "created_by", goroutine->creation);
	add_key(out, "stack"); // index into "stacks"
	strbuf_addf(out, goroutine->stack ? "%zu" : "null",
		    goroutine->stack ? goroutine->stack->index : 0);
	set_text(out, "no_stack", convert_stack_state(goroutine->stack_state));
	set_u64(out, "stack_low", goroutine->stack_low);
	set_u64(out, "stack_bytes", go_goroutine_stack_bytes(goroutine));
	set_known(out, "thread_id", goroutine->thread_id);
	set_bool(out, "locked_to_thread", goroutine->is_locked);
	set_known(out, "locked_thread_id", goroutine->locked_thread_id);
	set_known(out, "synctest_bubble", goroutine->bubble_id);
	set_labels(out, goroutine->labels);
	strbuf_add(out, "}");
}

static void add_head(struct strbuf *out, const struct goroutine_report *report)
{
	const struct snapshot *snapshot = report->snapshot;
	const struct goroutine_set *set = report->set;
	json_t *states = json_object();
	VEC_FOREACH (state, &set->states)
		json_object_set_new(states, state->state, json_integer((json_int_t)state->count));
	strbuf_add(out, "{");
	set_u64(out, "count", set->user);
	set_u64(out, "runtime_own", set->total - set->user);
	set_known(out, "stack_bytes", set->knows_stack_bytes ? set->stack_bytes : 0);
	set_json(out, "states", states);
	set_text(out, "source", report->source);
	if (snapshot) {
		set_json(out, "identity", report_identity_to_json(&snapshot->identity));
		set_json(out, "evidence", report_quality_to_json(&snapshot->quality));
		return;
	}
	set_u64(out, "dumps", report->dumps);
	set_u64(out, "left_out", report->left_out);
	set_bool(out, "cut", report->cut);
}

static void add_rows(struct strbuf *out, const struct goroutine_set *set, enum goroutine_by by)
{
	struct goroutine_view view;
	struct strbuf title = {0};
	goroutine_view_make(set, by, &view);
	set_text(out, "by", goroutine_by_name(by));
	begin_list(out, "rows");
	VEC_FOREACH (row, &view.rows) {
		strbuf_clear(&title);
		goroutine_row_title(&view, row, &title);
		begin_item(out, row == view.rows.items);
		set_text(out, "title", title.text);
		set_u64(out, "count", row->count);
		set_known(out, "stack_bytes", row->stack_bytes);
		set_known(out, "waited_at_least_ns",
			  row->waits.count ? (uint64_t)row->waits.items[row->waits.count - 1] : 0);
		set_known(out, "median_waited_at_least_ns",
			  (uint64_t)goroutine_median_wait(row->waits.items, row->waits.count,
							  row->count));
		strbuf_add(out, "}");
	}
	strbuf_add(out, "]");
	strbuf_deinit(&title);
	goroutine_view_deinit(&view);
}

static void add_each(struct stream *stream, const struct go_goroutines *goroutines)
{
	struct strbuf *out = &stream->text;
	begin_list(out, "stacks");
	VEC_FOREACH (stack, &goroutines->stacks.list) {
		add_stack(out, *stack);
		stream_step(stream);
	}
	strbuf_add(out, "]");
	begin_list(out, "goroutines");
	VEC_FOREACH (goroutine, &goroutines->list) {
		add_goroutine(out, goroutines, goroutine, goroutine == goroutines->list.items);
		stream_step(stream);
	}
	strbuf_add(out, "]");
}

bool report_write_goroutines_json(const struct goroutine_report *report, enum goroutine_by by,
				  int fd, const char *path, struct error *error)
{
	struct stream stream = {.fd = fd, .path = path, .error = error};
	struct strbuf *out = &stream.text;
	add_head(out, report);
	begin_list(out, "groups");
	VEC_FOREACH (group, &report->set->groups) {
		add_group(out, group, group == report->set->groups.items);
		stream_step(&stream);
	}
	strbuf_add(out, "]");
	add_rows(out, report->set, by);
	if (report->snapshot)
		add_each(&stream, &report->snapshot->each_goroutine);
	strbuf_add(out, "}\n");
	return stream_end(&stream);
}
