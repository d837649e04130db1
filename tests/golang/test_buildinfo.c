// SPDX-License-Identifier: Apache-2.0
// The build information of a program, made by hand as cmd/link writes it.
#include "system/lab.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/strbuf.h"
#include "golang/buildinfo.h"

static const char sentinel[] = "0123456789abcdef"; // 16 bytes before and behind
static const char modinfo[] = "path\texample.com/app/cmd/server\n"
			      "mod\texample.com/app\tv1.2.3\th1:abc=\n"
			      "dep\tgithub.com/a/b\tv0.1.0\th1:def=\n"
			      "dep\tgithub.com/c/d\tv0.2.0\n"
			      "=>\t./local/d\t(devel)\t\n"
			      "dep\tgithub.com/e/f\tv0.3.0\n"
			      "=>\tgithub.com/fork/f\tv0.3.1\th1:ghi=\n"
			      "build\t-compiler=gc\n"
			      "build\tvcs.revision=0c2dff1\n"
			      "build\tempty=\n"
			      "build\tnothing\n"
			      "unknown\tx\ty\n"
			      "\n";

static void add_varint(struct strbuf *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7) {
		uint8_t byte = (uint8_t)(value | 0x80);
		strbuf_add_bytes(out, &byte, 1);
	}
	uint8_t last = (uint8_t)value;
	strbuf_add_bytes(out, &last, 1);
}

static struct strbuf make_blob(const char *version, const char *text)
{
	struct strbuf blob = {0};
	static const char header[32] = "\xff Go buildinf:\x08\x02";
	strbuf_add_bytes(&blob, header, sizeof header);
	add_varint(&blob, strlen(version));
	strbuf_add(&blob, version);
	add_varint(&blob, strlen(text) + 32);
	strbuf_addf(&blob, "%s%s%s", sentinel, text, sentinel);
	return blob;
}

static void everything_is_told(void **state)
{
	(void)state;
	struct strbuf blob = make_blob("go1.26.8", modinfo);
	struct go_buildinfo info;
	assert_ok(go_buildinfo_parse(blob.text, blob.length, &info, &error));
	assert_true(info.version_known);
	assert_int_equal(26, info.version.minor);
	assert_string_equal("go1.26.8", info.version_text);
	assert_string_equal("example.com/app/cmd/server", info.main_package);
	assert_string_equal("example.com/app", info.main_module.path);
	assert_string_equal("v1.2.3", info.main_module.version);
	assert_null(info.main_module.replaced_by);
	assert_int_equal(3, info.dependencies.count);
	assert_string_equal("github.com/a/b", info.dependencies.items[0].path);
	assert_null(info.dependencies.items[0].replaced_by);
	assert_string_equal("./local/d", info.dependencies.items[1].replaced_by);
	assert_string_equal("v0.3.0", info.dependencies.items[2].version);
	assert_string_equal("github.com/fork/f", info.dependencies.items[2].replaced_by);
	assert_string_equal("gc", go_buildinfo_setting(&info, "-compiler"));
	assert_string_equal("0c2dff1", go_buildinfo_setting(&info, "vcs.revision"));
	assert_string_equal("", go_buildinfo_setting(&info, "empty"));
	assert_string_equal("", go_buildinfo_setting(&info, "vcs.time"));
	go_buildinfo_deinit(&info);
	strbuf_deinit(&blob);
}

static void sparse_information_is_enough(void **state)
{
	(void)state;
	static const char *const texts[] = {"",          "\n",        "path",     "=>\tx\n",
					    "mod\n",     "mod\t\n",   "\t\t\t\n", "dep\t\n=>\t\n",
					    "build\t\n", "build\t=\n"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct strbuf blob = make_blob("unknown", texts[i]);
		struct go_buildinfo info;
		assert_ok(go_buildinfo_parse(blob.text, blob.length, &info, &error));
		assert_false(info.version_known);
		assert_string_equal("unknown", info.version_text);
		assert_string_equal("", info.main_package);
		assert_string_equal("", info.main_module.path);
		assert_string_equal("", info.main_module.version);
		go_buildinfo_deinit(&info);
		strbuf_deinit(&blob);
	}
}

static void other_bytes_are_refused(void **state)
{
	(void)state;
	struct go_buildinfo info;
	struct strbuf blob = make_blob("go1.26.8", modinfo);
	blob.text[15] = 0; // pointers to strings, as before Go 1.18
	assert_error(ERROR_UNSUPPORTED, go_buildinfo_parse(blob.text, blob.length, &info, &error));
	blob.text[3] = 'X';
	assert_error(ERROR_NOT_FOUND, go_buildinfo_parse(blob.text, blob.length, &info, &error));
	assert_error(ERROR_NOT_FOUND, go_buildinfo_parse(NULL, 0, &info, &error));
	strbuf_deinit(&blob);
}

// In a block of exactly that size, so that a read behind it is seen.
static bool parse_exactly(const char *bytes, size_t size, struct error *error)
{
	struct go_buildinfo info;
	char *exact = malloc(size + !size);
	memcpy(exact, bytes, size);
	bool ok = go_buildinfo_parse(exact, size, &info, error);
	if (ok)
		go_buildinfo_deinit(&info);
	free(exact);
	return ok;
}

static void cut_information_is_refused(void **state)
{
	(void)state;
	struct strbuf blob = make_blob("go1.26.8", modinfo);
	for (size_t cut = 0; cut < blob.length; cut++)
		assert_error(cut < 16 ? ERROR_NOT_FOUND : ERROR_BAD_DATA,
			     parse_exactly(blob.text, cut, &error));
	assert_ok(parse_exactly(blob.text, blob.length, &error));
	strbuf_deinit(&blob);
}

static void damaged_information_is_no_danger(void **state)
{
	(void)state;
	struct strbuf blob = make_blob("go1.26.8", modinfo);
	char *damaged = malloc(blob.length);
	uint64_t seed = 1;
	int failed = 0;
	for (int i = 0; i < 5000; i++) {
		struct error error = {0};
		memcpy(damaged, blob.text, blob.length);
		random_damage(&seed, (uint8_t *)damaged, blob.length, 1 + (size_t)i % 40);
		if (!parse_exactly(damaged, blob.length, &error)) {
			assert_true(error.code != ERROR_NONE && error.message[0]);
			failed++;
		}
	}
	assert_true(failed > 100 && failed < 4900);
	free(damaged);
	strbuf_deinit(&blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_told),
		cmocka_unit_test(sparse_information_is_enough),
		cmocka_unit_test(other_bytes_are_refused),
		cmocka_unit_test(cut_information_is_refused),
		cmocka_unit_test(damaged_information_is_no_danger),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
