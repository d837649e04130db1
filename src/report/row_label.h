// SPDX-License-Identifier: Apache-2.0
// A ledger's row in the reader's language, also where there is a number or a name in its label.
#pragma once

#include "base/strbuf.h"

// Escaped for a terminal.
void row_label_add(struct strbuf *out, const char *label);
