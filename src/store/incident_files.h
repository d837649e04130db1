// SPDX-License-Identifier: Apache-2.0
/*
 * A stored incident, read back. Its files may have been written by anybody: open them, give the
 * privileges up (system/sandbox.h), then load them, which checks each against the manifest's hash.
 * What is used afterwards is what was checked: it is read once.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include <jansson.h>

#include "report/incident.h"

struct incident_files {
	char *path;
	int fds[INCIDENT_PARTS]; // -1: not there
	// After incident_files_load:
	char *data[INCIDENT_PARTS];
	size_t sizes[INCIDENT_PARTS];
	char sha256[INCIDENT_PARTS][65];
	int64_t modified_unix_s[INCIDENT_PARTS];
};

// ERROR_NOT_FOUND where `path` is no incident: it has no manifest.
bool incident_files_open(const char *path, struct incident_files **files,
			 struct error *error) must_check;
// ERROR_BAD_DATA, naming the file, where one is missing, longer or shorter, or its hash differs.
bool incident_files_load(struct incident_files *files, struct error *error) must_check;
// Whether the manifest (its JSON) says that of a file.
bool manifest_has(const json_t *manifest, const char *name, const char *sha256,
		  struct error *error) must_check;
void incident_files_free(struct incident_files *files); // NULL is allowed
