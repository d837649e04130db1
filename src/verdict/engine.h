// SPDX-License-Identifier: Apache-2.0
// Asks every rule; gives the one that explains most.
#pragma once

#include "verdict/rules.h"
#include "verdict/sites.h"

struct finding {
	const struct rule *rule; // NULL: none
	struct site site;        // of a site rule, or whom a group's goroutines lead to
	bool has_site;
	struct wait_group *group;
	double share; // of what grew, or is there, that it explains
	double score;
};

// In trouble: killed, near its limit, or growing.
bool engine_in_trouble(const struct evidence *evidence);
// `why_not`: what the one that came nearest lacked. Texts in the finding are borrowed from the
// evidence.
void engine_run(struct evidence *evidence, struct finding *finding, struct strbuf *why_not);
