// SPDX-License-Identifier: Apache-2.0
// A Go version as the runtime states it: "go1.26.8", "go1.27rc1", "go1.26.8-X:nogreenteagc",
// "devel go1.28-0c2dff1". Source: runtime.Version, cmd/go/internal/gover.
#pragma once

#include <stdbool.h>

struct go_version {
	char text[64];        // as found, cut
	int major, minor;     // 1, 26
	int patch;            // -1: a development build or release candidate
	char experiments[64]; // "nogreenteagc", or ""
};

// False when the text is no Go version ("unknown" from an obfuscated build, for one).
bool go_version_parse(const char *text, struct go_version *version);
