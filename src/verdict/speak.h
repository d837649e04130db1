// SPDX-License-Identifier: Apache-2.0
// A finding, or that there is none, in words.
#pragma once

#include "verdict/engine.h"

const char *verdict_text(struct verdict *verdict, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void speak_finding(const struct evidence *evidence, const struct finding *finding,
		   struct verdict *verdict);
void speak_not_determined(const struct evidence *evidence, const char *why_not,
			  struct verdict *verdict);
// What is missing where all there is comes from one file, or two, that say nothing of the memory.
const char *speak_next_of_file(const struct evidence *evidence);
// Class, part of the Go heap: for every verdict.
void speak_steps(const struct evidence *evidence, struct verdict *verdict);
// What began to grow when, and after which mark: for every verdict, where somebody watched.
void speak_timeline(const struct evidence *evidence, struct verdict *verdict);
// Alternatives that the numbers reject, whatever the rule.
void speak_rejected(const struct evidence *evidence, const struct finding *finding,
		    struct verdict *verdict);
