// SPDX-License-Identifier: Apache-2.0
/*
 * The Go programs of a host, as they start. Which executables are Go programs is found out by a
 * child without privileges that looks at the files; each file once.
 *
 * A process that executes another program is looked at again: soon while it is young, now and then
 * later.
 */
#pragma once

#include "base/error.h"
#include "base/vec.h"
#include "system/process.h"

struct discovered {
	pid_t pid;
	char name[PROCESS_NAME_MAX]; // as the kernel knows it; untrusted
	char build_id[64];           // of its executable, "" where there is none; untrusted
};

typedef VEC(struct discovered) discovered_list;

struct discovery;

// `pattern`: a shell pattern that the process's name or its executable's has to match; NULL: all.
struct discovery *discovery_new(const char *proc_root, const char *pattern);
void discovery_free(struct discovery *discovery);
// Appends those that no scan before has found. A process that ends meanwhile is no error.
bool discovery_scan(struct discovery *discovery, discovered_list *found,
		    struct error *error) must_check;
