// SPDX-License-Identifier: Apache-2.0
/*
 * Two runs as an experiment: what was different before (build, arguments, settings, limit), and
 * what came of it (memory, the goroutines that one has and the other has not, what the guilty
 * function holds in each). Of the reports' JSON, which anybody may have written.
 */
#pragma once

#include <jansson.h>

#include "base/strbuf.h"

json_t *experiment_new(const json_t *before, const json_t *after);
void experiment_write_text(const json_t *experiment, struct strbuf *out);
