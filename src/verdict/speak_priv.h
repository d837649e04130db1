// SPDX-License-Identifier: Apache-2.0
// A finding that is being put into words.
#pragma once

#include "verdict/speak.h"
#include "verdict/template.h"

struct speech {
	const struct evidence *evidence;
	const struct finding *finding;
	struct verdict *verdict;
	struct scope scope;
	struct template_words words;
};

// A text of a rule with its numbers in; "" where one of them is not known.
const char *speech_fill(struct speech *speech, const char *text);
bool speech_fact(const struct evidence *evidence, const char *name, double *value);
// "main.f (main.go:12)"
const char *speech_place(struct verdict *verdict, const struct verdict_frame *frame);

void speak_proof(struct speech *speech);
