// SPDX-License-Identifier: Apache-2.0
// Texts with facts put in; see rules.h for what may stand in braces.
#pragma once

#include "verdict/evidence.h"

struct template_words {
	const char *guilty, *where, *calls, *creator, *wait, *command;
};

// False where something in braces is not known: the text is then incomplete.
bool template_fill(const char *text, const struct scope *scope, const struct template_words *words,
		   struct strbuf *out);
// Whether every name in braces can be known.
bool template_is_valid(const char *text);
