// SPDX-License-Identifier: Apache-2.0
// That the numbers are right is in tests/e2e/test_layouts.py: it compares them with DWARF.
#include "system/lab.h"

#include <stdio.h>
#include <string.h>

#include "golang/layout.h"

static bool find(const char *text, struct go_layout *layout, struct error *error)
{
	struct go_version version;
	assert_true(go_version_parse(text, &version));
	return layout_find(&version, ELF_MACHINE_AMD64, layout, error);
}

static void every_known_version_has_a_layout(void **state)
{
	(void)state;
	struct go_layout layout;
	for (int minor = 11; minor <= 27; minor++) {
		char text[32];
		snprintf(text, sizeof text, "go1.%d.3", minor);
		assert_ok(find(text, &layout, &error));
		assert_int_equal(minor, layout.minor);
		assert_int_equal(LAYOUT_FROM_TABLE, layout.trust);
		for (int i = 0; i < GO_FIELD_COUNT; i++) {
			assert_in_range(layout.offset[i] + 1, 0, 4 << 20);
			assert_non_null(layout_field_name((enum go_field)i));
		}
	}
}

static void a_patch_has_the_last_layout_before_it(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int patch;
	} cases[] = {{"go1.18", 0},     {"go1.18.4", 4},  {"go1.18.8", 4},  {"go1.23.11", 4},
		     {"go1.23.12", 12}, {"go1.24rc1", 0}, {"go1.24.99", 6}, {"go1.23-custom", 0}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct go_layout layout;
		assert_ok(find(cases[i].text, &layout, &error));
		assert_int_equal(cases[i].patch, layout.patch);
	}
}

static void experiments_choose_their_layout(void **state)
{
	(void)state;
	struct go_layout plain, other;
	struct error failure;
	assert_ok(find("go1.25.3", &plain, &error));
	assert_ok(find("go1.25.3-X:greenteagc", &other, &error));
	assert_string_equal("greenteagc", other.experiment);
	assert_true(plain.offset[GO_SIZEOF_MSTATS] != other.offset[GO_SIZEOF_MSTATS]);
	assert_ok(find("go1.26.8-X:goroutineleakprofile,nogreenteagc", &other, &error));
	assert_string_equal("nogreenteagc", other.experiment);
	assert_ok(find("go1.26.8-X:runtimesecret", &other, &error)); // moves nothing
	assert_string_equal("", other.experiment);
	assert_false(find("go1.26.8-X:nobodyknows", &other, &failure));
	assert_int_equal(ERROR_UNSUPPORTED, failure.code);
	assert_non_null(strstr(failure.message, "nobodyknows"));
}

static void arm64_has_longer_cache_lines(void **state)
{
	(void)state;
	struct go_layout amd64, arm64;
	struct go_version version;
	struct error failure;
	assert_true(go_version_parse("go1.26.8", &version));
	assert_ok(layout_find(&version, ELF_MACHINE_AMD64, &amd64, &error));
	assert_ok(layout_find(&version, ELF_MACHINE_ARM64, &arm64, &error));
	assert_true(layout_is_of(&arm64, ELF_MACHINE_ARM64));
	assert_true(layout_is_of(&amd64, ELF_MACHINE_AMD64));
	assert_false(layout_is_of(&amd64, ELF_MACHINE_ARM64));
	assert_int_equal(LAYOUT_FROM_TABLE, arm64.trust);
	assert_int_equal(amd64.offset[GO_G_GOID], arm64.offset[GO_G_GOID]);
	assert_true(amd64.offset[GO_MHEAP_CENTRAL] < arm64.offset[GO_MHEAP_CENTRAL]);
	assert_true(go_version_parse("go1.17.13", &version));
	assert_false(layout_find(&version, ELF_MACHINE_ARM64, &arm64, &failure));
}

static void arm64_has_experiments(void **state)
{
	(void)state;
	struct go_layout plain, other, amd64;
	struct go_version version;
	struct error failure;
	assert_true(go_version_parse("go1.26.8", &version));
	assert_ok(layout_find(&version, ELF_MACHINE_ARM64, &plain, &error));
	assert_true(go_version_parse("go1.26.8-X:nogreenteagc", &version));
	assert_ok(layout_find(&version, ELF_MACHINE_ARM64, &other, &error));
	assert_ok(layout_find(&version, ELF_MACHINE_AMD64, &amd64, &error));
	assert_string_equal("arm64_nogreenteagc", other.experiment);
	assert_true(layout_is_of(&other, ELF_MACHINE_ARM64));
	assert_true(memcmp(plain.offset, other.offset, sizeof plain.offset) != 0);
	assert_true(amd64.offset[GO_MHEAP_CENTRAL] < other.offset[GO_MHEAP_CENTRAL]);
	assert_true(go_version_parse("go1.26.8-X:runtimesecret", &version));
	assert_ok(layout_find(&version, ELF_MACHINE_ARM64, &other, &error)); // moves nothing
	assert_string_equal("arm64", other.experiment);
	assert_true(go_version_parse("go1.26.8-X:nobodyknows", &version));
	assert_false(layout_find(&version, ELF_MACHINE_ARM64, &other, &failure));
	assert_non_null(strstr(failure.message, "nobodyknows"));
}

static void guesses_are_marked(void **state)
{
	(void)state;
	struct go_layout layout;
	assert_true(layout_count() > 20);
	layout_get(layout_count() - 1, &layout);
	assert_int_equal(LAYOUT_GUESSED, layout.trust);
	assert_int_equal(27, layout.minor);
}

static void an_unknown_version_is_refused_by_name(void **state)
{
	(void)state;
	static const char *const texts[] = {"go1.10.8", "go1.28.0", "go2.24.0", "go1.0"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct go_layout layout = {.minor = 77};
		struct error error;
		assert_false(find(texts[i], &layout, &error));
		assert_int_equal(ERROR_UNSUPPORTED, error.code);
		assert_non_null(strstr(error.message, texts[i]));
		assert_true(error.hint[0]);
		assert_int_equal(77, layout.minor);
	}
}

static void a_missing_field_is_named(void **state)
{
	(void)state;
	static const enum go_field wanted[] = {GO_SIZEOF_G, GO_MEM_RECORD_CYCLE_ALLOC_BYTES};
	struct go_layout layout;
	struct error failure;
	assert_ok(find("go1.26.8", &layout, &error));
	assert_true(layout_has(&layout, GO_MEM_RECORD_CYCLE_ALLOC_BYTES));
	assert_ok(layout_require(&layout, wanted, 2, &error));
	assert_ok(find("go1.27.4", &layout, &error));
	assert_false(layout_has(&layout, GO_MEM_RECORD_CYCLE_ALLOC_BYTES));
	assert_ok(layout_require(&layout, wanted, 1, &error));
	assert_false(layout_require(&layout, wanted, 2, &failure));
	assert_int_equal(ERROR_UNSUPPORTED, failure.code);
	assert_string_equal("Go 1.27 has no runtime.memRecordCycle.alloc_bytes", failure.message);
}

static void records_read_fields(void **state)
{
	(void)state;
	struct go_layout layout;
	uint8_t bytes[64];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i + 1);
	assert_ok(find("go1.27.4", &layout, &error));
	struct go_record record = {&layout, bytes, sizeof bytes};
	assert_true(record_u64(&record, GO_BUCKET_ALLNEXT) == 0x100f0e0d0c0b0a09);
	assert_int_equal(0x0c0b0a09, record_u32(&record, GO_BUCKET_ALLNEXT));
	assert_int_equal(0x0a09, record_u16(&record, GO_BUCKET_ALLNEXT));
	assert_int_equal(0x09, record_u8(&record, GO_BUCKET_ALLNEXT));
	// A field that is missing or outside of the bytes is 0.
	assert_true(record_u64(&record, GO_MEM_RECORD_CYCLE_ALLOC_BYTES) == 0);
	record.size = 15;
	assert_true(record_u64(&record, GO_BUCKET_ALLNEXT) == 0);
	assert_int_equal(0x0c0b0a09, record_u32(&record, GO_BUCKET_ALLNEXT));
	record.size = 8;
	assert_int_equal(0, record_u8(&record, GO_BUCKET_ALLNEXT));
	record.size = 0;
	assert_int_equal(0, record_u8(&record, GO_BUCKET_ALLNEXT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_known_version_has_a_layout),
		cmocka_unit_test(a_patch_has_the_last_layout_before_it),
		cmocka_unit_test(experiments_choose_their_layout),
		cmocka_unit_test(arm64_has_longer_cache_lines),
		cmocka_unit_test(arm64_has_experiments),
		cmocka_unit_test(guesses_are_marked),
		cmocka_unit_test(an_unknown_version_is_refused_by_name),
		cmocka_unit_test(a_missing_field_is_named),
		cmocka_unit_test(records_read_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
