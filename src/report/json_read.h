// SPDX-License-Identifier: Apache-2.0
// Single values of a report's JSON, which anybody may have written: bounded, and never an error.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/units.h"

enum { JSON_TEXT_MAX = 4096 };

// Beyond, sums and differences of two could overflow. In nanoseconds it is the year 2116.
static inline int64_t json_bounded(const json_t *value)
{
	const int64_t most = INT64_MAX / 2;
	int64_t number = json_integer_value(value);
	return number > most ? most : number < -most ? -most : number;
}

// 0 for what is no number.
static inline int64_t int_of(const json_t *object, const char *key)
{
	return json_bounded(json_object_get(object, key));
}

// -1 for what is no number: not known.
static inline int64_t known_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return json_is_integer(value) ? json_bounded(value) : -1;
}

static inline uint64_t count_of(const json_t *object, const char *key)
{
	int64_t value = int_of(object, key);
	return value > 0 ? (uint64_t)value : 0;
}

static inline int small_of(const json_t *object, const char *key)
{
	int64_t value = int_of(object, key);
	return value > INT32_MAX || value < INT32_MIN ? 0 : (int)value;
}

static inline bool flag_of(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

// "" for what is no text, or too long to be one of ours. Borrowed from `object`.
static inline const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text && strlen(text) < JSON_TEXT_MAX ? text : "";
}

// 0 for what is no time.
static inline int64_t time_of(const json_t *object, const char *key)
{
	int64_t unix_ns;
	return parse_time_rfc3339(text_of(object, key), &unix_ns) ? unix_ns : 0;
}
