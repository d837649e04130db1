// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <string.h>

#include "golang/version.h"

static void versions_are_told(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int major, minor, patch;
		const char *experiments;
	} rows[] = {
		{"go1.26.8", 1, 26, 8, ""},
		{"go1.26", 1, 26, -1, ""},
		{"go1.22.12", 1, 22, 12, ""},
		{"go1.27rc1", 1, 27, -1, ""},
		{"go1.27beta2", 1, 27, -1, ""},
		{"go1.26.8-X:nogreenteagc", 1, 26, 8, "nogreenteagc"},
		{"go1.25.1 X:rangefunc,boringcrypto", 1, 25, 1, "rangefunc,boringcrypto"},
		{"go1.24.3 X:a other", 1, 24, 3, "a"},
		{"go1.23.4-acme.7", 1, 23, 4, ""}, // a vendor's build
		{"devel go1.28-0c2dff1 Tue Nov 18 12:00:00 2026 +0000", 1, 28, -1, ""},
		{"go2.0", 2, 0, -1, ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct go_version version;
		if (!go_version_parse(rows[i].text, &version))
			fail_msg("%s", rows[i].text);
		assert_string_equal(rows[i].text, version.text);
		assert_int_equal(rows[i].major, version.major);
		assert_int_equal(rows[i].minor, version.minor);
		assert_int_equal(rows[i].patch, version.patch);
		assert_string_equal(rows[i].experiments, version.experiments);
	}
}

static void what_is_no_version_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",        "unknown",  "go",         "go1",      "go1.",       "go.1",
		"gox.y",   "1.26",     "go-1.22",    "go1.-22",  "go 1.22",    "go+1.22",
		"go1. 22", "go0.9",    "xgo1.26",    "devel",    "devel +abc", "go1.99999",
		"go1.26.", "go1.26.x", "go99999.26", "go1.\xff",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct go_version version = {.major = 77};
		if (go_version_parse(texts[i], &version))
			fail_msg("%s", texts[i]);
		assert_int_equal(77, version.major);
	}
}

static void long_texts_are_cut(void **state)
{
	(void)state;
	char text[400] = "go1.26.8 X:";
	struct go_version version;
	memset(text + strlen(text), 'e', sizeof text - 1 - strlen(text));
	assert_true(go_version_parse(text, &version));
	assert_int_equal(sizeof version.text - 1, strlen(version.text));
	assert_int_equal(sizeof version.experiments - 1, strlen(version.experiments));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_told),
		cmocka_unit_test(what_is_no_version_is_refused),
		cmocka_unit_test(long_texts_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
