// SPDX-License-Identifier: Apache-2.0
// Profiles for tests, from stacks written as text.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "profile/profile.h"

// Fails the test with the error's message.
#define assert_ok(expression) fixture_check((expression), &error, #expression, __FILE__, __LINE__)
void fixture_check(bool ok, const struct error *error, const char *expression, const char *file,
		   int line);

// The four types of a Go heap profile, one mapping, a period, a time, a comment; no samples.
struct profile *fixture_new(void);
// `stack` is leaf first: "main.alloc:12,main.grow:20 main.main:30"; a space parts locations, a
// comma the inlined calls of one. Files are "/src/PACKAGE.go". A location's address depends on its
// text and on `build`, as in two builds of one program. "?" is a location without symbols.
void fixture_add(struct profile *profile, uint64_t build, const char *stack, int64_t inuse_bytes);
// Recursion, inlining, ties, negative and zero values, a generic name, labels of both kinds.
struct profile *fixture_heap(void);
// `count` samples of pseudo-random stacks over a few hundred functions.
struct profile *fixture_random(uint64_t seed, size_t count);
uint64_t fixture_random_next(uint64_t *state);
