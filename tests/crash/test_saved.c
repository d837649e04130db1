// SPDX-License-Identifier: Apache-2.0
// What whyoom wrote of goroutines, read back; and cut at every byte.
#include "system/lab.h"

#include <stdlib.h>
#include <string.h>

#include "crash/saved.h"

static const struct goroutine_frame stack[] = {{"main.f", "/a/b.go", 12},
					       {"main.g", "/a/b.go", 13}};

static void write_set(struct strbuf *text)
{
	struct goroutine_set set = {0};
	struct goroutine_group group = {.state = "waiting",
					.wait_reason = "chan send",
					.frames = stack,
					.depth = 2,
					.elided = 1234,
					.elided_at = 1,
					.created_by = {"main.main", "/a/b.go", 1},
					.start = stack[1],
					.count = 12345,
					.stack_bytes = 4096,
					.example_id = 17,
					.waited_ns = 125 * (int64_t)1000000000,
					.labels = "tenant: a, step: 2"};
	goroutine_set_add(&set, &group);
	group = (struct goroutine_group){.state = "running",
					 .no_stack = "running; its stack needs --mode stop",
					 .created_by = {"", "", 0},
					 .start = {"main.main", "/a/b.go", 1},
					 .count = 1,
					 .stack_bytes = 8192,
					 .example_id = 1};
	goroutine_set_add(&set, &group);
	group.state = "waiting";
	group.wait_reason = "GC worker (idle)";
	group.system = true;
	goroutine_set_add(&set, &group);
	goroutine_set_sort(&set);
	goroutine_set_write_text(&set, text);
	goroutine_set_deinit(&set);
}

static void comes_back(void **state)
{
	struct strbuf text = {0};
	struct goroutine_set set = {0};
	(void)state;
	write_set(&text);
	assert_ok(saved_parse((struct span){text.text, text.length}, &set, &error));
	assert_int_equal(3, set.groups.count);
	const struct goroutine_group *group = &set.groups.items[0];
	assert_int_equal(12345, group->count);
	assert_int_equal(12346, set.user);
	assert_int_equal(12347, set.total);
	assert_string_equal("chan send", group->wait_reason);
	assert_string_equal("tenant: a, step: 2", group->labels);
	assert_int_equal(17, group->example_id);
	assert_int_equal(4096, group->stack_bytes);
	assert_int_equal(125 * (int64_t)1000000000, group->waited_ns);
	assert_int_equal(2, group->depth);
	assert_int_equal(1234, group->elided);
	assert_int_equal(1, group->elided_at);
	assert_string_equal("main.g", group->frames[1].function);
	assert_string_equal("/a/b.go", group->frames[1].file);
	assert_int_equal(13, group->frames[1].line);
	assert_string_equal("main.main", group->created_by.function);
	group = &set.groups.items[1];
	assert_string_equal("running", group->state);
	assert_null(group->wait_reason);
	assert_int_equal(0, group->depth);
	assert_string_equal("running; its stack needs --mode stop", group->no_stack);
	assert_string_equal("main.main", group->start.function);
	assert_true(set.groups.items[2].system);
	goroutine_set_deinit(&set);
	strbuf_deinit(&text);
}

static void cut_anywhere(void **state)
{
	struct strbuf text = {0};
	(void)state;
	write_set(&text);
	for (size_t at = 0; at <= text.length; at++) {
		char *front = malloc(at + 1);
		struct goroutine_set set = {0};
		struct error error = {0};
		memcpy(front, text.text, at);
		if (!saved_parse((struct span){front, at}, &set, &error))
			assert_int_equal(ERROR_BAD_DATA, error.code);
		assert_true(set.total <= 12347);
		goroutine_set_deinit(&set);
		free(front);
	}
	strbuf_deinit(&text);
}

static void other_texts(void **state)
{
	static const char *const texts[] = {
		"", "hello", "3 goroutines", "goroutine 1 [running]:\n",
		"1 goroutines of the program and 2 of the Go runtime, in 1 groups\nhello\n"};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct goroutine_set set = {0};
		struct error error = {0};
		assert_false(saved_parse(span_of(texts[i]), &set, &error));
		assert_int_equal(ERROR_BAD_DATA, error.code);
		assert_int_equal(i == 4, saved_is(span_of(texts[i])));
		goroutine_set_deinit(&set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(other_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
