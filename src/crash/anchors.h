// SPDX-License-Identifier: Apache-2.0
// Whether a piece of log may hold the start of a crash: quick, because most logs hold none.
#pragma once

#include "crash/span.h"

// The first byte of something that only a crash has, or SPAN_NONE. Looks at the whole of `text`.
size_t crash_find_anchor(struct span text);
