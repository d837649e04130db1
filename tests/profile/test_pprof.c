// SPDX-License-Identifier: Apache-2.0
// pprof files: what is written is read back; damage of every kind is an error, never more.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "fixture.h"
#include "profile/diff.h"
#include "profile/gzip.h"
#include "profile/pprof_read.h"
#include "profile/pprof_write.h"
#include "profile/top.h"

struct bytes {
	uint8_t *data;
	size_t size;
};

static void bytes_deinit(struct bytes *bytes)
{
	free(bytes->data);
}

static struct bytes encode(const struct profile *profile)
{
	struct error error;
	struct bytes bytes;
	assert_ok(pprof_write_plain(profile, &bytes.data, &bytes.size, &error));
	return bytes;
}

static struct bytes encode_gzip(const struct profile *profile)
{
	struct error error;
	struct bytes bytes;
	assert_ok(pprof_write(profile, &bytes.data, &bytes.size, &error));
	return bytes;
}

static struct profile *parse(const void *data, size_t size)
{
	struct error error;
	struct profile *profile = NULL;
	assert_ok(pprof_parse(data, size, &profile, &error));
	return profile;
}

static void assert_refused(const void *data, size_t size, enum error_code code, const char *message)
{
	struct error error = {0};
	struct profile *profile = NULL;
	assert_false(pprof_parse(data, size, &profile, &error));
	assert_null(profile);
	if (!strstr(error.message, message))
		fail_msg("'%s' is not in '%s'", message, error.message);
	assert_int_equal(error.code, code);
}

static void round_trip(void **state)
{
	(void)state;
	_cleanup_(profile_freep) struct profile *profile = fixture_heap();
	_cleanup_(bytes_deinit) struct bytes first = encode(profile), packed = encode_gzip(profile);
	_cleanup_(profile_freep) struct profile *read = parse(packed.data, packed.size);
	_cleanup_(bytes_deinit) struct bytes second = encode(read);
	assert_int_equal(first.size, second.size);
	assert_memory_equal(first.data, second.data, first.size);
	assert_true(packed.size < first.size);

	assert_int_equal(read->samples.count, profile->samples.count);
	assert_int_equal(read->locations.count, profile->locations.count);
	assert_int_equal(read->functions.count, profile->functions.count);
	assert_string_equal(read->mappings.items[0].build_id, "0123abcd");
	assert_true(read->mappings.items[0].has_inline_frames);
	assert_string_equal(read->period_type.type, "space");
	assert_int_equal(read->period, 524288);
	assert_int_equal(read->time_ns, 1700000000000000000);
	assert_string_equal(read->comments.items[0], "a comment");
	assert_string_equal(read->default_sample_type, "inuse_space");
	const struct profile_location *inlined =
		&read->locations.items[read->samples.items[0].locations[0]];
	assert_int_equal(inlined->line_count, 2);
	assert_int_equal(inlined->lines[1].line, 20);
	const struct profile_sample *last = &read->samples.items[9];
	assert_int_equal(last->values[0], INT64_C(1) << 40);
	assert_int_equal(last->label_count, 2);
	assert_string_equal(last->labels[0].text, "acme");
	assert_null(last->labels[1].text);
	assert_int_equal(last->labels[1].number, -3);
}

static void rare_facts_round_trip(void **state)
{
	(void)state;
	struct error error;
	_cleanup_(profile_freep) struct profile *profile = fixture_new();
	struct profile_line line = {.line = -1, .column = 9};
	uint32_t index;
	int64_t values[4] = {INT64_MIN, INT64_MAX, -1, 0};
	assert_ok(
		profile_add_function(profile, "f\xff\x1b", "", INT64_MIN, &line.function, &error));
	assert_ok(
		profile_add_location(profile, PROFILE_NONE, UINT64_MAX, &line, 1, &index, &error));
	profile->locations.items[index].is_folded = true;
	profile->duration_ns = -5;
	profile->doc_url = profile->drop_frames = profile->functions.items[0].name;
	assert_ok(profile_add_sample(profile, &index, 1, values, NULL, 0, &error));
	assert_ok(profile_add_sample(profile, NULL, 0, values, NULL, 0, &error));
	_cleanup_(bytes_deinit) struct bytes first = encode(profile);
	_cleanup_(profile_freep) struct profile *read = parse(first.data, first.size);
	assert_memory_equal(read->samples.items[0].values, values, sizeof values);
	assert_int_equal(read->locations.items[0].mapping, PROFILE_NONE);
	assert_true(read->locations.items[0].address == UINT64_MAX);
	assert_true(read->locations.items[0].is_folded);
	assert_int_equal(read->locations.items[0].lines[0].column, 9);
	assert_int_equal(read->locations.items[0].lines[0].line, -1);
	assert_true(read->functions.items[0].start_line == INT64_MIN);
	assert_string_equal(read->drop_frames, "f\xff\x1b");
	assert_int_equal(read->duration_ns, -5);
	assert_int_equal(read->samples.items[1].location_count, 0);
}

// A message longer than 127 bytes has a length of two bytes; one past 16383 of three.
static void long_messages(void **state)
{
	(void)state;
	struct error error;
	_cleanup_(profile_freep) struct profile *profile = fixture_new();
	uint32_t locations[PROFILE_MAX_DEPTH];
	int64_t values[4] = {1, 2, 3, 4};
	for (uint32_t i = 0; i < PROFILE_MAX_DEPTH; i++)
		assert_ok(profile_add_location(profile, 0, i, NULL, 0, &locations[i], &error));
	for (uint32_t depth = 1; depth <= PROFILE_MAX_DEPTH; depth += depth < 140 ? 1 : depth / 2)
		assert_ok(profile_add_sample(profile, locations, depth, values, NULL, 0, &error));
	_cleanup_(bytes_deinit) struct bytes first = encode(profile);
	_cleanup_(profile_freep) struct profile *read = parse(first.data, first.size);
	_cleanup_(bytes_deinit) struct bytes second = encode(read);
	assert_int_equal(read->samples.count, profile->samples.count);
	assert_int_equal(first.size, second.size);
	assert_memory_equal(first.data, second.data, first.size);
}

// Everything a consumer does must hold for whatever the decoder lets through.
static void use(const struct profile *profile)
{
	struct error error;
	uint32_t type = profile_get_default_sample_type(profile);
	if (type == PROFILE_NONE)
		return;
	_cleanup_(profile_top_freep) struct profile_top *top = NULL;
	_cleanup_(profile_top_stacks_freep) struct profile_top_stacks *stacks = NULL;
	_cleanup_(profile_diff_freep) struct profile_diff *diff = NULL;
	_cleanup_(bytes_deinit) struct bytes again = encode(profile);
	_cleanup_(profile_freep) struct profile *read = parse(again.data, again.size);
	assert_ok(profile_top_new(read, type, PROFILE_TOP_FLAT, &top, &error));
	assert_ok(profile_top_stacks_new(read, type, &stacks, &error));
	assert_ok(profile_diff_new(profile, read, NULL, &diff, &error));
	VEC_FOREACH (row, &diff->rows) {
		for (size_t i = 0; i < diff->types.count; i++)
			assert_int_equal(row->delta[i], 0);
	}
}

// Refused with a message, or good enough to use.
static bool try_parse(const void *data, size_t size)
{
	struct error error = {0};
	_cleanup_(profile_freep) struct profile *profile = NULL;
	if (pprof_parse(data, size, &profile, &error)) {
		use(profile);
		return true;
	}
	assert_null(profile);
	assert_int_not_equal(error.code, ERROR_NONE);
	assert_int_not_equal(error.message[0], '\0');
	return false;
}

static void cut_at_every_byte(void **state)
{
	(void)state;
	_cleanup_(profile_freep) struct profile *profile = fixture_heap();
	_cleanup_(bytes_deinit) struct bytes plain = encode(profile), packed = encode_gzip(profile);
	for (size_t size = 0; size < packed.size; size++) {
		_cleanup_free_ uint8_t *cut = malloc(size + !size);
		memcpy(cut, packed.data, size);
		assert_false(try_parse(cut, size));
	}
	for (size_t size = 0; size < plain.size; size++) {
		_cleanup_free_ uint8_t *cut = malloc(size + !size);
		memcpy(cut, plain.data, size);
		// The texts are near the end: what comes behind them may go without notice.
		if (try_parse(cut, size))
			assert_true(size > plain.size - 64);
	}
}

static void corrupt_bytes(void **state)
{
	(void)state;
	uint64_t random = 1;
	size_t accepted = 0, rounds = 6000;
	_cleanup_(profile_freep) struct profile *profile = fixture_heap();
	_cleanup_(bytes_deinit) struct bytes plain = encode(profile), packed = encode_gzip(profile);
	_cleanup_free_ uint8_t *copy = malloc(plain.size);
	for (size_t round = 0; round < rounds; round++) {
		const struct bytes *source = round % 4 ? &plain : &packed;
		memcpy(copy, source->data, source->size);
		for (uint64_t i = fixture_random_next(&random) % 4; i < 4; i++) {
			uint64_t dice = fixture_random_next(&random);
			copy[dice % source->size] = (uint8_t)(dice >> 56);
		}
		accepted += try_parse(copy, source->size);
	}
	assert_in_range(accepted, 1, rounds - 1); // else the test would say nothing
}

/* A pprof message by hand, for what our own encoder would never write. */

static void put_varint(struct strbuf *out, uint64_t value)
{
	uint8_t byte;
	do {
		byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		strbuf_add_bytes(out, &byte, 1);
		value >>= 7;
	} while (value);
}

static void put_number(struct strbuf *out, uint64_t field, uint64_t value)
{
	put_varint(out, field << 3);
	put_varint(out, value);
}

static void put_bytes(struct strbuf *out, uint64_t field, const void *data, size_t size)
{
	put_varint(out, field << 3 | 2);
	put_varint(out, size);
	strbuf_add_bytes(out, data, size);
}

static void put_numbers(struct strbuf *out, uint64_t field, size_t count, ...)
{
	struct strbuf inner = {0};
	va_list arguments;
	va_start(arguments, count);
	for (size_t i = 0; i < count; i++) {
		uint64_t number = va_arg(arguments, uint64_t);
		uint64_t value = va_arg(arguments, uint64_t);
		put_number(&inner, number, value);
	}
	va_end(arguments);
	put_bytes(out, field, inner.text, inner.length);
	strbuf_deinit(&inner);
}

#define U(number) ((uint64_t)(number))

// One sample type "space" in "bytes", the function f (id 900), the location 800, no samples.
static struct strbuf small_message(void)
{
	struct strbuf out = {0};
	put_numbers(&out, 1, 2, U(1), U(1), U(2), U(2));
	put_numbers(&out, 5, 2, U(1), U(900), U(2), U(3));
	struct strbuf location = {0};
	put_number(&location, 1, 800);
	put_numbers(&location, 4, 2, U(1), U(900), U(2), U(55));
	put_bytes(&out, 4, location.text, location.length);
	strbuf_deinit(&location);
	put_bytes(&out, 6, "", 0);
	put_bytes(&out, 6, "space", 5);
	put_bytes(&out, 6, "bytes", 5);
	put_bytes(&out, 6, "f", 1);
	return out;
}

static void packed_and_unpacked(void **state)
{
	(void)state;
	_cleanup_(strbuf_deinit) struct strbuf out = small_message();
	put_numbers(&out, 2, 3, U(1), U(800), U(1), U(800), U(2), U(7));
	_cleanup_(strbuf_deinit) struct strbuf sample = {0};
	put_bytes(&sample, 1, "\xa0\x06\xa0\x06", 4);
	put_number(&sample, 1, 800);
	put_bytes(&sample, 2, "\x08", 1);
	put_bytes(&out, 2, sample.text, sample.length);
	_cleanup_(profile_freep) struct profile *read = parse(out.text, out.length);
	assert_int_equal(read->samples.items[0].location_count, 2);
	assert_int_equal(read->samples.items[0].values[0], 7);
	assert_int_equal(read->samples.items[1].location_count, 3);
	assert_int_equal(read->samples.items[1].values[0], 8);
	assert_int_equal(read->locations.items[0].lines[0].line, 55);
	assert_string_equal(read->functions.items[0].name, "f");
}

static void unknown_fields_are_skipped(void **state)
{
	(void)state;
	_cleanup_(strbuf_deinit) struct strbuf out = small_message();
	put_number(&out, 77, 5);
	put_bytes(&out, 78, "whatever", 8);
	strbuf_add_bytes(&out,
			 "\xf9\x04"
			 "12345678",
			 10); // field 79, eight bytes
	strbuf_add_bytes(&out,
			 "\x85\x05"
			 "1234",
			 6); // field 80, four bytes
	put_numbers(&out, 2, 4, U(1), U(800), U(2), U(7), U(9), U(1), U(15), U(2));
	put_numbers(&out, 5, 3, U(1), U(901), U(2), U(3), U(100), U(1));
	_cleanup_(profile_freep) struct profile *read = parse(out.text, out.length);
	assert_int_equal(read->samples.count, 1);
	assert_int_equal(read->samples.items[0].values[0], 7);
}

// Each is a small good message with one thing wrong.
static void what_pprof_refuses(void **state)
{
	(void)state;
	static const struct {
		uint64_t field, numbers[6];
		size_t count;
		const char *message;
	} cases[] = {
		{2, {1, 801, 2, 7}, 2, "no location has the id 801"},
		{2, {1, 0, 2, 7}, 2, "no location has the id 0"},
		{2, {1, 800}, 1, "0 values for 1 sample types"},
		{2, {1, 800, 2, 7, 2, 8}, 3, "2 values for 1 sample types"},
		{1, {1, 4}, 1, "refers to a text"},
		{5, {1, 901, 2, 1u << 31}, 2, "refers to a text"},
		{5, {1, 901, 4, UINT64_MAX}, 2, "refers to a text"},
		{3, {1, 1, 6, 99}, 2, "refers to a text"},
		{11, {2, 99}, 1, "refers to a text"},
		{5, {1, 900, 2, 3}, 2, "two functions with the id 900"},
		{4, {1, 800, 3, 1}, 2, "two locations with the id 800"},
		{5, {1, 0, 2, 3}, 2, "a function with the id 0"},
		{4, {3, 1}, 1, "a location with the id 0"},
		{3, {2, 1}, 1, "a mapping with the id 0"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		_cleanup_(strbuf_deinit) struct strbuf out = small_message(), inner = {0};
		_cleanup_(profile_freep) struct profile *good = parse(out.text, out.length);
		for (size_t j = 0; j < cases[i].count; j++)
			put_number(&inner, cases[i].numbers[2 * j], cases[i].numbers[2 * j + 1]);
		put_bytes(&out, cases[i].field, inner.text, inner.length);
		assert_refused(out.text, out.length, ERROR_BAD_DATA, cases[i].message);
	}
}

static void damaged_wire(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t size;
	} cases[] = {
		{"\x00\x00", 2},                                      // field 0
		{"\x12\x02\x00\x00", 4},                              // field 0 of a sample
		{"\x4b", 1},                                          // a group
		{"\x4e\x00", 2},                                      // wire type 6
		{"\x10\x01", 2},                                      // a sample that is a number
		{"\x4a\x01\x00", 3},                                  // a time that is bytes
		{"\x6d\x00\x00\x00\x00", 5},                          // comments as fixed32
		{"\x48\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11}, // more than 64 bits
		{"\x12\xff\xff\xff\xff\x0f", 6},                      // longer than the file
		{"\x12\x02\x1a\x05", 4},                              // longer than its message
		{"\x12\x03\x12\x01\x80", 5},                          // half a packed number
		{"\x12\x02\x18\x01", 4},                              // a label that is a number
		{"\x22\x02\x20\x01", 4},                              // a line that is a number
		{"\x2a\x02\x0a\x00", 4},                              // an id that is bytes
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		_cleanup_(strbuf_deinit) struct strbuf out = small_message();
		strbuf_add_bytes(&out, cases[i].bytes, cases[i].size);
		assert_refused(out.text, out.length, ERROR_BAD_DATA, "truncated or damaged");
	}
}

static void string_table_rules(void **state)
{
	(void)state;
	_cleanup_(strbuf_deinit) struct strbuf out = {0};
	assert_refused("", 0, ERROR_BAD_DATA, "no string table");
	put_number(&out, 9, 1);
	assert_refused(out.text, out.length, ERROR_BAD_DATA, "no string table");
	put_bytes(&out, 6, "x", 1);
	assert_refused(out.text, out.length, ERROR_BAD_DATA, "text 0 is not empty");
}

static void decoder_limits(void **state)
{
	(void)state;
	_cleanup_(strbuf_deinit) struct strbuf out = small_message(), deep = {0}, sample = {0};
	for (int i = 0; i < PROFILE_MAX_DEPTH + 5; i++)
		strbuf_add_bytes(&deep, "\xa0\x06", 2);
	put_bytes(&sample, 1, deep.text, deep.length);
	put_number(&sample, 2, 7);
	put_bytes(&out, 2, sample.text, sample.length);
	assert_refused(out.text, out.length, ERROR_LIMIT, "frames of a sample");

	_cleanup_(strbuf_deinit) struct strbuf labels = small_message(), labelled = {0};
	put_number(&labelled, 2, 7);
	for (int i = 0; i < PROFILE_MAX_LABELS + 1; i++)
		put_numbers(&labelled, 3, 1, U(1), U(1));
	put_bytes(&labels, 2, labelled.text, labelled.length);
	assert_refused(labels.text, labels.length, ERROR_LIMIT, "labels of a sample");

	_cleanup_(strbuf_deinit) struct strbuf lines = small_message(), location = {0};
	put_number(&location, 1, 801);
	for (int i = 0; i < PROFILE_MAX_INLINE_DEPTH + 1; i++)
		put_numbers(&location, 4, 1, U(1), U(900));
	put_bytes(&lines, 4, location.text, location.length);
	assert_refused(lines.text, lines.length, ERROR_LIMIT, "lines of a location");
}

// Two bytes a sample: 16 Ki frames each, which a tiny file could repeat without end.
static void bounded_work(void **state)
{
	(void)state;
	_cleanup_(strbuf_deinit) struct strbuf out = small_message(), location = {0}, sample = {0};
	put_number(&location, 1, 801);
	for (int i = 0; i < PROFILE_MAX_INLINE_DEPTH; i++)
		put_numbers(&location, 4, 1, U(1), U(900));
	put_bytes(&out, 4, location.text, location.length);
	for (int i = 0; i < PROFILE_MAX_DEPTH / PROFILE_MAX_INLINE_DEPTH; i++)
		put_number(&sample, 1, 801);
	put_number(&sample, 2, 7);
	for (int i = 0; i < PROFILE_MAX_FRAMES / PROFILE_MAX_DEPTH + 1; i++)
		put_bytes(&out, 2, sample.text, sample.length);
	assert_refused(out.text, out.length, ERROR_LIMIT, "frames of all samples");
}

static void texts_end_at_nul(void **state)
{
	(void)state;
	_cleanup_(strbuf_deinit) struct strbuf out = small_message();
	put_bytes(&out, 6, "cut\0here", 8);
	put_number(&out, 14, 4);
	_cleanup_(profile_freep) struct profile *read = parse(out.text, out.length);
	assert_string_equal(read->default_sample_type, "cut");
}

static void text_formats(void **state)
{
	(void)state;
	const char text[] = "heap profile: 1: 2 [3: 4] @ heap/1048576\n";
	assert_refused(text, strlen(text), ERROR_UNSUPPORTED, "as text");
	assert_refused("hello, world", 12, ERROR_BAD_DATA, "");
}

static void gzip_limit(void **state)
{
	(void)state;
	struct error error = {0};
	enum { SIZE = 3 << 20 };
	_cleanup_free_ uint8_t *zeros = calloc(SIZE, 1);
	_cleanup_(bytes_deinit) struct bytes packed = {0}, plain = {0};
	assert_ok(gzip_compress(zeros, SIZE, &packed.data, &packed.size, &error));
	assert_true(packed.size < SIZE / 100);
	assert_false(gzip_decompress(packed.data, packed.size, SIZE - 1, &plain.data, &plain.size,
				     &error));
	assert_int_equal(error.code, ERROR_LIMIT);
	assert_null(plain.data);
	assert_ok(
		gzip_decompress(packed.data, packed.size, SIZE, &plain.data, &plain.size, &error));
	assert_int_equal(plain.size, SIZE);
	assert_memory_equal(plain.data, zeros, SIZE);
}

static void gzip_members(void **state)
{
	(void)state;
	struct error error = {0};
	_cleanup_(strbuf_deinit) struct strbuf both = {0};
	_cleanup_(bytes_deinit) struct bytes one = {0}, two = {0}, plain = {0};
	assert_ok(gzip_compress("abc", 3, &one.data, &one.size, &error));
	assert_ok(gzip_compress("", 0, &two.data, &two.size, &error));
	strbuf_add_bytes(&both, one.data, one.size);
	strbuf_add_bytes(&both, two.data, two.size);
	strbuf_add_bytes(&both, one.data, one.size);
	assert_ok(gzip_decompress(both.text, both.length, 100, &plain.data, &plain.size, &error));
	assert_int_equal(plain.size, 6);
	assert_memory_equal(plain.data, "abcabc", 6);
	strbuf_add(&both, "rest");
	uint8_t *untouched = NULL;
	size_t size;
	assert_false(gzip_decompress(both.text, both.length, 100, &untouched, &size, &error));
	assert_int_equal(error.code, ERROR_BAD_DATA);
	assert_null(untouched);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(rare_facts_round_trip),
		cmocka_unit_test(long_messages),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(corrupt_bytes),
		cmocka_unit_test(packed_and_unpacked),
		cmocka_unit_test(unknown_fields_are_skipped),
		cmocka_unit_test(what_pprof_refuses),
		cmocka_unit_test(damaged_wire),
		cmocka_unit_test(string_table_rules),
		cmocka_unit_test(decoder_limits),
		cmocka_unit_test(bounded_work),
		cmocka_unit_test(texts_end_at_nul),
		cmocka_unit_test(text_formats),
		cmocka_unit_test(gzip_limit),
		cmocka_unit_test(gzip_members),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
