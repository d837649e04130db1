// SPDX-License-Identifier: Apache-2.0
/*
 * The one small language of triggers, in files and on the command line:
 *
 *   condition = term { "and" term } [ "for" TIME ]
 *   term      = METRIC ( ">" | ">=" | "<" | "<=" ) value
 *   value     = NUMBER, of the metric's unit: 900MiB, 50MiB/s, 80%, 30s, 50000
 *             | PERCENT, for bytes: of the memory limit
 *             | "baseline" TIME [ ("+" | "-") (NUMBER | PERCENT) ]: what it was that long ago
 *
 * Plain data of fixed size, so that it can come out of a process without privileges.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "watch/metric.h"

enum { CONDITION_TERMS_MAX = 4, CONDITION_TEXT_MAX = 256 };

#define CONDITION_FOR_MAX_NS ((int64_t)86400 * 1000000000)
#define CONDITION_AGE_MIN_NS ((int64_t)10 * 1000000000) // of a baseline
#define CONDITION_AGE_MAX_NS ((int64_t)86400 * 1000000000)

enum condition_operator { CONDITION_OVER, CONDITION_AT_LEAST, CONDITION_UNDER, CONDITION_AT_MOST };

enum condition_value {
	CONDITION_FIXED,
	CONDITION_OF_LIMIT,         // hundredths of a percent of the limit
	CONDITION_BASELINE,         // what it was, and `number` more
	CONDITION_BASELINE_PERCENT, // what it was, and that many hundredths of a percent more
};

struct condition_term {
	enum metric metric;
	enum condition_operator compare;
	enum condition_value kind;
	int64_t number;
	int64_t age_ns; // of a baseline
};

struct condition {
	char text[CONDITION_TEXT_MAX]; // as it was written
	struct condition_term terms[CONDITION_TERMS_MAX];
	size_t count;
	int64_t for_ns; // 0: at once
};

// ERROR_USAGE with what would be right; *column is where, from 1.
bool condition_parse(const char *text, struct condition *condition, size_t *column,
		     struct error *error) must_check;
// "goroutines (...) are above 50,000, for 10 s"
void condition_explain(const struct condition *condition, struct strbuf *out);

enum truth { TRUTH_UNKNOWN, TRUTH_NO, TRUTH_YES };

// What a term compares with; false where it is not known. `before` is what the metric was
// term->age_ns ago, NULL where that is not known or not needed.
bool condition_threshold(const struct condition_term *term, const struct readings *readings,
			 const int64_t *before, int64_t *threshold);
enum truth condition_term_holds(const struct condition_term *term, const struct readings *readings,
				const int64_t *before);
