// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "system/lab.h"

#include "native/allocator.h"

static struct allocator find(const char *text)
{
	struct maps maps;
	assert_ok(maps_parse(text, strlen(text), &maps, &error));
	struct allocator found = allocator_find(NULL, &maps);
	maps_deinit(&maps);
	return found;
}

#define LINE(start, name) start "000-" start "fff r--p 00000000 08:01 7 " name "\n"

static void test_libraries(void **state)
{
	(void)state;
	static const struct {
		const char *maps, *name;
		enum allocator_kind kind;
	} rows[] = {
		{LINE("1", "/usr/lib/x86_64-linux-gnu/libc.so.6"), "glibc", ALLOCATOR_GLIBC},
		{LINE("1", "/lib/x86_64-linux-gnu/libc-2.31.so"), "glibc", ALLOCATOR_GLIBC},
		{LINE("1", "/lib/ld-musl-x86_64.so.1"), "musl", ALLOCATOR_MUSL},
		{LINE("1", "/usr/lib/libc.so.6") LINE("2", "/usr/lib/libjemalloc.so.2"), "jemalloc",
		 ALLOCATOR_JEMALLOC},
		{LINE("1", "/a/libtcmalloc_minimal.so.4") LINE("2", "/usr/lib/libc.so.6"),
		 "tcmalloc", ALLOCATOR_TCMALLOC},
		{LINE("1", "/a/libmimalloc.so.2.0"), "mimalloc", ALLOCATOR_MIMALLOC},
		{LINE("1", "/a/libscudo.so"), "scudo", ALLOCATOR_OTHER},
		{LINE("1", "/app/libcurl.so.6"), "", ALLOCATOR_NONE},
		{LINE("1", "[heap]"), "", ALLOCATOR_NONE},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct allocator found = find(rows[i].maps);
		assert_string_equal(rows[i].name, found.name);
		assert_int_equal(rows[i].kind, found.kind);
		assert_false(found.in_executable);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_libraries)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
