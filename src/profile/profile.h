// SPDX-License-Identifier: Apache-2.0
/*
 * A profile: samples, each a stack and one value for every sample type. The same model whether it
 * came from a live heap, a core file or a pprof file; its terms are those of google/pprof's
 * profile.proto.
 *
 * Invariants: every text is interned (in one profile equal texts have equal pointers) and never
 * NULL; every index is in range or PROFILE_NONE where that is said; functions, mappings and
 * locations are unique by content; every sample has sample_types.count values.
 *
 * Build it in this order: sample types, then mappings and functions, then locations, then samples.
 * What a builder is given is copied. A builder fails only at a named limit (ERROR_LIMIT) or for an
 * index that is out of range (ERROR_USAGE); the profile stays valid.
 *
 * Ownership: all of it belongs to the profile and goes with profile_free().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/vec.h"
#include "profile/intern.h"

#define PROFILE_NONE UINT32_MAX

enum {
	PROFILE_MAX_SAMPLE_TYPES = 64,
	PROFILE_MAX_DEPTH = 16 << 10,       // frames of one sample; an inlined call is one too
	PROFILE_MAX_INLINE_DEPTH = 1 << 10, // lines of one location
	PROFILE_MAX_FRAMES = 256 << 20,     // of all samples: bounds every walk over a profile
	PROFILE_MAX_LABELS = 1 << 10,       // of one sample in a file
	PROFILE_MAX_NEW_LABELS = 64,        // of one sample in profile_add_sample
	PROFILE_MAX_STRING_BYTES = 1 << 20, // of one text
	PROFILE_MAX_STRINGS = 2 << 20,
	PROFILE_MAX_FUNCTIONS = 2 << 20,
	PROFILE_MAX_LOCATIONS = 2 << 20,
	PROFILE_MAX_SAMPLES = 2 << 20,
	PROFILE_MAX_MAPPINGS = 64 << 10,
	PROFILE_MAX_COMMENTS = 4 << 10,
};
#define PROFILE_MAX_ARENA_BYTES ((size_t)1 << 30)

struct profile_value_type {
	const char *type; // "inuse_space"
	const char *unit; // "bytes"
};

struct profile_mapping {
	uint64_t start, limit, offset; // limit: the first address behind it
	const char *file, *build_id;
	bool has_functions, has_filenames, has_line_numbers, has_inline_frames;
};

struct profile_function {
	const char *name, *system_name, *file;
	int64_t start_line;
};

struct profile_line {
	uint32_t function; // index into functions
	int64_t line, column;
};

struct profile_location {
	uint64_t address;                 // in the target
	uint32_t mapping;                 // index into mappings, or PROFILE_NONE
	uint32_t line_count;              // 0: not symbolized
	const struct profile_line *lines; // the innermost inlined call first
	bool is_folded;
};

struct profile_label {
	const char *key;
	const char *text; // NULL: the label is a number
	int64_t number;
	const char *unit; // of the number; "" when not known
};

struct profile_sample {
	const uint32_t *locations; // indexes, leaf first
	const int64_t *values;     // one for each sample type
	const struct profile_label *labels;
	uint32_t location_count, label_count;
};

struct profile {
	struct arena arena;
	struct string_table strings;
	VEC(struct profile_value_type) sample_types;
	VEC(struct profile_mapping) mappings;
	VEC(struct profile_function) functions;
	VEC(struct profile_location) locations;
	VEC(struct profile_sample) samples;
	VEC(const char *) comments;
	struct map mapping_map, function_map, location_map; // content to index
	size_t frame_count;                                 // of all samples

	struct profile_value_type period_type;
	int64_t period;      // in the period type's unit: bytes for each heap sample
	int64_t time_ns;     // since 1970; 0 when not known
	int64_t duration_ns; // 0 when not known
	const char *default_sample_type;
	const char *drop_frames, *keep_frames, *doc_url; // carried along, not applied
};

struct profile *profile_new(void);
void profile_free(struct profile *profile);
static inline void profile_freep(struct profile **profile)
{
	profile_free(*profile);
}

bool profile_add_sample_type(struct profile *profile, const char *type, const char *unit,
			     struct error *error) must_check;
bool profile_set_default_sample_type(struct profile *profile, const char *type,
				     struct error *error) must_check;
bool profile_set_period(struct profile *profile, const char *type, const char *unit, int64_t period,
			struct error *error) must_check;
bool profile_add_comment(struct profile *profile, const char *text, struct error *error) must_check;

// Each gives the index of the one that is the same by content, made when it is new.
bool profile_add_mapping(struct profile *profile, const struct profile_mapping *mapping,
			 uint32_t *index, struct error *error) must_check;
bool profile_add_function(struct profile *profile, const char *name, const char *file,
			  int64_t start_line, uint32_t *index, struct error *error) must_check;
bool profile_add_location(struct profile *profile, uint32_t mapping, uint64_t address,
			  const struct profile_line *lines, uint32_t line_count, uint32_t *index,
			  struct error *error) must_check;
// Samples are kept apart even when their stacks are the same, as pprof does. The values are
// `profile->sample_types.count` many. No labels: NULL and 0.
bool profile_add_sample(struct profile *profile, const uint32_t *locations, uint32_t location_count,
			const int64_t *values, const struct profile_label *labels,
			uint32_t label_count, struct error *error) must_check;

// The index of the sample type called `type`, or PROFILE_NONE.
uint32_t profile_find_sample_type(const struct profile *profile, const char *type);
// The one to show when nobody asked: default_sample_type, else the last, as pprof does;
// PROFILE_NONE when there is none.
uint32_t profile_get_default_sample_type(const struct profile *profile);
// "alloc_objects, alloc_space"; malloc'ed.
char *profile_format_sample_types(const struct profile *profile);
