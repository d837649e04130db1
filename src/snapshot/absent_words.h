// SPDX-License-Identifier: Apache-2.0
// Why a part of a snapshot is absent, in the reader's language: what was captured or stored says it
// in English, often with values in it.
#pragma once

#include "base/strbuf.h"

// Escaped for a terminal. A reason that is not known here stays as it is.
void absent_words_add(struct strbuf *out, const char *message);
