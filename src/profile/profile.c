// SPDX-License-Identifier: Apache-2.0
// In: sample types, mappings, functions, locations and samples. Out: a profile that holds its
// invariants.
#include "profile/profile.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "profile/profile_priv.h"

struct profile *profile_new(void)
{
	struct profile *profile = alloc_zero(sizeof *profile);
	profile->arena.limit_bytes = PROFILE_MAX_ARENA_BYTES;
	string_table_init(&profile->strings);
	const char *empty = profile->strings.texts.items[0];
	profile->default_sample_type = profile->drop_frames = empty;
	profile->keep_frames = profile->doc_url = empty;
	profile->period_type = (struct profile_value_type){empty, empty};
	return profile;
}

void profile_free(struct profile *profile)
{
	if (!profile)
		return;
	vec_deinit(&profile->sample_types);
	vec_deinit(&profile->mappings);
	vec_deinit(&profile->functions);
	vec_deinit(&profile->locations);
	vec_deinit(&profile->samples);
	vec_deinit(&profile->comments);
	map_deinit(&profile->mapping_map);
	map_deinit(&profile->function_map);
	map_deinit(&profile->location_map);
	string_table_deinit(&profile->strings);
	arena_deinit(&profile->arena);
	free(profile);
}

static bool check_count(size_t count, size_t maximum, const char *what, struct error *error)
{
	return count <= maximum ||
	       error_set(error, ERROR_LIMIT, "profile: more than %zu %s", maximum, what);
}

static bool arena_full(struct error *error)
{
	return error_set(error, ERROR_LIMIT, "profile: larger than %zu bytes of memory",
			 PROFILE_MAX_ARENA_BYTES);
}

bool profile_intern(struct profile *profile, const char *text, size_t length, const char **interned,
		    struct error *error)
{
	if (text && strnlen(text, length) > PROFILE_MAX_STRING_BYTES)
		return error_set(error, ERROR_LIMIT, "profile: a text longer than %d bytes",
				 PROFILE_MAX_STRING_BYTES);
	if (!check_count(profile->strings.texts.count + 1, PROFILE_MAX_STRINGS, "texts", error))
		return false;
	const char *added = string_table_add(&profile->strings, &profile->arena, text ? text : "",
					     text ? length : 0);
	if (!added)
		return arena_full(error);
	*interned = added;
	return true;
}

static bool intern_text(struct profile *profile, const char *text, const char **interned,
			struct error *error)
{
	return profile_intern(profile, text, SIZE_MAX, interned, error);
}

static bool intern_value_type(struct profile *profile, const char *type, const char *unit,
			      struct profile_value_type *value_type, struct error *error)
{
	struct profile_value_type interned;
	if (!intern_text(profile, type, &interned.type, error) ||
	    !intern_text(profile, unit, &interned.unit, error))
		return false;
	*value_type = interned;
	return true;
}

bool profile_add_sample_type(struct profile *profile, const char *type, const char *unit,
			     struct error *error)
{
	struct profile_value_type value_type;
	if (profile->samples.count)
		return error_set(error, ERROR_USAGE, "profile: sample type %s after the samples",
				 type);
	if (!check_count(profile->sample_types.count + 1, PROFILE_MAX_SAMPLE_TYPES, "sample types",
			 error) ||
	    !intern_value_type(profile, type, unit, &value_type, error))
		return false;
	vec_push(&profile->sample_types, value_type);
	return true;
}

bool profile_set_default_sample_type(struct profile *profile, const char *type, struct error *error)
{
	return intern_text(profile, type, &profile->default_sample_type, error);
}

bool profile_set_period(struct profile *profile, const char *type, const char *unit, int64_t period,
			struct error *error)
{
	if (!intern_value_type(profile, type, unit, &profile->period_type, error))
		return false;
	profile->period = period;
	return true;
}

bool profile_add_comment(struct profile *profile, const char *text, struct error *error)
{
	const char *interned;
	if (!check_count(profile->comments.count + 1, PROFILE_MAX_COMMENTS, "comments", error) ||
	    !intern_text(profile, text, &interned, error))
		return false;
	vec_push(&profile->comments, interned);
	return true;
}

static bool mapping_equal(const void *items, uint32_t index, const void *wanted)
{
	const struct profile_mapping *a = (const struct profile_mapping *)items + index;
	const struct profile_mapping *b = wanted;
	return a->start == b->start && a->limit == b->limit && a->offset == b->offset &&
	       a->file == b->file && a->build_id == b->build_id &&
	       a->has_functions == b->has_functions && a->has_filenames == b->has_filenames &&
	       a->has_line_numbers == b->has_line_numbers &&
	       a->has_inline_frames == b->has_inline_frames;
}

bool profile_put_mapping(struct profile *profile, const struct profile_mapping *mapping,
			 uint32_t *index, struct error *error)
{
	uint64_t key = hash_mix(profile->strings.seed, mapping->start);
	key = hash_mix(hash_mix(key, mapping->limit), mapping->offset);
	key = hash_mix(hash_mix(key, (uintptr_t)mapping->file), (uintptr_t)mapping->build_id);
	uint32_t known = intern_find(&profile->mapping_map, &key, mapping_equal,
				     profile->mappings.items, mapping);
	if (known == INTERN_NONE) {
		known = (uint32_t)profile->mappings.count;
		if (!check_count((size_t)known + 1, PROFILE_MAX_MAPPINGS, "mappings", error))
			return false;
		vec_push(&profile->mappings, *mapping);
		map_put(&profile->mapping_map, key, known, NULL);
	}
	*index = known;
	return true;
}

bool profile_add_mapping(struct profile *profile, const struct profile_mapping *mapping,
			 uint32_t *index, struct error *error)
{
	struct profile_mapping own = *mapping;
	return intern_text(profile, mapping->file, &own.file, error) &&
	       intern_text(profile, mapping->build_id, &own.build_id, error) &&
	       profile_put_mapping(profile, &own, index, error);
}

static bool function_equal(const void *items, uint32_t index, const void *wanted)
{
	const struct profile_function *a = (const struct profile_function *)items + index;
	const struct profile_function *b = wanted;
	return a->name == b->name && a->system_name == b->system_name && a->file == b->file &&
	       a->start_line == b->start_line;
}

bool profile_put_function(struct profile *profile, const struct profile_function *function,
			  uint32_t *index, struct error *error)
{
	uint64_t key = hash_mix(profile->strings.seed, (uintptr_t)function->name);
	key = hash_mix(hash_mix(key, (uintptr_t)function->system_name), (uintptr_t)function->file);
	key = hash_mix(key, (uint64_t)function->start_line);
	uint32_t known = intern_find(&profile->function_map, &key, function_equal,
				     profile->functions.items, function);
	if (known == INTERN_NONE) {
		known = (uint32_t)profile->functions.count;
		if (!check_count((size_t)known + 1, PROFILE_MAX_FUNCTIONS, "functions", error))
			return false;
		vec_push(&profile->functions, *function);
		map_put(&profile->function_map, key, known, NULL);
	}
	*index = known;
	return true;
}

bool profile_add_function(struct profile *profile, const char *name, const char *file,
			  int64_t start_line, uint32_t *index, struct error *error)
{
	struct profile_function function = {.start_line = start_line};
	if (!intern_text(profile, name, &function.name, error) ||
	    !intern_text(profile, file, &function.file, error))
		return false;
	function.system_name = function.name;
	return profile_put_function(profile, &function, index, error);
}

static bool location_equal(const void *items, uint32_t index, const void *wanted)
{
	const struct profile_location *a = (const struct profile_location *)items + index;
	const struct profile_location *b = wanted;
	if (a->address != b->address || a->mapping != b->mapping ||
	    a->line_count != b->line_count || a->is_folded != b->is_folded)
		return false;
	for (uint32_t i = 0; i < a->line_count; i++)
		if (a->lines[i].function != b->lines[i].function ||
		    a->lines[i].line != b->lines[i].line ||
		    a->lines[i].column != b->lines[i].column)
			return false;
	return true;
}

static uint64_t location_hash(const struct profile *profile,
			      const struct profile_location *location)
{
	uint64_t hash = hash_mix(profile->strings.seed, location->address);
	hash = hash_mix(hash, location->mapping);
	for (uint32_t i = 0; i < location->line_count; i++) {
		hash = hash_mix(hash, location->lines[i].function);
		hash = hash_mix(hash, (uint64_t)location->lines[i].line);
	}
	return hash;
}

static bool check_location(const struct profile *profile, const struct profile_location *location,
			   struct error *error)
{
	if (location->mapping != PROFILE_NONE && location->mapping >= profile->mappings.count)
		return error_set(error, ERROR_USAGE, "profile: no mapping %u", location->mapping);
	for (uint32_t i = 0; i < location->line_count; i++)
		if (location->lines[i].function >= profile->functions.count)
			return error_set(error, ERROR_USAGE, "profile: no function %u",
					 location->lines[i].function);
	return true;
}

// A copy in the arena; `count` may be 0. NULL when the arena is full.
static const void *keep(struct profile *profile, const void *items, size_t count, size_t size)
{
	void *copy = arena_array(&profile->arena, count, size);
	if (copy && count)
		memcpy(copy, items, count * size);
	return copy;
}

static bool append_location(struct profile *profile, const struct profile_location *location,
			    struct error *error)
{
	struct profile_location own = *location;
	if (!check_location(profile, location, error) ||
	    !check_count(profile->locations.count + 1, PROFILE_MAX_LOCATIONS, "locations", error))
		return false;
	own.lines = keep(profile, location->lines, location->line_count, sizeof *own.lines);
	if (!own.lines)
		return arena_full(error);
	vec_push(&profile->locations, own);
	return true;
}

bool profile_put_location(struct profile *profile, const struct profile_location *location,
			  uint32_t *index, struct error *error)
{
	if (!check_count(location->line_count, PROFILE_MAX_INLINE_DEPTH, "lines of a location",
			 error))
		return false;
	uint64_t key = location_hash(profile, location);
	uint32_t known = intern_find(&profile->location_map, &key, location_equal,
				     profile->locations.items, location);
	if (known == INTERN_NONE) {
		known = (uint32_t)profile->locations.count;
		if (!append_location(profile, location, error))
			return false;
		map_put(&profile->location_map, key, known, NULL);
	}
	*index = known;
	return true;
}

bool profile_add_location(struct profile *profile, uint32_t mapping, uint64_t address,
			  const struct profile_line *lines, uint32_t line_count, uint32_t *index,
			  struct error *error)
{
	struct profile_location location = {
		.address = address,
		.mapping = mapping,
		.lines = lines,
		.line_count = line_count,
	};
	return profile_put_location(profile, &location, index, error);
}

// Also counts its frames; a location without lines is one.
static bool check_stack(const struct profile *profile, const struct profile_sample *sample,
			size_t *frame_count, struct error *error)
{
	size_t count = 0;
	for (uint32_t i = 0; i < sample->location_count && count <= PROFILE_MAX_DEPTH; i++) {
		uint32_t location = sample->locations[i];
		if (location >= profile->locations.count)
			return error_set(error, ERROR_USAGE, "profile: no location %u", location);
		uint32_t lines = profile->locations.items[location].line_count;
		count += lines ? lines : 1;
	}
	*frame_count = count;
	return check_count(count, PROFILE_MAX_DEPTH, "frames of a sample", error) &&
	       check_count(profile->frame_count + count, PROFILE_MAX_FRAMES,
			   "frames of all samples", error);
}

static bool check_sample(const struct profile *profile, const struct profile_sample *sample,
			 size_t *frame_count, struct error *error)
{
	if (!profile->sample_types.count)
		return error_set(error, ERROR_USAGE, "profile: a sample before any sample type");
	return check_count(profile->samples.count + 1, PROFILE_MAX_SAMPLES, "samples", error) &&
	       check_count(sample->label_count, PROFILE_MAX_LABELS, "labels of a sample", error) &&
	       check_stack(profile, sample, frame_count, error);
}

bool profile_put_sample(struct profile *profile, const struct profile_sample *sample,
			struct error *error)
{
	struct profile_sample own = *sample;
	size_t frame_count = 0;
	if (!check_sample(profile, sample, &frame_count, error))
		return false;
	own.locations =
		keep(profile, sample->locations, sample->location_count, sizeof *own.locations);
	own.values = keep(profile, sample->values, profile->sample_types.count, sizeof *own.values);
	own.labels = keep(profile, sample->labels, sample->label_count, sizeof *own.labels);
	if (!own.locations || !own.values || !own.labels)
		return arena_full(error);
	vec_push(&profile->samples, own);
	profile->frame_count += frame_count;
	return true;
}

static bool intern_label(struct profile *profile, struct profile_label *label, struct error *error)
{
	return intern_text(profile, label->key, &label->key, error) &&
	       intern_text(profile, label->unit, &label->unit, error) &&
	       (!label->text || intern_text(profile, label->text, &label->text, error));
}

bool profile_add_sample(struct profile *profile, const uint32_t *locations, uint32_t location_count,
			const int64_t *values, const struct profile_label *labels,
			uint32_t label_count, struct error *error)
{
	struct profile_label own[PROFILE_MAX_NEW_LABELS];
	struct profile_sample sample = {
		.locations = locations,
		.values = values,
		.labels = own,
		.location_count = location_count,
		.label_count = label_count,
	};
	if (!check_count(label_count, PROFILE_MAX_NEW_LABELS, "labels of a new sample", error))
		return false;
	for (uint32_t i = 0; i < label_count; i++) {
		own[i] = labels[i];
		if (!intern_label(profile, &own[i], error))
			return false;
	}
	return profile_put_sample(profile, &sample, error);
}

uint32_t profile_find_sample_type(const struct profile *profile, const char *type)
{
	for (uint32_t i = 0; i < profile->sample_types.count; i++)
		if (!strcmp(profile->sample_types.items[i].type, type))
			return i;
	return PROFILE_NONE;
}

uint32_t profile_get_default_sample_type(const struct profile *profile)
{
	uint32_t found = profile_find_sample_type(profile, profile->default_sample_type);
	return found != PROFILE_NONE ? found : (uint32_t)profile->sample_types.count - 1;
}

char *profile_format_sample_types(const struct profile *profile)
{
	struct strbuf text = {0};
	strbuf_add(&text, "");
	for (size_t i = 0; i < profile->sample_types.count; i++) {
		strbuf_add(&text, i ? ", " : "");
		strbuf_add_safe(&text, profile->sample_types.items[i].type);
	}
	return text.text;
}
