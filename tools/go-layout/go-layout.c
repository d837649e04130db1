// SPDX-License-Identifier: Apache-2.0
/*
 * go-layout: what the DWARF of a Go program says of each row of src/golang/layout_table.h.
 *
 *     go-layout BINARY                  each row: name, DWARF path, offset ("-": no such field)
 *     go-layout --column BINARY         the offsets alone, in table order: a new version's column
 *     go-layout --check VERSION BINARY  compares with the table's column; exits 1 on a difference
 *
 * In: a Go program that was built with DWARF. Out: text. A row "a.b|a.c" takes whichever of the
 * two is there; a row without a member is the structure's size; a constant that the program's
 * DWARF leaves out is skipped.
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
#include "golang/layout.h"

enum { PATH_BYTES_MAX = 256, NOT_FOUND = -1 };

struct row {
	const char *id;
	bool constant; // no part of a structure
	int64_t offset;
};

static struct row rows[GO_FIELD_COUNT] = {
#define GO_FIELD(name, dwarf, ...) [name] = {.id = #name, .offset = NOT_FOUND},
#include "golang/layout_table.h"
#undef GO_FIELD
};

static bool get_number(Dwarf_Die *die, unsigned int name, int64_t *value)
{
	Dwarf_Attribute attribute;
	Dwarf_Word word;
	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &word) != 0)
		return false;
	*value = (int64_t)word;
	return true;
}

static int64_t member_offset(Dwarf_Die *structure, const char *name)
{
	Dwarf_Die child;
	int64_t offset;
	if (dwarf_child(structure, &child) != 0)
		return NOT_FOUND;
	do {
		const char *found = dwarf_diename(&child);
		if (dwarf_tag(&child) == DW_TAG_member && found && strcmp(found, name) == 0 &&
		    get_number(&child, DW_AT_data_member_location, &offset))
			return offset;
	} while (dwarf_siblingof(&child, &child) == 0);
	return NOT_FOUND;
}

// What `die`, called `name`, says of the row whose path is `path`.
static void match_path(struct row *row, const char *path, Dwarf_Die *die, const char *name)
{
	size_t length = strlen(name);
	bool structure = dwarf_tag(die) == DW_TAG_structure_type;
	if (strncmp(path, name, length) != 0)
		return;
	if (path[length] == '\0' &&
	    get_number(die, structure ? DW_AT_byte_size : DW_AT_const_value, &row->offset))
		return;
	if (structure && path[length] == '.' && !strchr(path + length + 1, '.')) {
		int64_t offset = member_offset(die, path + length + 1);
		row->offset = offset == NOT_FOUND ? row->offset : offset;
	}
}

static void match_rows(Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);
	int tag = dwarf_tag(die);
	if (!name || (tag != DW_TAG_structure_type && tag != DW_TAG_constant))
		return;
	for (int i = 0; i < GO_FIELD_COUNT; i++) {
		char paths[PATH_BYTES_MAX], *rest;
		snprintf(paths, sizeof paths, "%s", layout_field_name((enum go_field)i));
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

// Rows that name no member of a structure that is there, and no structure: constants.
static void find_constants(void)
{
	for (int i = 0; i < GO_FIELD_COUNT; i++)
		rows[i].constant = strncmp(layout_field_name((enum go_field)i), "runtime.", 8) != 0;
}

static int print_rows(bool column)
{
	for (int i = 0; i < GO_FIELD_COUNT; i++) {
		if (!column)
			printf("%s %s ", rows[i].id, layout_field_name((enum go_field)i));
		if (rows[i].constant && rows[i].offset == NOT_FOUND)
			puts("-");
		else
			printf("%" PRId64 "\n", rows[i].offset);
	}
	return EXIT_SUCCESS;
}

static int check(const char *version_text)
{
	struct go_version version;
	struct go_layout layout;
	struct error error = {.message = "not a Go version"};
	char text[64];
	int differences = 0;
	snprintf(text, sizeof text, "go%s", version_text);
	if (!go_version_parse(text, &version) || !layout_find(&version, &layout, &error)) {
		fprintf(stderr, "go-layout: %s: %s\n", version_text, error.message);
		return 2;
	}
	for (int i = 0; i < GO_FIELD_COUNT; i++) {
		if (layout.offset[i] == rows[i].offset ||
		    (rows[i].constant && rows[i].offset == NOT_FOUND))
			continue;
		differences++;
		printf("%s %s: the table says %d, DWARF %" PRId64 "\n", rows[i].id,
		       layout_field_name((enum go_field)i), layout.offset[i], rows[i].offset);
	}
	return differences ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int count, char **arguments)
{
	bool column = count == 3 && strcmp(arguments[1], "--column") == 0;
	bool checks = count == 4 && strcmp(arguments[1], "--check") == 0;
	if (count != 2 && !column && !checks) {
		fputs("usage: go-layout [--column | --check VERSION] BINARY\n", stderr);
		return 2;
	}
	if (!read_dwarf(arguments[count - 1]))
		return 2;
	find_constants();
	return checks ? check(arguments[2]) : print_rows(column);
}
