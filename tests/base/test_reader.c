// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <stdlib.h>
#include <string.h>

#include "base/reader.h"

static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88, 'h', 'i', 0};

static void values_are_little_endian(void **state)
{
	(void)state;
	struct reader reader = reader_over(bytes, sizeof bytes);
	assert_int_equal(0x01, reader_u8(&reader));
	assert_int_equal(0x0302, reader_u16(&reader));
	assert_int_equal(0x07060504, reader_u32(&reader));
	reader_seek(&reader, 0);
	assert_true(reader_u64(&reader) == 0x8807060504030201);
	assert_string_equal("hi", reader_cstring(&reader, 3));
	assert_true(reader_at_end(&reader));
	assert_ok(reader_check(&reader, "it", &error));
	reader_seek(&reader, sizeof bytes); // the end is allowed
	assert_true(reader_ok(&reader));
}

// Each way to fail, from offset 4 of the 11 bytes.
static void fail_u8(struct reader *reader)
{
	reader_skip(reader, 7);
	assert_int_equal(0, reader_u8(reader));
}
static void fail_u16(struct reader *reader)
{
	reader_skip(reader, 6);
	assert_int_equal(0, reader_u16(reader));
}
static void fail_u32(struct reader *reader)
{
	reader_skip(reader, 4);
	assert_int_equal(0, reader_u32(reader));
}
static void fail_u64(struct reader *reader)
{
	assert_true(reader_u64(reader) == 0);
}
static void fail_skip(struct reader *reader)
{
	reader_skip(reader, 8);
}
static void fail_skip_far(struct reader *reader)
{
	reader_skip(reader, UINT64_MAX);
}
static void fail_seek(struct reader *reader)
{
	reader_seek(reader, sizeof bytes + 1);
}
static void fail_seek_far(struct reader *reader)
{
	reader_seek(reader, UINT64_MAX);
}
static void fail_bytes(struct reader *reader)
{
	assert_null(reader_bytes(reader, 8));
}
static void fail_cstring_limit(struct reader *reader)
{
	reader_skip(reader, 4);
	assert_null(reader_cstring(reader, 2)); // "hi" and its end are three
}
static void fail_sub(struct reader *reader)
{
	struct reader sub = reader_sub(reader, 8);
	assert_false(reader_ok(&sub));
}
static void fail_on_purpose(struct reader *reader)
{
	reader_fail(reader);
}

static void every_failure_sticks(void **state)
{
	(void)state;
	void (*const failures[])(struct reader *) = {
		fail_u8,    fail_u16,           fail_u32,  fail_u64,
		fail_skip,  fail_skip_far,      fail_seek, fail_seek_far,
		fail_bytes, fail_cstring_limit, fail_sub,  fail_on_purpose,
	};
	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
		struct reader reader = reader_over(bytes, sizeof bytes);
		reader_skip(&reader, 4);
		failures[i](&reader);
		assert_false(reader_ok(&reader));
		assert_true(reader_at_end(&reader));
		size_t offset = reader.offset, failed_offset = reader.failed_offset;
		assert_int_equal(0, reader_u8(&reader));
		assert_int_equal(0, reader_u16(&reader));
		assert_int_equal(0, reader_u32(&reader));
		assert_true(reader_u64(&reader) == 0);
		assert_true(reader_varint(&reader) == 0);
		assert_null(reader_bytes(&reader, 0));
		assert_null(reader_cstring(&reader, 100));
		reader_seek(&reader, 0);
		reader_fail(&reader);
		struct reader sub = reader_sub(&reader, 1);
		assert_false(reader_ok(&sub));
		assert_false(reader_ok(&reader));
		assert_int_equal(offset, reader.offset);
		assert_int_equal(failed_offset, reader.failed_offset);
		assert_error(ERROR_BAD_DATA, reader_check(&reader, "it", &error));
	}
}

static void the_message_says_where(void **state)
{
	(void)state;
	struct error error;
	struct reader reader = reader_over(bytes, sizeof bytes);
	reader_skip(&reader, 9);
	reader_u32(&reader);
	reader_u32(&reader);
	assert_false(reader_check(&reader, "a thing", &error));
	assert_string_equal("a thing: truncated or damaged at offset 9 of 11", error.message);
}

static void varints_have_limits(void **state)
{
	(void)state;
	static const struct {
		uint8_t bytes[12];
		size_t size;
		bool ok;
		uint64_t value;
		size_t used;
	} rows[] = {
		{{0x00}, 1, true, 0, 1},
		{{0x7f}, 1, true, 127, 1},
		{{0x80, 0x01}, 2, true, 128, 2},
		{{0x80, 0x00, 0x55}, 3, true, 0, 2}, // not the shortest form, but one
		{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		 10,
		 true,
		 UINT64_MAX,
		 10},
		{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}, 10, false, 0, 0},
		{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0x00},
		 11,
		 false,
		 0,
		 0},
		{{0x80}, 1, false, 0, 0},
		{{0}, 0, false, 0, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct reader reader = reader_over(rows[i].bytes, rows[i].size);
		assert_true(reader_varint(&reader) == rows[i].value);
		assert_int_equal(rows[i].ok, reader_ok(&reader));
		if (rows[i].ok)
			assert_int_equal(rows[i].used, reader.offset);
	}
}

static void nothing_can_be_read_of_nothing(void **state)
{
	(void)state;
	struct reader reader = reader_over(NULL, 100);
	assert_true(reader_ok(&reader) && reader_at_end(&reader));
	assert_non_null(reader_bytes(&reader, 0));
	assert_null(reader_cstring(&reader, 100));
	assert_false(reader_ok(&reader));
}

static void a_sub_reader_ends_where_it_was_told(void **state)
{
	(void)state;
	struct reader reader = reader_over(bytes, sizeof bytes);
	struct reader sub = reader_sub(&reader, 2);
	assert_int_equal(0x0201, reader_u16(&sub));
	assert_true(reader_at_end(&sub));
	assert_int_equal(0, reader_u8(&sub));
	assert_false(reader_ok(&sub));
	assert_true(reader_ok(&reader)); // its failure is its own
	assert_int_equal(0x03, reader_u8(&reader));
}

static void a_cut_text_is_none(void **state)
{
	(void)state;
	struct reader reader = reader_over("abc", 3); // without the terminator
	assert_null(reader_cstring(&reader, 100));
	assert_false(reader_ok(&reader));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_little_endian),
		cmocka_unit_test(every_failure_sticks),
		cmocka_unit_test(the_message_says_where),
		cmocka_unit_test(varints_have_limits),
		cmocka_unit_test(nothing_can_be_read_of_nothing),
		cmocka_unit_test(a_sub_reader_ends_where_it_was_told),
		cmocka_unit_test(a_cut_text_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
