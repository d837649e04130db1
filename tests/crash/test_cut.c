// SPDX-License-Identifier: Apache-2.0
// Real logs, cut at every byte from both ends: an answer or none, and nothing read that is not
// there.
#include "system/lab.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "crash/flat.h"
#include "crash/unwrap.h"
#include "crash/crash_places.h"

static void unwrap_text(struct span text)
{
	static const struct crash_options options = {.wanted_id = 1};
	struct crash_log log = {0};
	struct unwrap unwrap;
	uint64_t number = 0;
	unwrap_init(&unwrap, &log, &options);
	while (text.length) {
		size_t end = span_find_char(text, '\n');
		unwrap_take(&unwrap, span_first(text, end), ++number);
		text = span_from(text, end == SPAN_NONE ? text.length : end + 1);
	}
	unwrap_deinit(&unwrap);
	crash_log_deinit(&log);
}

static void cut(const char *data, size_t size)
{
	for (size_t at = 0; at <= size; at++) {
		char *front = malloc(at + 1), *back = malloc(size - at + 1);
		memcpy(front, data, at);
		memcpy(back, data + at, size - at);
		unwrap_text((struct span){front, at});
		unwrap_text((struct span){back, size - at});
		free(front);
		free(back);
	}
}

static void cut_log(const char *name, void (*change)(struct strbuf *text))
{
	_cleanup_free_ char *data = NULL;
	_cleanup_close_ int folder = open(CRASH_LOGS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct strbuf text = {0};
	size_t size;
	assert_ok(file_read_path(folder, name, 1 << 20, &data, &size, &error));
	strbuf_add_bytes(&text, data, size < 1500 ? size : 1500);
	if (change)
		change(&text);
	cut(text.text, text.length);
	strbuf_deinit(&text);
}

static void into_one_line(struct strbuf *text)
{
	for (size_t i = 0; i < text->length; i++)
		if (text->text[i] == '\n' || text->text[i] == '\t')
			text->text[i] = ' ';
}

static void into_json(struct strbuf *text)
{
	struct strbuf out = {0};
	strbuf_add(&out, "{\"log\":\"");
	for (size_t i = 0; i < text->length; i++) {
		const char *escape = text->text[i] == '\n'   ? "\\n"
				     : text->text[i] == '\t' ? "\\t"
				     : text->text[i] == '"'  ? "\\\""
							     : NULL;
		strbuf_add_bytes(&out, escape ? escape : &text->text[i], escape ? 2 : 1);
	}
	strbuf_add(&out, "\",\"stream\":\"stderr\"}");
	strbuf_deinit(text);
	*text = out;
}

static void as_they_are(void **state)
{
	(void)state;
	cut_log("1.26.8-again.log", NULL);
	cut_log("1.26.8-race.log", NULL);
	cut_log("1.26.8-profile1.log", NULL);
	cut_log("1.26.8-nil-crash.log", NULL);
	cut_log("1.4.3-giant.log", NULL);
}

static void wrapped(void **state)
{
	(void)state;
	cut_log("1.26.8-again.log", into_one_line);
	cut_log("1.26.8-again.log", into_json);
	cut_log("1.26.8-nil-crash.log", into_one_line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_they_are),
		cmocka_unit_test(wrapped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
