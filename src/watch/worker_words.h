// SPDX-License-Identifier: Apache-2.0
// The process that captures speaks English, since what it stores is English; what it says to the
// watch is here in the language of who watches.
#pragma once

#include "base/error.h"

void worker_words(struct error *error);
