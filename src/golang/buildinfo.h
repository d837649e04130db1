// SPDX-License-Identifier: Apache-2.0
/*
 * What a Go binary says about its build: the Go version, the main module, its dependencies and
 * settings. Read from the executable, so it is there without symbols. Formats: of Go 1.18 and
 * later, and of 1.13 to 1.17, where the texts are elsewhere in the executable; source:
 * debug/buildinfo/buildinfo.go. Older programs have their version only, found by its symbol. All
 * texts are in the arena.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/vec.h"
#include "golang/version.h"
#include "target/elf_image.h"

struct go_module {
	const char *path, *version;
	const char *replaced_by; // path of the replacement, or NULL
};

struct go_setting {
	const char *key, *value; // "vcs.revision", "-race", "CGO_ENABLED", ...
};

struct go_buildinfo {
	struct arena arena;
	struct go_version version;
	bool version_known;
	const char *version_text;
	const char *main_package; // "example.com/exportd/cmd/server", or "" when it was not stated
	struct go_module main_module;
	VEC(struct go_module) dependencies;
	VEC(struct go_setting) settings;
};

// ERROR_NOT_FOUND: not a Go program; ERROR_UNSUPPORTED: one without build information and symbols.
bool go_buildinfo_read(int exe_fd, struct elf_image *image, struct go_buildinfo *info,
		       struct error *error) must_check;
// The format of Go 1.18 and later, from the bytes that begin with the magic.
bool go_buildinfo_parse(const void *data, size_t size, struct go_buildinfo *info,
			struct error *error) must_check;
void go_buildinfo_deinit(struct go_buildinfo *info);
// "" when the setting is not there.
const char *go_buildinfo_setting(const struct go_buildinfo *info, const char *key);
