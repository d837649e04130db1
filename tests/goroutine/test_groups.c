// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <stdio.h>
#include <string.h>

#include "goroutine/groups.h"

static const struct goroutine_frame nobody = {"", "", 0};

static struct goroutine_group make(const char *wait_reason, const struct goroutine_frame *frames,
				   size_t depth, uint64_t id)
{
	return (struct goroutine_group){
		.state = wait_reason ? "waiting" : "running",
		.wait_reason = wait_reason,
		.frames = frames,
		.depth = depth,
		.created_by = nobody,
		.start = {"main.start", "/src/main.go", 3},
		.count = 1,
		.stack_bytes = 2048,
		.example_id = id,
	};
}

static const struct goroutine_frame receive[] = {{"main.receive", "/src/main.go", 10},
						 {"main.start", "/src/main.go", 4}};

static void the_same_ones_are_one_group(void **state)
{
	(void)state;
	struct goroutine_set set = {0};
	struct goroutine_group group = make("chan receive", receive, 2, 7);
	char function[] = "main.receive";
	struct goroutine_frame copies[2] = {{function, "/src/main.go", 10}, receive[1]};
	goroutine_set_add(&set, &group);
	group.frames = copies; // the same texts, elsewhere
	group.example_id = 8;
	group.count = 5;
	group.stack_bytes = 10000;
	goroutine_set_add(&set, &group);
	memset(function, 'x', sizeof function - 1); // the set has its own
	assert_int_equal(1, set.groups.count);
	assert_int_equal(6, set.groups.items[0].count);
	assert_int_equal(12048, set.groups.items[0].stack_bytes);
	assert_int_equal(7, set.groups.items[0].example_id);
	assert_string_equal("main.receive", set.groups.items[0].frames[0].function);
	assert_int_equal(6, set.total);
	assert_int_equal(6, set.user);
	assert_int_equal(12048, set.stack_bytes);
	goroutine_set_deinit(&set);
}

// What differs in one thing only is a group of its own.
static void different_ones_stay_apart(void **state)
{
	(void)state;
	struct goroutine_set set = {0};
	struct goroutine_frame other_line[2] = {receive[0], receive[1]};
	struct goroutine_frame other_file[2] = {receive[0], receive[1]};
	struct goroutine_frame other_function[2] = {receive[0], receive[1]};
	other_line[0].line++;
	other_file[1].file = "/src/other.go";
	other_function[1].function = "main.other";
	struct goroutine_group groups[10];
	for (size_t i = 0; i < 10; i++)
		groups[i] = make("chan receive", receive, 2, i);
	groups[1].wait_reason = "select";
	groups[2].state = "leaked";
	groups[3].frames = other_line;
	groups[4].frames = other_file;
	groups[5].frames = other_function;
	groups[6].depth = 1;
	groups[7].created_by = receive[0];
	groups[8].start = receive[0];
	groups[9].system = true;
	for (size_t i = 0; i < 10; i++)
		goroutine_set_add(&set, &groups[i]);
	assert_int_equal(10, set.groups.count);
	assert_int_equal(10, set.total);
	assert_int_equal(9, set.user);
	goroutine_set_deinit(&set);
}

static void states_are_counted_under_what_they_wait_for(void **state)
{
	(void)state;
	struct goroutine_set set = {0};
	struct goroutine_group group = make("select", receive, 2, 1);
	goroutine_set_add(&set, &group);
	group.depth = 1;
	goroutine_set_add(&set, &group);
	group = make("chan receive", receive, 2, 2);
	goroutine_set_add(&set, &group);
	group = make(NULL, NULL, 0, 3);
	goroutine_set_add(&set, &group);
	group.system = true; // not the program's
	goroutine_set_add(&set, &group);
	goroutine_set_sort(&set);
	static const struct {
		const char *state;
		uint64_t count;
	} rows[] = {{"select", 2}, {"chan receive", 1}, {"running", 1}}; // then by name
	assert_int_equal(3, set.states.count);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(rows[i].state, set.states.items[i].state);
		assert_int_equal(rows[i].count, set.states.items[i].count);
	}
	goroutine_set_deinit(&set);
}

static void the_largest_comes_first_and_the_runtime_last(void **state)
{
	(void)state;
	static const struct {
		uint64_t count, id;
		bool system;
	} rows[] = {{3, 1, true},  {1, 9, false},  {7, 2, false},
		    {1, 4, false}, {900, 5, true}, {1, 6, false}};
	static const uint64_t order[] = {2, 4, 6, 9, 5, 1};
	struct goroutine_set set = {0};
	for (size_t i = 0; i < 6; i++) {
		char file[16];
		snprintf(file, sizeof file, "%zu.go", i);
		struct goroutine_group group = make("select", receive, 2, rows[i].id);
		group.start.file = file;
		group.count = rows[i].count;
		group.system = rows[i].system;
		goroutine_set_add(&set, &group);
	}
	goroutine_set_sort(&set);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(order[i], set.groups.items[i].example_id);
	goroutine_set_deinit(&set);
}

static void an_empty_set_is_sorted_and_shown(void **state)
{
	(void)state;
	struct goroutine_set set = {0};
	struct strbuf text = {0};
	goroutine_set_sort(&set);
	goroutine_set_write_text(&set, &text);
	assert_string_equal("0 goroutines of the program and 0 of the Go runtime, in 0 groups\n\n",
			    text.text);
	strbuf_deinit(&text);
	goroutine_set_deinit(&set);
}

static void the_text_says_it_all(void **state)
{
	(void)state;
	struct goroutine_set set = {0};
	struct strbuf text = {0};
	struct goroutine_group group = make("chan \033[2J", receive, 2, 7);
	group.count = 1200;
	group.created_by = (struct goroutine_frame){"main.m\xff", "/src/\033.go", 5};
	goroutine_set_add(&set, &group);
	group = make(NULL, NULL, 0, 9);
	group.system = true;
	goroutine_set_add(&set, &group);
	goroutine_set_sort(&set);
	goroutine_set_write_text(&set, &text);
	assert_string_equal(
		"1,200 goroutines of the program and 1 of the Go runtime, in 2 groups\n\n"
		"1,200 goroutines [chan ?[2J], stacks 2.00 KiB, for example 7\n"
		"    main.receive\n        /src/main.go:10\n"
		"    main.start\n        /src/main.go:4\n"
		"  created by\n    main.m?\n        /src/?.go:5\n\n"
		"1 goroutine [running] (of the Go runtime), stacks 2.00 KiB, for example 9\n"
		"    (no stack: it ran while it was read; it started in)\n"
		"    main.start\n        /src/main.go:3\n\n",
		text.text);
	strbuf_deinit(&text);
	goroutine_set_deinit(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_ones_are_one_group),
		cmocka_unit_test(different_ones_stay_apart),
		cmocka_unit_test(states_are_counted_under_what_they_wait_for),
		cmocka_unit_test(the_largest_comes_first_and_the_runtime_last),
		cmocka_unit_test(an_empty_set_is_sorted_and_shown),
		cmocka_unit_test(the_text_says_it_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
