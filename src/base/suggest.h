// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the known word that is nearest to one that is not known.
#pragma once

#include <stddef.h>

// NULL where none is near. A candidate may be NULL: it is passed over.
const char *suggest(const char *word, const char *const *candidates, size_t count);
