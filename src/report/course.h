// SPDX-License-Identifier: Apache-2.0
// What began to grow when, and the marks: the part "course" of a report's JSON, and back.
#pragma once

#include <jansson.h>

#include "verdict/onsets.h"

json_t *course_to_json(const struct onsets *onsets);
// From a file that anybody may have written: what makes no sense is left out. `to_ns` is 0 where
// there is none.
void course_of_json(const json_t *object, struct onsets *onsets);
