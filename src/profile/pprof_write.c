// SPDX-License-Identifier: Apache-2.0
/*
 * In: a profile. Out: its pprof bytes.
 *
 * Hand-written rather than generated from profile.proto: the format is seven small messages that
 * have not changed in years, one pass straight from the model is several times quicker than filling
 * generated structs first, and a capture is taken while the target's node is short of memory.
 */
#include "profile/pprof_write.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/gzip.h"
#include "profile/pprof_fields.h"
#include "profile/profile_priv.h"

enum {
	VARINT_MAX_BYTES = 10,
	MESSAGE_MIN_ROOM = 64, // a tag, a length and then some
};

struct encoder {
	uint8_t *data;
	size_t used, capacity;
	bool failed;             // no memory: sticks, and later writes do nothing
	struct map text_indexes; // the address of an interned text to its place in the string table
};

static bool make_room(struct encoder *encoder, size_t more)
{
	if (encoder->capacity - encoder->used >= more)
		return true;
	size_t wanted = encoder->capacity * 2 + more + 4096;
	uint8_t *grown = encoder->failed ? NULL : realloc(encoder->data, wanted);
	if (!grown) {
		encoder->failed = true;
		return false;
	}
	encoder->data = grown;
	encoder->capacity = wanted;
	return true;
}

static size_t varint_size(uint64_t value)
{
	return (size_t)(63 - __builtin_clzll(value | 1)) / 7 + 1;
}

static void store_varint(uint8_t *at, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*at++ = (uint8_t)(value | 0x80);
	*at = (uint8_t)value;
}

static void put_varint(struct encoder *encoder, uint64_t value)
{
	if (!make_room(encoder, VARINT_MAX_BYTES))
		return;
	store_varint(encoder->data + encoder->used, value);
	encoder->used += varint_size(value);
}

static void put_tag(struct encoder *encoder, unsigned int field, enum wire_type type)
{
	put_varint(encoder, field << 3 | type);
}

// A zero is the field's default and is left out.
static void put_number(struct encoder *encoder, unsigned int field, uint64_t value)
{
	if (!value)
		return;
	put_tag(encoder, field, WIRE_VARINT);
	put_varint(encoder, value);
}

static void put_bytes(struct encoder *encoder, unsigned int field, const void *data, size_t size)
{
	put_tag(encoder, field, WIRE_BYTES);
	put_varint(encoder, size);
	if (!make_room(encoder, size))
		return;
	memcpy(encoder->data + encoder->used, data, size);
	encoder->used += size;
}

static uint64_t text_index(const struct encoder *encoder, const char *text)
{
	return *map_find(&encoder->text_indexes, (uintptr_t)text);
}

static void put_text(struct encoder *encoder, unsigned int field, const char *text)
{
	put_number(encoder, field, text_index(encoder, text));
}

// A message's length stands before it and is known after it: begin leaves one byte, end moves the
// message when its length needs more. Almost all are shorter than 128 bytes.
static size_t begin_message(struct encoder *encoder, unsigned int field)
{
	put_tag(encoder, field, WIRE_BYTES);
	if (make_room(encoder, MESSAGE_MIN_ROOM))
		encoder->used++;
	return encoder->used;
}

static void end_message(struct encoder *encoder, size_t start)
{
	size_t size = encoder->used - start;
	size_t extra = varint_size(size) - 1;
	if (encoder->failed || !make_room(encoder, extra))
		return;
	if (extra)
		memmove(encoder->data + start + extra, encoder->data + start, size);
	store_varint(encoder->data + start - 1, size);
	encoder->used += extra;
}

static void put_value_type(struct encoder *encoder, unsigned int field,
			   const struct profile_value_type *value_type)
{
	size_t start = begin_message(encoder, field);
	put_text(encoder, PPROF_TYPE, value_type->type);
	put_text(encoder, PPROF_UNIT, value_type->unit);
	end_message(encoder, start);
}

static void put_label(struct encoder *encoder, const struct profile_label *label)
{
	size_t start = begin_message(encoder, PPROF_SAMPLE_LABEL);
	put_text(encoder, PPROF_LABEL_KEY, label->key);
	if (label->text) {
		put_text(encoder, PPROF_LABEL_STR, label->text);
	} else {
		put_number(encoder, PPROF_LABEL_NUM, (uint64_t)label->number);
		put_text(encoder, PPROF_LABEL_NUM_UNIT, label->unit);
	}
	end_message(encoder, start);
}

static void put_sample(struct encoder *encoder, const struct profile_sample *sample,
		       size_t value_count)
{
	size_t start = begin_message(encoder, PPROF_SAMPLE);
	size_t packed = begin_message(encoder, PPROF_SAMPLE_LOCATION_ID);
	for (uint32_t i = 0; i < sample->location_count; i++)
		put_varint(encoder, (uint64_t)sample->locations[i] + 1);
	end_message(encoder, packed);
	packed = begin_message(encoder, PPROF_SAMPLE_VALUE);
	for (size_t i = 0; i < value_count; i++)
		put_varint(encoder, (uint64_t)sample->values[i]);
	end_message(encoder, packed);
	for (uint32_t i = 0; i < sample->label_count; i++)
		put_label(encoder, &sample->labels[i]);
	end_message(encoder, start);
}

static void put_mapping(struct encoder *encoder, const struct profile_mapping *mapping, size_t id)
{
	size_t start = begin_message(encoder, PPROF_MAPPING);
	put_number(encoder, PPROF_MAPPING_ID, id);
	put_number(encoder, PPROF_MAPPING_START, mapping->start);
	put_number(encoder, PPROF_MAPPING_LIMIT, mapping->limit);
	put_number(encoder, PPROF_MAPPING_OFFSET, mapping->offset);
	put_text(encoder, PPROF_MAPPING_FILENAME, mapping->file);
	put_text(encoder, PPROF_MAPPING_BUILD_ID, mapping->build_id);
	put_number(encoder, PPROF_MAPPING_HAS_FUNCTIONS, mapping->has_functions);
	put_number(encoder, PPROF_MAPPING_HAS_FILENAMES, mapping->has_filenames);
	put_number(encoder, PPROF_MAPPING_HAS_LINE_NUMBERS, mapping->has_line_numbers);
	put_number(encoder, PPROF_MAPPING_HAS_INLINE_FRAMES, mapping->has_inline_frames);
	end_message(encoder, start);
}

static void put_line(struct encoder *encoder, const struct profile_line *line)
{
	size_t start = begin_message(encoder, PPROF_LOCATION_LINE);
	put_number(encoder, PPROF_LINE_FUNCTION_ID, (uint64_t)line->function + 1);
	put_number(encoder, PPROF_LINE_LINE, (uint64_t)line->line);
	put_number(encoder, PPROF_LINE_COLUMN, (uint64_t)line->column);
	end_message(encoder, start);
}

static void put_location(struct encoder *encoder, const struct profile_location *location,
			 size_t id)
{
	size_t start = begin_message(encoder, PPROF_LOCATION);
	put_number(encoder, PPROF_LOCATION_ID, id);
	if (location->mapping != PROFILE_NONE)
		put_number(encoder, PPROF_LOCATION_MAPPING_ID, (uint64_t)location->mapping + 1);
	put_number(encoder, PPROF_LOCATION_ADDRESS, location->address);
	for (uint32_t i = 0; i < location->line_count; i++)
		put_line(encoder, &location->lines[i]);
	put_number(encoder, PPROF_LOCATION_IS_FOLDED, location->is_folded);
	end_message(encoder, start);
}

static void put_function(struct encoder *encoder, const struct profile_function *function,
			 size_t id)
{
	size_t start = begin_message(encoder, PPROF_FUNCTION);
	put_number(encoder, PPROF_FUNCTION_ID, id);
	put_text(encoder, PPROF_FUNCTION_NAME, function->name);
	put_text(encoder, PPROF_FUNCTION_SYSTEM_NAME, function->system_name);
	put_text(encoder, PPROF_FUNCTION_FILENAME, function->file);
	put_number(encoder, PPROF_FUNCTION_START_LINE, (uint64_t)function->start_line);
	end_message(encoder, start);
}

static void put_tables(struct encoder *encoder, const struct profile *profile)
{
	for (size_t i = 0; i < profile->sample_types.count; i++)
		put_value_type(encoder, PPROF_SAMPLE_TYPE, &profile->sample_types.items[i]);
	for (size_t i = 0; i < profile->samples.count; i++)
		put_sample(encoder, &profile->samples.items[i], profile->sample_types.count);
	for (size_t i = 0; i < profile->mappings.count; i++)
		put_mapping(encoder, &profile->mappings.items[i], i + 1);
	for (size_t i = 0; i < profile->locations.count; i++)
		put_location(encoder, &profile->locations.items[i], i + 1);
	for (size_t i = 0; i < profile->functions.count; i++)
		put_function(encoder, &profile->functions.items[i], i + 1);
	for (size_t i = 0; i < profile->strings.texts.count; i++) {
		const char *text = profile->strings.texts.items[i];
		put_bytes(encoder, PPROF_STRING_TABLE, text, strlen(text));
	}
}

static void put_comments(struct encoder *encoder, const struct profile *profile)
{
	if (!profile->comments.count)
		return;
	size_t packed = begin_message(encoder, PPROF_COMMENT);
	for (size_t i = 0; i < profile->comments.count; i++)
		put_varint(encoder, text_index(encoder, profile->comments.items[i]));
	end_message(encoder, packed);
}

static void put_facts(struct encoder *encoder, const struct profile *profile)
{
	put_text(encoder, PPROF_DROP_FRAMES, profile->drop_frames);
	put_text(encoder, PPROF_KEEP_FRAMES, profile->keep_frames);
	put_number(encoder, PPROF_TIME_NANOS, (uint64_t)profile->time_ns);
	put_number(encoder, PPROF_DURATION_NANOS, (uint64_t)profile->duration_ns);
	if (profile->period_type.type[0] || profile->period_type.unit[0])
		put_value_type(encoder, PPROF_PERIOD_TYPE, &profile->period_type);
	put_number(encoder, PPROF_PERIOD, (uint64_t)profile->period);
	put_comments(encoder, profile);
	put_text(encoder, PPROF_DEFAULT_SAMPLE_TYPE, profile->default_sample_type);
	put_text(encoder, PPROF_DOC_URL, profile->doc_url);
}

bool pprof_write_plain(const struct profile *profile, uint8_t **data, size_t *size,
		       struct error *error)
{
	struct encoder encoder = {0};
	for (size_t i = 0; i < profile->strings.texts.count; i++)
		map_put(&encoder.text_indexes, (uintptr_t)profile->strings.texts.items[i], i, NULL);
	put_tables(&encoder, profile);
	put_facts(&encoder, profile);
	map_deinit(&encoder.text_indexes);
	if (encoder.failed) {
		free(encoder.data);
		return error_set(error, ERROR_LIMIT, "pprof: no memory to encode the profile");
	}
	*data = encoder.data;
	*size = encoder.used;
	return true;
}

bool pprof_write(const struct profile *profile, uint8_t **data, size_t *size, struct error *error)
{
	_cleanup_free_ uint8_t *plain = NULL;
	size_t plain_size;
	return pprof_write_plain(profile, &plain, &plain_size, error) &&
	       gzip_compress(plain, plain_size, data, size, error);
}
