// SPDX-License-Identifier: Apache-2.0
// In: stacks as text. Out: profiles.
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"

enum { MAX_FRAMES = 64 };

void fixture_check(bool ok, const struct error *error, const char *expression, const char *file,
		   int line)
{
	if (!ok)
		print_error("%s: %s\n", expression, error->message);
	_assert_true(ok, expression, file, line);
}

struct profile *fixture_new(void)
{
	static const char *const types[][2] = {{"alloc_objects", "count"},
					       {"alloc_space", "bytes"},
					       {"inuse_objects", "count"},
					       {"inuse_space", "bytes"}};
	struct error error;
	uint32_t index;
	struct profile *profile = profile_new();
	struct profile_mapping mapping = {
		.start = 0x400000,
		.limit = 0x900000,
		.file = "/usr/local/bin/leaky",
		.build_id = "0123abcd",
		.has_functions = true,
		.has_filenames = true,
		.has_line_numbers = true,
		.has_inline_frames = true,
	};
	for (size_t i = 0; i < 4; i++)
		assert_ok(profile_add_sample_type(profile, types[i][0], types[i][1], &error));
	assert_ok(profile_add_mapping(profile, &mapping, &index, &error));
	assert_ok(profile_set_period(profile, "space", "bytes", 524288, &error));
	assert_ok(profile_set_default_sample_type(profile, "inuse_space", &error));
	assert_ok(profile_add_comment(profile, "a comment", &error));
	profile->time_ns = 1700000000000000000;
	return profile;
}

// "main.alloc:12" as a line of `profile`.
static struct profile_line parse_frame(struct profile *profile, char *text)
{
	struct error error;
	struct profile_line line = {0};
	struct strbuf file = {0};
	char *colon = strrchr(text, ':');
	if (colon) {
		*colon = '\0';
		line.line = strtoll(colon + 1, NULL, 10);
	}
	strbuf_addf(&file, "/src/%.*s.go", (int)strcspn(text, "."), text);
	assert_ok(profile_add_function(profile, text, file.text, 1, &line.function, &error));
	strbuf_deinit(&file);
	return line;
}

static uint32_t parse_location(struct profile *profile, uint64_t build, char *text)
{
	struct error error;
	struct profile_line lines[MAX_FRAMES];
	uint32_t count = 0, index, mapping = 0;
	uint64_t address = 0x400000 + (hash_bytes(text, strlen(text)) + build) % 0x500000;
	char *rest;
	if (text[0] == '?')
		mapping = text[1] ? PROFILE_NONE : 0;
	else
		for (char *frame = strtok_r(text, ",", &rest); frame;
		     frame = strtok_r(NULL, ",", &rest))
			lines[count++] = parse_frame(profile, frame);
	assert_ok(profile_add_location(profile, mapping, address, lines, count, &index, &error));
	return index;
}

static uint32_t parse_stack(struct profile *profile, uint64_t build, const char *stack,
			    uint32_t *locations)
{
	char *text = strdup(stack), *rest;
	uint32_t count = 0;
	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		locations[count++] = parse_location(profile, build, word);
	free(text);
	return count;
}

void fixture_add(struct profile *profile, uint64_t build, const char *stack, int64_t inuse_bytes)
{
	struct error error;
	uint32_t locations[MAX_FRAMES];
	uint32_t count = parse_stack(profile, build, stack, locations);
	int64_t values[] = {inuse_bytes / 8, inuse_bytes * 2, inuse_bytes / 16, inuse_bytes};
	struct profile_label label = {.key = "bytes", .number = 16, .unit = "bytes"};
	assert_ok(profile_add_sample(profile, locations, count, values, &label, 1, &error));
}

struct profile *fixture_heap(void)
{
	struct error error;
	uint32_t locations[MAX_FRAMES];
	struct profile *profile = fixture_new();
	fixture_add(profile, 0, "cache.put:12,cache.grow:20 main.serve:30 main.main:5", 4096);
	fixture_add(profile, 0, "cache.put:14 main.serve:30 main.main:5", 8192);
	fixture_add(profile, 0, "cache.put:14 main.serve:31 main.main:5", 1024);
	fixture_add(profile, 0, "tree.walk:7 tree.walk:7 tree.walk:9 main.main:6", 2048);
	fixture_add(profile, 0, "tree.walk:9 main.main:6", 512);
	fixture_add(profile, 0, "tie.b:1 main.main:8", 640);
	fixture_add(profile, 0, "tie.a:1 main.main:8", 640);
	fixture_add(profile, 0, "generic.Map[...].Set:3 main.main:9", 32);
	fixture_add(profile, 0, "never.used:1 main.main:10", 0);
	int64_t values[] = {INT64_C(1) << 40, 3, 1, 160};
	struct profile_label labels[] = {{.key = "tenant", .text = "acme"},
					 {.key = "retries", .number = -3, .unit = ""}};
	uint32_t count = parse_stack(profile, 0, "labelled.alloc:4 main.main:11", locations);
	assert_ok(profile_add_sample(profile, locations, count, values, labels, 2, &error));
	return profile;
}

// splitmix64: small, and the same everywhere.
uint64_t fixture_random_next(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15u;
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

struct profile *fixture_random(uint64_t seed, size_t count)
{
	struct profile *profile = fixture_new();
	struct strbuf stack = {0};
	for (size_t i = 0; i < count; i++) {
		uint64_t depth = 1 + fixture_random_next(&seed) % 12;
		strbuf_clear(&stack);
		for (uint64_t j = 0; j < depth; j++) {
			uint64_t dice = fixture_random_next(&seed);
			strbuf_addf(&stack, "%spkg%u.func%u:%u",
				    !j         ? ""
				    : dice % 4 ? " "
					       : ",",
				    (unsigned int)(dice >> 8) % 7, (unsigned int)(dice >> 16) % 40,
				    (unsigned int)(dice >> 32) % 5 + 1);
		}
		fixture_add(profile, 0, stack.text,
			    (int64_t)(fixture_random_next(&seed) % 64) * 4096);
	}
	strbuf_deinit(&stack);
	return profile;
}
