// SPDX-License-Identifier: Apache-2.0
// In: groups of goroutines. Out: the largest as JSON, each with one stack. `whyoom goroutines
// --json` has all of them.
#include "report/goroutine_groups.h"

#include "report/instant.h"
#include "report/json_build.h"
#include "report/owner.h"

enum { GROUPS_MAX = INSTANT_GROUPS_MAX, FRAMES_MAX = INSTANT_FRAMES_MAX };

static json_t *frame_to_json(const struct snapshot_identity *identity,
			     const struct goroutine_frame *frame)
{
	if (!frame->function || !frame->function[0])
		return json_null();
	json_t *object = json_object();
	set_text(object, "function", frame->function);
	set_text(object, "file", frame->file);
	set_int(object, "line", frame->line);
	set_text(object, "owner", owner_name(identity, frame->function));
	return object;
}

static json_t *group_to_json(const struct snapshot_identity *identity,
			     const struct goroutine_group *group)
{
	json_t *object = json_object(), *frames = json_array();
	set_int(object, "count", (int64_t)group->count);
	set_text(object, "state", group->state);
	json_object_set_new(object, "wait_reason",
			    group->wait_reason ? report_text_to_json(group->wait_reason)
					       : json_null());
	set_int(object, "waited_ns", group->waited_ns);
	set_known(object, "waited_at_least_ns", group->waited_ns ? group->waited_ns : -1);
	set_int(object, "stack_bytes", (int64_t)group->stack_bytes);
	set_int(object, "example_id", (int64_t)group->example_id);
	json_object_set_new(object, "system", json_boolean(group->system));
	set_text(object, "no_stack", group->no_stack);
	json_object_set_new(object, "created_by", frame_to_json(identity, &group->created_by));
	json_object_set_new(object, "start", frame_to_json(identity, &group->start));
	for (size_t i = 0; i < group->depth && i < FRAMES_MAX; i++)
		json_array_append_new(frames, frame_to_json(identity, &group->frames[i]));
	json_object_set_new(object, "frames", frames);
	set_int(object, "more_frames",
		(int64_t)group->elided +
			(group->depth > FRAMES_MAX ? (int64_t)group->depth - FRAMES_MAX : 0));
	return object;
}

json_t *goroutine_groups_to_json(const struct snapshot_identity *identity,
				 const struct goroutine_set *set)
{
	json_t *array = json_array();
	VEC_FOREACH (group, &set->groups)
		if (json_array_size(array) < GROUPS_MAX)
			json_array_append_new(array, group_to_json(identity, group));
	return array;
}
