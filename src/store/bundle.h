// SPDX-License-Identifier: Apache-2.0
/*
 * An incident as one file to hand on: a tar archive (ustar), compressed with zstd, that standard
 * tools open. In it one directory with the incident's files, those of its earlier captures below,
 * and SHA256SUMS over all, for `sha256sum -c`. Like the incident it has no contents of the target's
 * memory.
 */
#pragma once

#include "store/archive_library.h"
#include "store/incident_files.h"

enum { BUNDLE_PARTS_MAX = 8 };

struct bundle_part {
	const char *name; // "" for the incident itself, "baseline", "earlier-1", ...
	struct incident_files *files;
};

struct bundle {
	struct archive_library library;
	char name[256]; // of the directory in the archive
	struct bundle_part parts[BUNDLE_PARTS_MAX];
	int count;
};

// Opens the incident and what lies below it.
bool bundle_open(const char *path, struct bundle *bundle, struct error *error) must_check;
void bundle_close(struct bundle *bundle);
// Loads and checks everything, then writes to `fd`; with the incident's page, where `page` is one.
bool bundle_write(struct bundle *bundle, const char *page, size_t page_size, int fd,
		  struct error *error) must_check;
