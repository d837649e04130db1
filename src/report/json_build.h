// SPDX-License-Identifier: Apache-2.0
// The values that JSON objects here are made of.
#pragma once

#include "base/units.h"
#include "report/report.h"

static inline void set_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, report_text_to_json(text));
}

static inline void set_int(json_t *object, const char *key, int64_t value)
{
	json_object_set_new(object, key, json_integer(value));
}

// Absent is not zero: a value below 0 stands for "not known" here and becomes null.
static inline void set_known(json_t *object, const char *key, int64_t value)
{
	json_object_set_new(object, key, value < 0 ? json_null() : json_integer(value));
}

// 0 and less: not known.
static inline void set_time(json_t *object, const char *key, int64_t unix_ns)
{
	json_object_set_new(object, key,
			    unix_ns > 0 ? json_string(human_time_rfc3339(unix_ns).text)
					: json_null());
}
