// SPDX-License-Identifier: Apache-2.0
// Shared by the files that make findings.
#pragma once

#include "crash/findings.h"

struct human_frame {
	char text[384];
};

struct human_module {
	char text[320];
};

// Adds a sentence; `id` is for machines and lives for ever.
__attribute__((format(printf, 4, 5))) void finding_say(struct crash *crash, struct crash_log *log,
						       const char *id, const char *format, ...);
// "main.f (main.go:12)"
struct human_frame finding_name_frame(const struct crash_frame *frame);
// " of module example.com/shop@v1.2.3", or "".
struct human_module finding_name_module(const struct crash_frame *frame);

// findings_groups.c

// The innermost frame of own code, else of a module, else of all; NULL: it has no frames.
const struct crash_frame *finding_user_frame(const struct crash_group *group);
// Many goroutines of one creator.
void findings_of_creators(struct crash *crash, struct crash_log *log);
// Groups that wait for what may never come.
void findings_of_stuck_groups(struct crash *crash, struct crash_log *log);
