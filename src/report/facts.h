// SPDX-License-Identifier: Apache-2.0
// The facts that rules see, for who writes a rule: numbers now and at the baseline, what grew by
// class, sites and groups of goroutines as rules meet them.
#pragma once

#include <jansson.h>

#include "base/strbuf.h"
#include "verdict/evidence.h"

void report_write_facts(const struct evidence *evidence, struct strbuf *out);
json_t *report_facts_to_json(const struct evidence *evidence);
