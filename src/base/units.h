// SPDX-License-Identifier: Apache-2.0
// Numbers as people read them. Each returns its own small struct by value, so that several fit in
// one printf: printf("%s of %s", human_bytes(a).text, human_bytes(b).text).
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct human {
	char text[32];
};

struct human human_bytes(int64_t bytes);          // "1.02 GiB", "-3.0 MiB", "512 B"
struct human human_duration(int64_t ns);          // "350 us", "4.2 ms", "3.1 s", "2m05s", "3h12m"
struct human human_count(int64_t count);          // "1,234,567"
struct human human_percent(double fraction);      // 0.973 -> "97%", 0.0031 -> "0.3%"
struct human human_time(int64_t unix_ns);         // local time, "2026-11-21 03:04:05.678"
struct human human_time_rfc3339(int64_t unix_ns); // UTC, for machines, to the nanosecond

// "900MiB", "1.5G", "1048576", "64k" (all binary). False when it is not a size or overflows.
bool parse_bytes(const char *text, int64_t *bytes);
// What human_time_rfc3339 writes, from 1970 on.
bool parse_time_rfc3339(const char *text, int64_t *unix_ns);
// "2s", "500ms", "1m", "7d", "2" (seconds). False when it is not a duration or overflows.
bool parse_duration(const char *text, int64_t *ns);
// A whole decimal number and nothing else, from `minimum` to `maximum`.
bool parse_integer(const char *text, int64_t minimum, int64_t maximum, int64_t *value);
