// SPDX-License-Identifier: Apache-2.0
/*
 * Where fields are by the DWARF of a Go program itself: for versions that the table does not know,
 * and for making the table (tools/go-layout). Read with elfutils' libdw.
 */
#pragma once

#include "golang/layout.h"

/*
 * Looks up `count` paths of layout_table.h: "runtime.g.goid" (the offset of a member),
 * "runtime.p.timers.len" (of a member of a member), "runtime.g" (the structure's size),
 * "internal/abi.FuncIDWrapper" (a constant). "PATH#2" takes a member only where it is 2 bytes wide,
 * "A|B" whichever of the two is there. -1: none. ERROR_NOT_FOUND when the file has no DWARF.
 */
bool dwarf_layout_paths(int fd, const char *const *paths, int *values, size_t count,
			struct error *error) must_check;
// A whole layout with trust LAYOUT_FROM_DWARF. What is no structure's field (the numbers of special
// functions) is taken from `like`. ERROR_NOT_FOUND also when the DWARF lacks the runtime.
bool dwarf_layout_read(int fd, const struct go_layout *like, struct go_layout *layout,
		       struct error *error) must_check;
