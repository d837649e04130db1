// SPDX-License-Identifier: Apache-2.0
// On databases made here, with pages of 512 bytes. What containerd writes: e2e/test_containers.py.
#include "lab.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "system/bolt.h"

enum {
	PAGE = 512,
	PAGES = 64,
	BRANCH = 1,
	LEAF = 2,
	BUCKET = 1,
	META = 16, // where it begins in its page
};

struct base {
	uint8_t bytes[PAGES * PAGE];
	size_t page_count;
};

// What stands in a page: of a branch the page `below`, of a leaf the value.
struct item {
	const char *key;
	const void *value;
	size_t size;
	uint32_t flags;
	uint64_t below;
};

static void put(uint8_t *at, uint64_t value, size_t size)
{
	memcpy(at, &value, size);
}

static void put_meta(struct base *base, size_t page, uint64_t root, uint64_t transaction)
{
	uint8_t *meta = base->bytes + page * PAGE + META;
	uint64_t sum = 0xcbf29ce484222325;
	put(meta - META, page, 8);
	put(meta - META + 8, 4, 2);
	put(meta, 0xed0cdaed, 4);
	put(meta + 4, 2, 4);
	put(meta + 8, PAGE, 4);
	put(meta + 16, root, 8);
	put(meta + 40, base->page_count, 8);
	put(meta + 48, transaction, 8);
	for (size_t i = 0; i < 56; i++)
		sum = (sum ^ meta[i]) * 0x100000001b3;
	put(meta + 56, sum, 8);
}

// Writes a page and returns how many bytes it took.
static size_t put_items(uint8_t *page, uint64_t id, uint16_t flags, const struct item *items,
			size_t count)
{
	size_t used = 16 + 16 * count;
	put(page, id, 8);
	put(page + 8, flags, 2);
	put(page + 10, count, 2);
	for (size_t i = 0; i < count; i++) {
		uint8_t *element = page + 16 + 16 * i;
		size_t position = used - (16 + 16 * i), length = strlen(items[i].key);
		if (flags == LEAF) {
			put(element, items[i].flags, 4);
			put(element + 4, position, 4);
			put(element + 8, length, 4);
			put(element + 12, items[i].size, 4);
		} else {
			put(element, position, 4);
			put(element + 4, length, 4);
			put(element + 8, items[i].below, 8);
		}
		memcpy(page + used, items[i].key, length);
		if (items[i].size)
			memcpy(page + used + length, items[i].value, items[i].size);
		used += length + items[i].size;
	}
	return used;
}

static void put_page(struct base *base, uint64_t id, uint16_t flags, const struct item *items,
		     size_t count)
{
	size_t used = put_items(base->bytes + id * PAGE, id, flags, items, count);
	put(base->bytes + id * PAGE + 12, (used - 1) / PAGE, 4);
	assert_true(id * PAGE + used <= sizeof base->bytes);
}

#define ITEMS(...) \
	(struct item[]){__VA_ARGS__}, sizeof((struct item[]){__VA_ARGS__}) / sizeof(struct item)

#define LONG_VALUE_BYTES 1500

/*
 * Page 2, the root: the bucket "v1" at page 3, which is a branch of the leaves 4 and 5. In 4 the
 * bucket "inside", inline, with image=busybox:1. In 5 "zoo", a text, and "long", which makes
 * the page overflow.
 */
static void make(struct base *base)
{
	static char long_value[LONG_VALUE_BYTES];
	uint8_t at_three[16] = {3}, inside[16 + 256] = {0};
	memset(base, 0, sizeof *base);
	memset(long_value, 'x', sizeof long_value);
	base->page_count = 10;
	size_t used = 16 + put_items(inside + 16, 0, LEAF,
				     ITEMS({"created", "\1\2\3", 3, 0, 0},
					   {"image", "busybox:1", 9, 0, 0}, {"zz", "", 0, 0, 0}));
	put_page(base, 2, LEAF,
		 ITEMS({"a", "text", 4, 0, 0}, {"v1", at_three, sizeof at_three, BUCKET, 0}));
	put_page(base, 3, BRANCH, ITEMS({"inside", NULL, 0, 0, 4}, {"long", NULL, 0, 0, 5}));
	put_page(base, 4, LEAF, ITEMS({"inside", inside, used, BUCKET, 0}));
	put_page(base, 5, LEAF,
		 ITEMS({"long", long_value, sizeof long_value, 0, 0}, {"zoo", "animals", 7, 0, 0}));
	put_meta(base, 0, 2, 8);
	put_meta(base, 1, 2, 7);
}

static int open_bytes(const void *bytes, size_t size)
{
	int fd = memfd_create("bolt", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(size, write(fd, bytes, size));
	return fd;
}

static bool get_in(const void *bytes, size_t size, const char *path, char *value, size_t capacity,
		   struct error *error)
{
	char copy[256];
	const char *parts[8];
	size_t count = 0;
	snprintf(copy, sizeof copy, "%s", path);
	for (char *part = strtok(copy, "/"); part; part = strtok(NULL, "/"))
		parts[count++] = part;
	int fd = open_bytes(bytes, size);
	bool ok = bolt_get(fd, parts, count, value, capacity, error);
	close(fd);
	return ok;
}

static bool get(const struct base *base, const char *path, char *value, struct error *error)
{
	return get_in(base->bytes, sizeof base->bytes, path, value, 64, error);
}

static void values_are_found(void **state)
{
	(void)state;
	static struct base base;
	char value[64], large[LONG_VALUE_BYTES + 10];
	make(&base);
	assert_ok(get(&base, "a", value, &error));
	assert_string_equal("text", value);
	assert_ok(get(&base, "v1/inside/image", value, &error));
	assert_string_equal("busybox:1", value);
	assert_ok(get(&base, "v1/inside/zz", value, &error));
	assert_string_equal("", value);
	assert_ok(get(&base, "v1/zoo", value, &error));
	assert_string_equal("animals", value);
	assert_ok(get(&base, "v1/long", value, &error));
	assert_int_equal(63, strlen(value)); // cut to the room there is
	assert_ok(get_in(base.bytes, sizeof base.bytes, "v1/long", large, sizeof large, &error));
	assert_int_equal(LONG_VALUE_BYTES, strlen(large));
}

static void others_are_not_found(void **state)
{
	(void)state;
	static const char *const paths[] = {
		"b",      "v1",          "v1/inside",       "v1/a", "v1/inside/imag",
		"v1/zzz", "a/something", "v1/inside/images"};
	static struct base base;
	char value[64] = "before";
	make(&base);
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		assert_error(ERROR_NOT_FOUND, get(&base, paths[i], value, &error));
	assert_string_equal("before", value);
}

static void the_newer_whole_meta_page_counts(void **state)
{
	(void)state;
	static struct base base;
	char value[64];
	make(&base);
	put_page(&base, 8, LEAF, ITEMS({"a", "newer", 5, 0, 0}));
	put_meta(&base, 1, 8, 9);
	assert_ok(get(&base, "a", value, &error));
	assert_string_equal("newer", value);
	base.bytes[PAGE + META + 48]++; // torn
	assert_ok(get(&base, "a", value, &error));
	assert_string_equal("text", value);
	put_meta(&base, 1, 8, 9);
	base.bytes[META + 20]++;
	assert_ok(get(&base, "a", value, &error));
	assert_string_equal("newer", value);
	base.bytes[PAGE + META]++;
	assert_error(ERROR_BAD_DATA, get(&base, "a", value, &error));
}

// Each sets some bytes of a whole database to something that must not be followed.
static void damage_is_refused(void **state)
{
	(void)state;
	static const struct {
		size_t offset;
		uint64_t value;
		size_t size;
	} rows[] = {
		{3 * PAGE + 16 + 8, 3, 8},              // a branch that leads to itself
		{3 * PAGE + 16 + 8, 63, 8},             // behind the last page
		{3 * PAGE + 16 + 8, UINT64_MAX / 2, 8}, // far outside
		{3 * PAGE + 16 + 8, 0, 8},              // a meta page
		{3 * PAGE + 16, 600, 4},                // the key's place
		{3 * PAGE + 16 + 4, UINT32_MAX, 4},     // its length
		{3 * PAGE + 10, 0, 2},                  // an empty branch
		{3 * PAGE + 10, 65535, 2},              // more elements than fit
		{3 * PAGE + 8, 16, 2},                  // neither branch nor leaf
		{3 * PAGE, 4, 8},                       // another page
		{4 * PAGE + 12, UINT32_MAX, 4},         // overflows without end
		{4 * PAGE + 16 + 12, UINT32_MAX, 4},    // the length of a value
		{4 * PAGE + 16 + 12, 7, 4},             // a bucket that is cut
		{4 * PAGE + 16 + 12, 16 + 14, 4},       // an inline page that is cut
	};
	static struct base base;
	char value[64];
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error error = {0};
		make(&base);
		put(base.bytes + rows[i].offset, rows[i].value, rows[i].size);
		if (get(&base, "v1/inside/image", value, &error) ||
		    (error.code != ERROR_BAD_DATA && error.code != ERROR_LIMIT))
			fail_msg("row %zu: code %d, %s", i, error.code, error.message);
	}
}

static void every_cut_is_refused(void **state)
{
	(void)state;
	static struct base base;
	char value[64];
	make(&base);
	for (size_t size = 0; size < 5 * PAGE; size++)
		assert_error(ERROR_BAD_DATA, get_in(base.bytes, size, "v1/inside/image", value,
						    sizeof value, &error));
}

// No byte of it, whatever it is, makes a look-up crash or take long.
static void every_byte_may_be_wrong(void **state)
{
	(void)state;
	static struct base base;
	char value[64];
	make(&base);
	for (size_t at = 2 * PAGE; at < 6 * PAGE; at++) {
		uint8_t before = base.bytes[at];
		for (int change = 1; change <= 128; change *= 128) {
			struct error error = {0};
			base.bytes[at] = (uint8_t)(before ^ change);
			if (!get(&base, "v1/inside/image", value, &error))
				assert_true(error.code != ERROR_NONE && error.message[0]);
		}
		base.bytes[at] = before;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_found),
		cmocka_unit_test(others_are_not_found),
		cmocka_unit_test(the_newer_whole_meta_page_counts),
		cmocka_unit_test(damage_is_refused),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(every_byte_may_be_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
