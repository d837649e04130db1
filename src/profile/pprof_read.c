// SPDX-License-Identifier: Apache-2.0
/*
 * In: the bytes of a pprof file, from anywhere. Out: a checked profile, or an error that says what
 * is wrong with them.
 *
 * The format lets things refer to what comes later (the texts are last, as a rule), so the
 * outermost message is walked four times: texts; mappings, functions and facts; locations; samples.
 */
#include "profile/pprof_read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/gzip.h"
#include "profile/pprof_ids.h"
#include "profile/pprof_wire.h"
#include "profile/profile_priv.h"

struct decoder {
	struct profile *profile;
	VEC(const char *) texts; // the file's string table, interned
	struct pprof_ids mappings, functions, locations;
	// What one record repeats; kept between records for their memory.
	struct wire_numbers numbers, values;
	VEC(uint32_t) stack;
	VEC(struct profile_line) lines;
	VEC(struct profile_label) labels;
	bool bad_text; // a record names a text that is not there; checked once a record
	struct error *error;
};

typedef bool decode_field(struct decoder *decoder, const struct wire_field *field);

static const char *text_at(struct decoder *decoder, uint64_t index)
{
	if (index < decoder->texts.count)
		return decoder->texts.items[index];
	decoder->bad_text = true;
	return "";
}

static bool check_texts(const struct decoder *decoder, const char *what)
{
	return !decoder->bad_text ||
	       error_set(decoder->error, ERROR_BAD_DATA,
			 "%s: refers to a text that is not among the %zu of the file", what,
			 decoder->texts.count);
}

static bool decode_text(struct decoder *decoder, const struct wire_field *field)
{
	const char *text;
	const char *bytes = (const char *)field->bytes.data;
	if (field->number != PPROF_STRING_TABLE)
		return true;
	if (!decoder->texts.count && field->bytes.size)
		return error_set(decoder->error, ERROR_BAD_DATA, "pprof: text 0 is not empty");
	if (decoder->texts.count == PROFILE_MAX_STRINGS)
		return error_set(decoder->error, ERROR_LIMIT, "pprof: more than %d texts",
				 PROFILE_MAX_STRINGS);
	if (!profile_intern(decoder->profile, bytes, field->bytes.size, &text, decoder->error))
		return false;
	vec_push(&decoder->texts, text);
	return true;
}

static bool decode_value_type(struct decoder *decoder, const struct wire_field *field,
			      struct profile_value_type *value_type)
{
	uint64_t scalars[WIRE_MAX_SCALARS];
	if (!wire_read_scalars(field->bytes, "pprof value type", PPROF_UNIT, scalars,
			       decoder->error))
		return false;
	value_type->type = text_at(decoder, scalars[PPROF_TYPE]);
	value_type->unit = text_at(decoder, scalars[PPROF_UNIT]);
	return check_texts(decoder, "pprof value type");
}

static bool decode_sample_type(struct decoder *decoder, const struct wire_field *field)
{
	struct profile_value_type added;
	return decode_value_type(decoder, field, &added) &&
	       profile_add_sample_type(decoder->profile, added.type, added.unit, decoder->error);
}

static bool decode_mapping(struct decoder *decoder, const struct wire_field *field)
{
	uint32_t index;
	uint64_t scalars[WIRE_MAX_SCALARS];
	if (!wire_read_scalars(field->bytes, "pprof mapping", PPROF_MAPPING_HAS_INLINE_FRAMES,
			       scalars, decoder->error))
		return false;
	struct profile_mapping mapping = {
		.start = scalars[PPROF_MAPPING_START],
		.limit = scalars[PPROF_MAPPING_LIMIT],
		.offset = scalars[PPROF_MAPPING_OFFSET],
		.file = text_at(decoder, scalars[PPROF_MAPPING_FILENAME]),
		.build_id = text_at(decoder, scalars[PPROF_MAPPING_BUILD_ID]),
		.has_functions = scalars[PPROF_MAPPING_HAS_FUNCTIONS],
		.has_filenames = scalars[PPROF_MAPPING_HAS_FILENAMES],
		.has_line_numbers = scalars[PPROF_MAPPING_HAS_LINE_NUMBERS],
		.has_inline_frames = scalars[PPROF_MAPPING_HAS_INLINE_FRAMES],
	};
	return check_texts(decoder, "pprof mapping") &&
	       profile_put_mapping(decoder->profile, &mapping, &index, decoder->error) &&
	       pprof_ids_add(&decoder->mappings, scalars[PPROF_MAPPING_ID], index, decoder->error);
}

static bool decode_function(struct decoder *decoder, const struct wire_field *field)
{
	uint32_t index;
	uint64_t scalars[WIRE_MAX_SCALARS];
	if (!wire_read_scalars(field->bytes, "pprof function", PPROF_FUNCTION_START_LINE, scalars,
			       decoder->error))
		return false;
	struct profile_function function = {
		.name = text_at(decoder, scalars[PPROF_FUNCTION_NAME]),
		.system_name = text_at(decoder, scalars[PPROF_FUNCTION_SYSTEM_NAME]),
		.file = text_at(decoder, scalars[PPROF_FUNCTION_FILENAME]),
		.start_line = (int64_t)scalars[PPROF_FUNCTION_START_LINE],
	};
	return check_texts(decoder, "pprof function") &&
	       profile_put_function(decoder->profile, &function, &index, decoder->error) &&
	       pprof_ids_add(&decoder->functions, scalars[PPROF_FUNCTION_ID], index,
			     decoder->error);
}

static bool decode_comments(struct decoder *decoder, const struct wire_field *field)
{
	struct reader checked = reader_over("", 0);
	decoder->numbers.list.count = 0;
	wire_read_numbers(&checked, field, PROFILE_MAX_COMMENTS, &decoder->numbers);
	VEC_FOREACH (index, &decoder->numbers.list) {
		const char *text = text_at(decoder, *index);
		if (!check_texts(decoder, "pprof comment") ||
		    !profile_add_comment(decoder->profile, text, decoder->error))
			return false;
	}
	return reader_check(&checked, "pprof comment", decoder->error);
}

static bool decode_number(struct decoder *decoder, const struct wire_field *field)
{
	struct profile *profile = decoder->profile;
	int64_t number = (int64_t)field->value;
	switch (field->number) {
	case PPROF_TIME_NANOS:
		profile->time_ns = number;
		return true;
	case PPROF_DURATION_NANOS:
		profile->duration_ns = number;
		return true;
	case PPROF_PERIOD:
		profile->period = number;
		return true;
	case PPROF_DROP_FRAMES:
		profile->drop_frames = text_at(decoder, field->value);
		break;
	case PPROF_KEEP_FRAMES:
		profile->keep_frames = text_at(decoder, field->value);
		break;
	case PPROF_DEFAULT_SAMPLE_TYPE:
		profile->default_sample_type = text_at(decoder, field->value);
		break;
	case PPROF_DOC_URL:
		profile->doc_url = text_at(decoder, field->value);
		break;
	}
	return check_texts(decoder, "pprof profile");
}

static bool decode_fact(struct decoder *decoder, const struct wire_field *field)
{
	switch (field->number) {
	case PPROF_SAMPLE_TYPE:
		return decode_sample_type(decoder, field);
	case PPROF_MAPPING:
		return decode_mapping(decoder, field);
	case PPROF_FUNCTION:
		return decode_function(decoder, field);
	case PPROF_PERIOD_TYPE:
		return decode_value_type(decoder, field, &decoder->profile->period_type);
	case PPROF_COMMENT:
		return decode_comments(decoder, field);
	default:
		return decode_number(decoder, field);
	}
}

static bool decode_line(struct decoder *decoder, const struct wire_field *field)
{
	uint64_t scalars[WIRE_MAX_SCALARS];
	if (!wire_read_scalars(field->bytes, "pprof line", PPROF_LINE_COLUMN, scalars,
			       decoder->error))
		return false;
	uint64_t id = scalars[PPROF_LINE_FUNCTION_ID];
	struct profile_line line = {
		.function = pprof_ids_find(&decoder->functions, id),
		.line = (int64_t)scalars[PPROF_LINE_LINE],
		.column = (int64_t)scalars[PPROF_LINE_COLUMN],
	};
	if (line.function == INTERN_NONE)
		return error_set(decoder->error, ERROR_BAD_DATA,
				 "pprof line: no function has the id %" PRIu64, id);
	if (decoder->lines.count <= PROFILE_MAX_INLINE_DEPTH) // more is refused with the location
		vec_push(&decoder->lines, line);
	return true;
}

// The numbers of a location; its lines go to decoder->lines.
static bool read_location(struct decoder *decoder, struct reader message,
			  uint64_t scalars[static WIRE_MAX_SCALARS])
{
	struct wire_field field;
	memset(scalars, 0, WIRE_MAX_SCALARS * sizeof *scalars);
	decoder->lines.count = 0;
	while (wire_next(&message, &field)) {
		if (field.number == PPROF_LOCATION_LINE) {
			if (wire_expect(&message, &field, WIRE_BYTES) &&
			    !decode_line(decoder, &field))
				return false;
		} else if (field.number <= PPROF_LOCATION_IS_FOLDED) {
			if (wire_expect(&message, &field, WIRE_VARINT))
				scalars[field.number] = field.value;
		}
	}
	return reader_check(&message, "pprof location", decoder->error);
}

static bool decode_location(struct decoder *decoder, const struct wire_field *field)
{
	uint32_t index;
	uint64_t scalars[WIRE_MAX_SCALARS];
	if (field->number != PPROF_LOCATION)
		return true;
	if (!read_location(decoder, field->bytes, scalars))
		return false;
	struct profile_location location = {
		.address = scalars[PPROF_LOCATION_ADDRESS],
		// One that is not there counts as none: go tool pprof takes it so.
		.mapping = pprof_ids_find(&decoder->mappings, scalars[PPROF_LOCATION_MAPPING_ID]),
		.line_count = (uint32_t)decoder->lines.count,
		.lines = decoder->lines.items,
		.is_folded = scalars[PPROF_LOCATION_IS_FOLDED],
	};
	return profile_put_location(decoder->profile, &location, &index, decoder->error) &&
	       pprof_ids_add(&decoder->locations, scalars[PPROF_LOCATION_ID], index,
			     decoder->error);
}

static bool decode_label(struct decoder *decoder, const struct wire_field *field)
{
	uint64_t scalars[WIRE_MAX_SCALARS];
	if (!wire_read_scalars(field->bytes, "pprof label", PPROF_LABEL_NUM_UNIT, scalars,
			       decoder->error))
		return false;
	uint64_t text = scalars[PPROF_LABEL_STR];
	struct profile_label label = {
		.key = text_at(decoder, scalars[PPROF_LABEL_KEY]),
		.text = text ? text_at(decoder, text) : NULL,
		.number = text ? 0 : (int64_t)scalars[PPROF_LABEL_NUM],
		.unit = text_at(decoder, text ? 0 : scalars[PPROF_LABEL_NUM_UNIT]),
	};
	if (decoder->labels.count <= PROFILE_MAX_LABELS) // more is refused with the sample
		vec_push(&decoder->labels, label);
	return check_texts(decoder, "pprof label");
}

// Its location ids go to decoder->numbers, the rest to the lists of that name.
static bool read_sample(struct decoder *decoder, struct reader message)
{
	struct wire_field field;
	decoder->numbers.list.count = decoder->values.list.count = decoder->labels.count = 0;
	while (wire_next(&message, &field)) {
		if (field.number == PPROF_SAMPLE_LOCATION_ID)
			wire_read_numbers(&message, &field, PROFILE_MAX_DEPTH, &decoder->numbers);
		else if (field.number == PPROF_SAMPLE_VALUE)
			wire_read_numbers(&message, &field, PROFILE_MAX_SAMPLE_TYPES,
					  &decoder->values);
		else if (field.number == PPROF_SAMPLE_LABEL &&
			 wire_expect(&message, &field, WIRE_BYTES) &&
			 !decode_label(decoder, &field))
			return false;
	}
	return reader_check(&message, "pprof sample", decoder->error);
}

static bool resolve_stack(struct decoder *decoder)
{
	decoder->stack.count = 0;
	VEC_FOREACH (id, &decoder->numbers.list) {
		uint32_t index = pprof_ids_find(&decoder->locations, *id);
		if (index == INTERN_NONE)
			return error_set(decoder->error, ERROR_BAD_DATA,
					 "pprof sample: no location has the id %" PRIu64, *id);
		vec_push(&decoder->stack, index);
	}
	return true;
}

static bool decode_sample(struct decoder *decoder, const struct wire_field *field)
{
	if (field->number != PPROF_SAMPLE)
		return true;
	if (!read_sample(decoder, field->bytes) || !resolve_stack(decoder))
		return false;
	size_t types = decoder->profile->sample_types.count;
	if (!types || decoder->values.list.count != types)
		return error_set(decoder->error, ERROR_BAD_DATA,
				 "pprof: sample %zu has %zu values for %zu sample types",
				 decoder->profile->samples.count, decoder->values.list.count,
				 types);
	struct profile_sample sample = {
		.locations = decoder->stack.items,
		.values = (const int64_t *)decoder->values.list.items,
		.labels = decoder->labels.items,
		.location_count = (uint32_t)decoder->stack.count,
		.label_count = (uint32_t)decoder->labels.count,
	};
	return profile_put_sample(decoder->profile, &sample, decoder->error);
}

static enum wire_type type_of(uint64_t number)
{
	bool is_number = number == PPROF_DROP_FRAMES || number == PPROF_KEEP_FRAMES ||
			 number == PPROF_TIME_NANOS || number == PPROF_DURATION_NANOS ||
			 number == PPROF_PERIOD || number == PPROF_DEFAULT_SAMPLE_TYPE ||
			 number == PPROF_DOC_URL;
	return is_number ? WIRE_VARINT : WIRE_BYTES;
}

static bool walk(struct decoder *decoder, struct reader message, decode_field *decode)
{
	struct wire_field field;
	for (size_t count = 0; wire_next(&message, &field); count++) {
		if (count == PPROF_MAX_FIELDS)
			return error_set(decoder->error, ERROR_LIMIT, "pprof: more than %zu fields",
					 PPROF_MAX_FIELDS);
		if (field.number > PPROF_DOC_URL)
			continue;
		// Comments come packed or one by one; decode_comments() checks.
		if (field.number != PPROF_COMMENT &&
		    !wire_expect(&message, &field, type_of(field.number)))
			break;
		if (!decode(decoder, &field))
			return false;
	}
	return reader_check(&message, "pprof", decoder->error);
}

static bool decode(struct decoder *decoder, struct reader message)
{
	if (!walk(decoder, message, decode_text))
		return false;
	if (!decoder->texts.count)
		return error_set(decoder->error, ERROR_BAD_DATA, "pprof: no string table");
	return walk(decoder, message, decode_fact) &&
	       pprof_ids_seal(&decoder->mappings, decoder->error) &&
	       pprof_ids_seal(&decoder->functions, decoder->error) &&
	       walk(decoder, message, decode_location) &&
	       pprof_ids_seal(&decoder->locations, decoder->error) &&
	       walk(decoder, message, decode_sample);
}

static void decoder_deinit(struct decoder *decoder)
{
	profile_free(decoder->profile);
	vec_deinit(&decoder->texts);
	pprof_ids_deinit(&decoder->mappings);
	pprof_ids_deinit(&decoder->functions);
	pprof_ids_deinit(&decoder->locations);
	vec_deinit(&decoder->numbers.list);
	vec_deinit(&decoder->values.list);
	vec_deinit(&decoder->stack);
	vec_deinit(&decoder->lines);
	vec_deinit(&decoder->labels);
}

static bool decode_plain(const void *data, size_t size, struct profile **profile,
			 struct error *error)
{
	_cleanup_(decoder_deinit) struct decoder decoder = {
		.profile = profile_new(),
		.mappings = {.what = "mapping", .maximum = PROFILE_MAX_MAPPINGS},
		.functions = {.what = "function", .maximum = PROFILE_MAX_FUNCTIONS},
		.locations = {.what = "location", .maximum = PROFILE_MAX_LOCATIONS},
		.error = error,
	};
	if (!decode(&decoder, reader_over(data, size)))
		return false;
	*profile = take_ptr(decoder.profile);
	return true;
}

// The text formats that came before profile.proto, and that ?debug=1 still gives.
static bool check_not_text(const char *data, size_t size, struct error *error)
{
	static const char *const starts[] = {"heap profile:", "goroutine profile:", "goroutine ",
					     "threadcreate profile:", "--- "};
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
		size_t length = strlen(starts[i]);
		if (size < length || memcmp(data, starts[i], length))
			continue;
		error_set(error, ERROR_UNSUPPORTED, "pprof: this is a profile as text");
		return error_hint(error, "fetch it without ?debug=");
	}
	return true;
}

bool pprof_parse(const void *data, size_t size, struct profile **profile, struct error *error)
{
	_cleanup_free_ uint8_t *plain = NULL;
	if (size > PPROF_MAX_PLAIN_BYTES)
		return error_set(error, ERROR_LIMIT, "pprof: larger than %zu bytes",
				 PPROF_MAX_PLAIN_BYTES);
	if (gzip_is(data, size)) {
		if (!gzip_decompress(data, size, PPROF_MAX_PLAIN_BYTES, &plain, &size, error))
			return false;
		data = plain;
	}
	return check_not_text(data, size, error) && decode_plain(data, size, profile, error);
}
