// SPDX-License-Identifier: Apache-2.0
// Of a report's JSON, which anybody may have written: how the process ended, how the evidence was
// taken, the last samples of the watch.
#pragma once

#include <jansson.h>

#include "report/instant.h"

// "kill", "evidence", "timeline", "trigger" of `report`, as far as they make sense.
void instant_read_end(const json_t *report, struct instant *instant);
