// SPDX-License-Identifier: Apache-2.0
// In: a profile. Out: its stacks, the largest first.
#include "report/profile.h"

#include <inttypes.h>
#include <string.h>

#include "base/units.h"
#include "profile/top.h"

enum { FRAMES_SHOWN = 12 };

static struct human human_value(int64_t value, const char *unit)
{
	if (strcmp(unit, "bytes") == 0)
		return human_bytes(value);
	return strcmp(unit, "nanoseconds") == 0 ? human_duration(value) : human_count(value);
}

static void write_frames(const struct profile_stack *stack, struct strbuf *out)
{
	for (uint32_t i = 0; i < stack->count && i < FRAMES_SHOWN; i++) {
		const struct profile_frame *frame = stack->frames[i];
		strbuf_add(out, "      ");
		strbuf_add_safe(out, frame->function);
		strbuf_add(out, "  ");
		strbuf_add_safe(out, frame->file);
		strbuf_addf(out, ":%" PRId64 "\n", frame->line);
	}
	if (stack->count > FRAMES_SHOWN)
		strbuf_addf(out, _("      ... %u more frames\n"), stack->count - FRAMES_SHOWN);
}

// "  3.1 s delay, 61%; 20 contentions"
static void write_row(const struct profile *profile, const struct profile_top_stacks *stacks,
		      const struct profile_stack_row *row, uint32_t sample_type, struct strbuf *out)
{
	const struct profile_value_type *type = &profile->sample_types.items[sample_type];
	double share = stacks->total ? (double)row->value / (double)stacks->total : 0;
	strbuf_addf(out, "  %s %s, %s", human_value(row->value, type->unit).text, type->type,
		    human_percent(share).text);
	for (uint32_t i = 0; i < profile->sample_types.count; i++) {
		type = &profile->sample_types.items[i];
		if (i != sample_type)
			strbuf_addf(out, "; %s %s", human_value(row->values[i], type->unit).text,
				    type->type);
	}
	strbuf_add(out, "\n");
	write_frames(&row->stack, out);
}

void report_write_profile(const struct profile *profile, uint32_t sample_type, int rows,
			  struct strbuf *out)
{
	struct profile_top_stacks *stacks = NULL;
	const struct profile_value_type *type = &profile->sample_types.items[sample_type];
	if (!profile_top_stacks_new(profile, sample_type, &stacks, NULL))
		return;
	strbuf_addf(out, _("%s %s in %zu stacks\n"), human_value(stacks->total, type->unit).text,
		    type->type, stacks->rows.count);
	for (size_t i = 0; i < stacks->rows.count && i < (size_t)rows; i++)
		write_row(profile, stacks, &stacks->rows.items[i], sample_type, out);
	if (stacks->rows.count > (size_t)rows)
		strbuf_addf(out, _("%zu more stacks: --rows %zu shows them\n"),
			    stacks->rows.count - (size_t)rows, stacks->rows.count);
	profile_top_stacks_free(stacks);
}

static json_t *stack_to_json(const struct profile_stack *stack)
{
	json_t *array = json_array();
	for (uint32_t i = 0; i < stack->count; i++) {
		const struct profile_frame *frame = stack->frames[i];
		json_t *item = json_object();
		json_object_set_new(item, "function", report_text_to_json(frame->function));
		json_object_set_new(item, "file", report_text_to_json(frame->file));
		json_object_set_new(item, "line", json_integer(frame->line));
		json_array_append_new(array, item);
	}
	return array;
}

static json_t *row_to_json(const struct profile *profile, const struct profile_stack_row *row)
{
	json_t *object = json_object(), *values = json_object();
	for (uint32_t i = 0; i < profile->sample_types.count; i++)
		json_object_set_new(values, profile->sample_types.items[i].type,
				    json_integer(row->values[i]));
	json_object_set_new(object, "values", values);
	json_object_set_new(object, "stack", stack_to_json(&row->stack));
	return object;
}

json_t *report_profile_to_json(const struct profile *profile, const char *kind,
			       uint32_t sample_type)
{
	json_t *object = json_object(), *units = json_object(), *rows = json_array();
	struct profile_top_stacks *stacks = NULL;
	VEC_FOREACH (type, &profile->sample_types)
		json_object_set_new(units, type->type, json_string(type->unit));
	json_object_set_new(object, "kind", json_string(kind));
	json_object_set_new(object, "units", units);
	json_object_set_new(object, "by",
			    json_string(profile->sample_types.items[sample_type].type));
	if (profile_top_stacks_new(profile, sample_type, &stacks, NULL))
		VEC_FOREACH (row, &stacks->rows)
			json_array_append_new(rows, row_to_json(profile, row));
	profile_top_stacks_free(stacks);
	json_object_set_new(object, "stacks", rows);
	return object;
}
