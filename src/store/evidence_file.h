// SPDX-License-Identifier: Apache-2.0
/*
 * Any file that says something of a process: an incident's directory or a file in it but for the
 * heap profile, a bundle, a report as JSON, a heap profile, a crash log or goroutine dump. Open it,
 * give the privileges up, then load it: what it is, is found out by its content.
 */
#pragma once

#include "report/instant.h"

struct evidence_file;

struct evidence_loaded {
	struct instant *instant;
	struct instant *baseline; // that came with it; NULL: none
	const char *kind;         // "incident", "bundle", "report", "profile", "crash log"
	char headline[512];       // of a crash log; ""
};

bool evidence_file_open(const char *path, struct evidence_file **file,
			struct error *error) must_check;
bool evidence_file_load(struct evidence_file *file, struct evidence_loaded *loaded,
			struct error *error) must_check;
void evidence_file_free(struct evidence_file *file); // NULL is allowed
void evidence_loaded_deinit(struct evidence_loaded *loaded);
