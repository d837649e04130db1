// SPDX-License-Identifier: Apache-2.0
/*
 * For a process that must work on the files of one directory and parse what is in them, such as a
 * database that anybody may have written: it becomes the owner of that directory, and can reach no
 * file outside of it. Call sandbox_enter(SANDBOX_KEEP_USER | SANDBOX_FILES) next.
 */
#pragma once

#include "base/error.h"

// Root becomes the user and the group that own `directory`, so that what it writes there is theirs
// and a link that they planted leads it nowhere they could not go. Others stay who they are.
// Then Landlock holds the process in `directory`; a kernel without it (before Linux 5.13, or
// switched off) leaves that out.
bool confine_to_directory(const char *directory, struct error *error) must_check;
