// SPDX-License-Identifier: Apache-2.0
// What progress_say writes to standard error, byte for byte.
#include "../system/lab.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "watch/progress.h"

// Standard error goes to `text` while `say` runs.
static void catch_stderr(char *text, size_t capacity, void (*say)(void))
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	assert_non_null(file);
	fflush(stderr);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	say();
	fflush(stderr);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	rewind(file);
	text[fread(text, 1, capacity - 1, file)] = '\0';
	fclose(file);
}

static void say_hostile(void)
{
	progress_say(&(struct progress){0}, "name %s", "a\033[2J\r\n\tb\177\302\233c\377d\303\251");
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	(void)state;
	char text[256];
	catch_stderr(text, sizeof text, say_hostile);
	assert_non_null(strstr(text, "whyoom: name a"));
	assert_non_null(strstr(text, "d\303\251\n")); // UTF-8 passes
	for (const char *byte = text; byte[1]; byte++)
		assert_true((unsigned char)*byte >= 0x20 && *byte != 0x7f);
	assert_null(strstr(text, "\302\233"));
	assert_null(strchr(text, '\377'));
	assert_int_equal('\n', text[strlen(text) - 1]);
}

static void say_too_much(void)
{
	char long_text[8192];
	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	progress_say(&(struct progress){0}, "%s", long_text);
}

static void a_long_text_is_cut(void **state)
{
	(void)state;
	char text[16384];
	catch_stderr(text, sizeof text, say_too_much);
	assert_true(strlen(text) > 512 && strlen(text) < 2048);
	assert_int_equal('\n', text[strlen(text) - 1]);
}

static void draw_twice(void)
{
	struct progress off = {0}, on = {.live_line = true};
	struct progress_line line = {1 << 20, 2 << 20, 8 << 20, 1 << 20, 1 << 20, -1};
	progress_draw(&off, &line);
	progress_draw(&on, &line);
	progress_draw(&on, &line); // too soon
}

static void the_line_is_drawn_only_when_asked_for_and_not_too_often(void **state)
{
	(void)state;
	char text[1024];
	catch_stderr(text, sizeof text, draw_twice);
	const char *first = strstr(text, "anon 1.00 MiB");
	assert_non_null(first);
	assert_null(strstr(first + 1, "anon "));
	assert_null(strstr(text, "limit in")); // it is not coming nearer
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_do_not_reach_the_terminal),
		cmocka_unit_test(a_long_text_is_cut),
		cmocka_unit_test(the_line_is_drawn_only_when_asked_for_and_not_too_often),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
