// SPDX-License-Identifier: Apache-2.0
// In: a profile and one of its sample types. Out: its functions by what they hold. Counting and
// order follow newGraph and Nodes.Sort of google/pprof, internal/graph/graph.go.
#include "profile/top.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/profile.h"
#include "profile/profile_sums.h"

struct tally {
	int64_t flat, cum;
	uint32_t seen; // the last sample that counted here, plus one
};

struct counter {
	struct location_frames locations;
	struct tally *frames, *rows; // by frame and by row
	uint32_t *row_of_frame;
};

static void counter_deinit(struct counter *counter)
{
	location_frames_deinit(&counter->locations);
	free(counter->frames);
	free(counter->rows);
	free(counter->row_of_frame);
}

// One row for each function name.
static void make_rows(struct profile_top *top, struct counter *counter)
{
	struct map row_of_name = {0};
	for (size_t i = 0; i < top->table.frames.count; i++) {
		const char *name = top->table.frames.items[i]->function;
		bool is_new;
		uint64_t *row = map_put(&row_of_name, (uintptr_t)name, top->rows.count, &is_new);
		counter->row_of_frame[i] = (uint32_t)*row;
		if (is_new)
			vec_push(&top->rows, {.function = name, .file = ""});
	}
	map_deinit(&row_of_name);
}

static bool prepare(struct profile_top *top, const struct profile *profile, struct counter *counter,
		    struct error *error)
{
	if (!stack_table_add_frames(&top->table, profile, &counter->locations, error))
		return false;
	size_t count = top->table.frames.count;
	counter->frames = alloc_try_array(count + 1, sizeof *counter->frames);
	counter->rows = alloc_try_array(count + 1, sizeof *counter->rows);
	counter->row_of_frame = alloc_try_array(count + 1, sizeof *counter->row_of_frame);
	if (!counter->frames || !counter->rows || !counter->row_of_frame)
		return error_set(error, ERROR_LIMIT, "profile: no memory to count %zu frames",
				 count);
	make_rows(top, counter);
	return true;
}

static void add_cum(struct tally *tally, uint32_t sample, int64_t value)
{
	if (tally->seen == sample + 1)
		return;
	tally->seen = sample + 1;
	tally->cum = add_saturated(tally->cum, value);
}

static void add_flat(struct tally *tally, int64_t value)
{
	tally->flat = add_saturated(tally->flat, value);
}

static void count_sample(struct counter *counter, const struct profile_sample *sample,
			 uint32_t number, int64_t value)
{
	const struct location_frames *locations = &counter->locations;
	for (uint32_t i = 0; i < sample->location_count; i++) {
		uint32_t location = sample->locations[i];
		uint32_t end = locations->starts[location + 1];
		for (uint32_t j = locations->starts[location]; j < end; j++) {
			uint32_t frame = locations->frames.items[j];
			add_cum(&counter->frames[frame], number, value);
			add_cum(&counter->rows[counter->row_of_frame[frame]], number, value);
		}
	}
	if (!sample->location_count)
		return;
	uint32_t leaf = locations->frames.items[locations->starts[sample->locations[0]]];
	add_flat(&counter->frames[leaf], value);
	add_flat(&counter->rows[counter->row_of_frame[leaf]], value);
}

static void count_samples(const struct profile *profile, uint32_t sample_type,
			  struct counter *counter)
{
	for (uint32_t i = 0; i < profile->samples.count; i++) {
		const struct profile_sample *sample = &profile->samples.items[i];
		int64_t value = sample->values[sample_type];
		if (value)
			count_sample(counter, sample, i, value);
	}
}

static bool is_larger(const struct tally *left, const struct tally *right)
{
	int order = compare_magnitudes(left->flat, right->flat);
	return order ? order < 0 : compare_magnitudes(left->cum, right->cum) < 0;
}

// The line of each row. `counter->rows` has been read by now and holds the best line's tally.
static void choose_lines(struct profile_top *top, struct counter *counter)
{
	for (size_t i = 0; i < top->rows.count; i++)
		counter->rows[i] = (struct tally){0};
	for (size_t i = 0; i < top->table.frames.count; i++) {
		uint32_t row = counter->row_of_frame[i];
		if (!is_larger(&counter->frames[i], &counter->rows[row]))
			continue;
		counter->rows[row] = counter->frames[i];
		top->rows.items[row].file = top->table.frames.items[i]->file;
		top->rows.items[row].line = top->table.frames.items[i]->line;
	}
}

static void fill_rows(struct profile_top *top, struct counter *counter)
{
	for (size_t i = 0; i < top->rows.count; i++) {
		top->rows.items[i].flat = counter->rows[i].flat;
		top->rows.items[i].cum = counter->rows[i].cum;
	}
	choose_lines(top, counter);
	size_t kept = 0;
	for (size_t i = 0; i < top->rows.count; i++)
		if (top->rows.items[i].flat || top->rows.items[i].cum)
			top->rows.items[kept++] = top->rows.items[i];
	top->rows.count = kept;
}

static int compare_flat(const void *left, const void *right)
{
	const struct profile_top_row *a = left, *b = right;
	int order = compare_magnitudes(a->flat, b->flat);
	return order ? order : strcmp(a->function, b->function);
}

static int compare_cum(const void *left, const void *right)
{
	const struct profile_top_row *a = left, *b = right;
	int order = compare_magnitudes(a->cum, b->cum);
	return order ? order : strcmp(a->function, b->function);
}

void profile_top_sort(struct profile_top *top, enum profile_top_order order)
{
	if (top->rows.count)
		qsort(top->rows.items, top->rows.count, sizeof *top->rows.items,
		      order == PROFILE_TOP_CUM ? compare_cum : compare_flat);
}

bool profile_top_new(const struct profile *profile, uint32_t sample_type,
		     enum profile_top_order order, struct profile_top **top, struct error *error)
{
	_cleanup_(counter_deinit) struct counter counter = {0};
	if (!profile_check_sample_type(profile, sample_type, error))
		return false;
	_cleanup_(profile_top_freep) struct profile_top *made = alloc_zero(sizeof *made);
	stack_table_init(&made->table);
	if (!prepare(made, profile, &counter, error))
		return false;
	count_samples(profile, sample_type, &counter);
	made->total = profile_total(profile, sample_type);
	fill_rows(made, &counter);
	profile_top_sort(made, order);
	*top = take_ptr(made);
	return true;
}

void profile_top_free(struct profile_top *top)
{
	if (!top)
		return;
	vec_deinit(&top->rows);
	stack_table_deinit(&top->table);
	free(top);
}
