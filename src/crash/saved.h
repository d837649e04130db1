// SPDX-License-Identifier: Apache-2.0
// What goroutine_set_write_text wrote, read back: goroutines.txt of an incident. Sizes and times in
// it are rounded.
#pragma once

#include "base/error.h"
#include "crash/span.h"
#include "goroutine/groups.h"

bool saved_is(struct span text); // by its first line
bool saved_parse(struct span text, struct goroutine_set *set, struct error *error) must_check;
