// SPDX-License-Identifier: Apache-2.0
/*
 * Whose code a frame is, told by its own texts alone, so that it is the same for every source: the
 * standard library's files are at .../src/PACKAGE/FILE or, built with -trimpath, at PACKAGE/FILE;
 * modules of others lie in the module cache or a vendor folder.
 */
#pragma once

#include "goroutine/groups.h"

enum goroutine_owner {
	GOROUTINE_OWNER_RUNTIME,
	GOROUTINE_OWNER_STANDARD,
	GOROUTINE_OWNER_THIRD_PARTY,
	GOROUTINE_OWNER_OWN,
};

enum goroutine_owner goroutine_frame_owner(const struct goroutine_frame *frame);
// The frame that says most about a group: the innermost of the program's own code, else of a
// module, else its creator where that is own code, else the innermost. Never NULL; function ""
// where nothing is known.
const struct goroutine_frame *goroutine_group_place(const struct goroutine_group *group);
