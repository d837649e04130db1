// SPDX-License-Identifier: Apache-2.0
// A sentence that was made in English, and has values in it, in the reader's language: what was
// stored, or was made before the language was chosen.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

// Adds the translation of that one of `sentences` that `text` is, with the values of `text`. In the
// sentences each value is a "%s"; of two that fit, the first counts. False, and nothing is added,
// where none fits.
bool retell(struct strbuf *out, const char *text, const char *const *sentences, size_t count);
