// SPDX-License-Identifier: Apache-2.0
// In: the version text of a Go binary. Out: its numbers.
#include "golang/version.h"

#include <stdio.h>
#include <string.h>

bool go_version_parse(const char *text, struct go_version *out)
{
	struct go_version version = {.patch = -1};
	snprintf(version.text, sizeof version.text, "%s", text);
	const char *start = strstr(text, "go");
	int used = 0;
	if (!start || (start != text && strncmp(text, "devel ", 6) != 0) ||
	    sscanf(start, "go%3d.%3d%n", &version.major, &version.minor, &used) != 2)
		return false;
	if (version.major < 1 || version.minor < 0)
		return false;
	int patch;
	if (sscanf(start + used, ".%3d", &patch) == 1 && patch >= 0)
		version.patch = patch;
	const char *experiments = strstr(start, "X:");
	if (experiments)
		snprintf(version.experiments, sizeof version.experiments, "%.*s",
			 (int)strcspn(experiments + 2, " "), experiments + 2);
	*out = version;
	return true;
}

bool go_version_at_least(const struct go_version *version, int minor)
{
	return version->major > 1 || version->minor >= minor;
}
