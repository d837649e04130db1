// SPDX-License-Identifier: Apache-2.0
// In: when each number began to grow. Out: JSON; and the way back.
#include "report/course.h"

#include <string.h>

#include "report/json_build.h"
#include "report/json_read.h"

static json_t *onset_to_json(enum course_metric metric, const struct onset *onset)
{
	json_t *object = json_object();
	set_text(object, "what", course_metric_name(metric));
	json_object_set_new(object, "grew", json_boolean(onset->grew));
	set_int(object, "before", onset->before);
	set_int(object, "now", onset->now);
	if (!onset->grew)
		return object;
	json_object_set_new(object, "from_start", json_boolean(onset->from_start));
	set_time(object, "began", onset->unix_ns);
	set_int(object, "began_unix_ns", onset->unix_ns);
	set_int(object, "give_ns", onset->give_ns);
	set_known(object, "memory_bytes", onset->memory_bytes);
	return object;
}

json_t *course_to_json(const struct onsets *onsets)
{
	json_t *object = json_object(), *numbers = json_array(), *marks = json_array();
	set_int(object, "from_unix_ns", onsets->from_ns);
	set_int(object, "to_unix_ns", onsets->to_ns);
	for (enum course_metric i = 0; i < COURSE_METRICS; i++)
		if (onsets->metrics[i].known)
			json_array_append_new(numbers, onset_to_json(i, &onsets->metrics[i]));
	for (int i = 0; i < onsets->mark_count; i++) {
		json_t *mark = json_object();
		set_time(mark, "time", onsets->marks[i].unix_ns);
		set_int(mark, "unix_ns", onsets->marks[i].unix_ns);
		set_text(mark, "kind", onsets->marks[i].kind);
		set_text(mark, "text", onsets->marks[i].text);
		json_array_append_new(marks, mark);
	}
	json_object_set_new(object, "numbers", numbers);
	json_object_set_new(object, "marks", marks);
	return object;
}

// ---- back ----

static int64_t amount_of(const json_t *object, const char *key)
{
	int64_t value = int_of(object, key);
	return value < 0 ? -1 : value;
}

static void onset_of_json(const json_t *object, struct onsets *onsets)
{
	for (enum course_metric i = 0; i < COURSE_METRICS; i++) {
		if (strcmp(text_of(object, "what"), course_metric_name(i)) != 0)
			continue;
		onsets->metrics[i] = (struct onset){
			.known = true,
			.grew = json_is_true(json_object_get(object, "grew")),
			.from_start = json_is_true(json_object_get(object, "from_start")),
			.unix_ns = amount_of(object, "began_unix_ns"),
			.give_ns = amount_of(object, "give_ns"),
			.before = amount_of(object, "before"),
			.now = amount_of(object, "now"),
			.memory_bytes = known_of(object, "memory_bytes"),
		};
		struct onset *onset = &onsets->metrics[i];
		onset->grew &= onset->unix_ns >= onsets->from_ns &&
			       onset->unix_ns <= onsets->to_ns && onset->give_ns >= 0 &&
			       onset->give_ns <= onsets->to_ns - onsets->from_ns;
	}
}

void course_of_json(const json_t *object, struct onsets *out)
{
	struct onsets onsets = {.from_ns = amount_of(object, "from_unix_ns"),
				.to_ns = amount_of(object, "to_unix_ns")};
	const json_t *numbers = json_object_get(object, "numbers"),
		     *marks = json_object_get(object, "marks");
	*out = (struct onsets){0};
	if (onsets.from_ns <= 0 || onsets.to_ns < onsets.from_ns)
		return;
	for (size_t i = 0; i < json_array_size(numbers) && i < COURSE_METRICS; i++)
		onset_of_json(json_array_get(numbers, i), &onsets);
	for (size_t i = 0; i < json_array_size(marks) && i < COURSE_MARKS_MAX; i++) {
		const json_t *item = json_array_get(marks, i);
		course_mark_set(&onsets.marks[onsets.mark_count++], amount_of(item, "unix_ns"),
				text_of(item, "kind"), text_of(item, "text"));
	}
	*out = onsets;
}
