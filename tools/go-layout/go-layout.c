// SPDX-License-Identifier: Apache-2.0
/*
 * go-layout: where fields are, by the DWARF of a Go program.
 *
 *     go-layout BINARY < PATHS     one path a line; prints one number a line, "-" if there is none
 *
 * A path is "runtime.g.goid" (the offset of a member), "runtime.p.timers.len" (of a member of a
 * member), "runtime.g" (the structure's size) or "internal/abi.FuncIDWrapper" (a constant).
 * "PATH#2" takes a member only where it is 2 bytes wide, and "A|B" whichever of the two is there.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { ROWS_MAX = 1024, PATH_BYTES_MAX = 256, NOT_FOUND = -1 };

struct row {
	char paths[PATH_BYTES_MAX];
	int64_t value;
};

static struct row rows[ROWS_MAX];
static size_t row_count;

static bool get_number(Dwarf_Die *die, unsigned int name, int64_t *value)
{
	Dwarf_Attribute attribute;
	Dwarf_Word word;
	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &word) != 0)
		return false;
	*value = (int64_t)word;
	return true;
}

// The type of a member, without its typedefs.
static bool get_type(Dwarf_Die *member, Dwarf_Die *type)
{
	Dwarf_Attribute attribute;
	if (!dwarf_attr(member, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, type))
		return false;
	while (dwarf_tag(type) == DW_TAG_typedef)
		if (!dwarf_attr(type, DW_AT_type, &attribute) ||
		    !dwarf_formref_die(&attribute, type))
			return false;
	return true;
}

static bool find_member(Dwarf_Die *structure, const char *name, size_t length, Dwarf_Die *member)
{
	if (dwarf_child(structure, member) != 0)
		return false;
	do {
		const char *found = dwarf_diename(member);
		if (dwarf_tag(member) == DW_TAG_member && found && strlen(found) == length &&
		    memcmp(found, name, length) == 0)
			return true;
	} while (dwarf_siblingof(member, member) == 0);
	return false;
}

// The offset of "a.b.c" in a structure. `width` 0: any.
static int64_t find_offset(Dwarf_Die structure, const char *path, uint64_t width)
{
	int64_t total = 0, offset;
	Dwarf_Die member, type;
	Dwarf_Word size;
	for (;;) {
		size_t length = strcspn(path, ".#");
		if (!find_member(&structure, path, length, &member) ||
		    !get_number(&member, DW_AT_data_member_location, &offset) ||
		    !get_type(&member, &type))
			return NOT_FOUND;
		total += offset;
		path += length;
		if (*path != '.')
			break;
		path++;
		structure = type;
	}
	if (width && (dwarf_aggregate_size(&type, &size) != 0 || size != width))
		return NOT_FOUND;
	return total;
}

// What `die`, called `name`, says of the row with this path.
static void match_path(struct row *row, const char *path, Dwarf_Die *die, const char *name)
{
	size_t length = strlen(name);
	bool structure = dwarf_tag(die) == DW_TAG_structure_type;
	const char *width = strchr(path, '#');
	if (strncmp(path, name, length) != 0)
		return;
	if (path[length] == '\0' &&
	    get_number(die, structure ? DW_AT_byte_size : DW_AT_const_value, &row->value))
		return;
	if (structure && path[length] == '.') {
		int64_t offset = find_offset(*die, path + length + 1,
					     width ? strtoull(width + 1, NULL, 10) : 0);
		row->value = offset == NOT_FOUND ? row->value : offset;
	}
}

static void match_rows(Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);
	int tag = dwarf_tag(die);
	if (!name || (tag != DW_TAG_structure_type && tag != DW_TAG_constant))
		return;
	for (size_t i = 0; i < row_count; i++) {
		char paths[PATH_BYTES_MAX], *rest;
		memcpy(paths, rows[i].paths, sizeof paths);
		for (char *path = strtok_r(paths, "|", &rest); path;
		     path = strtok_r(NULL, "|", &rest))
			match_path(&rows[i], path, die, name);
	}
}

static bool read_dwarf(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	Dwarf *dwarf = fd < 0 ? NULL : dwarf_begin(fd, DWARF_C_READ);
	Dwarf_CU *unit = NULL;
	Dwarf_Die root, child;
	while (dwarf && dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &root, NULL) == 0) {
		if (dwarf_child(&root, &child) != 0)
			continue;
		do
			match_rows(&child);
		while (dwarf_siblingof(&child, &child) == 0);
	}
	if (!dwarf)
		fprintf(stderr, "go-layout: %s: no DWARF\n", path);
	dwarf_end(dwarf);
	return dwarf;
}

int main(int count, char **arguments)
{
	if (count != 2) {
		fputs("usage: go-layout BINARY < PATHS\n", stderr);
		return 2;
	}
	while (row_count < ROWS_MAX && scanf("%255s", rows[row_count].paths) == 1)
		rows[row_count++].value = NOT_FOUND;
	if (!read_dwarf(arguments[1]))
		return 2;
	for (size_t i = 0; i < row_count; i++)
		if (rows[i].value == NOT_FOUND)
			puts("-");
		else
			printf("%" PRId64 "\n", rows[i].value);
	return EXIT_SUCCESS;
}
