// SPDX-License-Identifier: Apache-2.0
// In: the version text of a Go binary. Out: its numbers.
#include "golang/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Digits only: no sign and no blank in front.
static bool parse_number(const char *text, int *number, const char **end)
{
	size_t digits = strspn(text, "0123456789");
	if (digits < 1 || digits > 4)
		return false;
	*number = (int)strtol(text, NULL, 10);
	*end = text + digits;
	return true;
}

bool go_version_parse(const char *text, struct go_version *out)
{
	struct go_version version = {.patch = -1};
	snprintf(version.text, sizeof version.text, "%s", text);
	const char *start = strstr(text, "go");
	const char *end;
	if (!start || (start != text && strncmp(text, "devel ", 6) != 0) ||
	    !parse_number(start + 2, &version.major, &end) || *end != '.' ||
	    !parse_number(end + 1, &version.minor, &end) || version.major < 1)
		return false;
	if (*end == '.' && !parse_number(end + 1, &version.patch, &end))
		return false;
	const char *experiments = strstr(start, "X:");
	if (experiments)
		snprintf(version.experiments, sizeof version.experiments, "%.*s",
			 (int)strcspn(experiments + 2, " "), experiments + 2);
	*out = version;
	return true;
}
