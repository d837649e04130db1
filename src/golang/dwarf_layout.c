// SPDX-License-Identifier: Apache-2.0
// In: an executable with DWARF. Out: offsets of the runtime's fields.
#include "golang/dwarf_layout.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { PATH_BYTES_MAX = 256, DIES_MAX = 16 << 20, MEMBERS_MAX = 1 << 16, NOT_FOUND = -1 };

struct lookup {
	const char *const *paths;
	int *values;
	size_t count;
	int64_t dies_left; // hostile DWARF must not keep us for ever
};

static bool get_number(Dwarf_Die *die, unsigned int name, int *value)
{
	Dwarf_Attribute attribute;
	Dwarf_Word word;
	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &word) != 0 ||
	    word > INT_MAX)
		return false;
	*value = (int)word;
	return true;
}

// The type of a member, without its typedefs.
static bool get_type(Dwarf_Die *member, Dwarf_Die *type)
{
	Dwarf_Attribute attribute;
	Dwarf_Die *die = member;
	for (int depth = 0; depth < 16; depth++) {
		if (!dwarf_attr(die, DW_AT_type, &attribute) ||
		    !dwarf_formref_die(&attribute, type))
			return false;
		if (dwarf_tag(type) != DW_TAG_typedef)
			return true;
		die = type;
	}
	return false;
}

static bool find_member(Dwarf_Die *structure, const char *name, size_t length, Dwarf_Die *member)
{
	if (dwarf_child(structure, member) != 0)
		return false;
	for (int left = MEMBERS_MAX; left > 0; left--) {
		const char *found = dwarf_diename(member);
		if (dwarf_tag(member) == DW_TAG_member && found && strlen(found) == length &&
		    memcmp(found, name, length) == 0)
			return true;
		if (dwarf_siblingof(member, member) != 0)
			return false;
	}
	return false;
}

// The offset of "a.b.c" in a structure. `width` 0: any.
static int find_offset(Dwarf_Die structure, const char *path, uint64_t width)
{
	int total = 0, offset;
	Dwarf_Die member, type;
	Dwarf_Word size;
	for (;;) {
		size_t length = strcspn(path, ".#");
		if (!find_member(&structure, path, length, &member) ||
		    !get_number(&member, DW_AT_data_member_location, &offset) ||
		    !get_type(&member, &type) || __builtin_add_overflow(total, offset, &total))
			return NOT_FOUND;
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

// What `die`, called `name`, says of one path.
static void match_path(const char *path, Dwarf_Die *die, const char *name, int *value)
{
	size_t length = strlen(name);
	bool structure = dwarf_tag(die) == DW_TAG_structure_type;
	const char *width = strchr(path, '#');
	if (strncmp(path, name, length) != 0)
		return;
	if (path[length] == '\0' &&
	    get_number(die, structure ? DW_AT_byte_size : DW_AT_const_value, value))
		return;
	if (structure && path[length] == '.') {
		int offset = find_offset(*die, path + length + 1,
					 width ? strtoull(width + 1, NULL, 10) : 0);
		*value = offset == NOT_FOUND ? *value : offset;
	}
}

static void match_rows(struct lookup *lookup, Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);
	int tag = dwarf_tag(die);
	if (!name || (tag != DW_TAG_structure_type && tag != DW_TAG_constant))
		return;
	for (size_t i = 0; i < lookup->count; i++) {
		char paths[PATH_BYTES_MAX] = "", *rest;
		strncpy(paths, lookup->paths[i], sizeof paths - 1);
		for (char *path = strtok_r(paths, "|", &rest); path;
		     path = strtok_r(NULL, "|", &rest))
			match_path(path, die, name, &lookup->values[i]);
	}
}

static void walk_unit(struct lookup *lookup, Dwarf_Die *root)
{
	Dwarf_Die child;
	if (dwarf_child(root, &child) != 0)
		return;
	do
		match_rows(lookup, &child);
	while (lookup->dies_left-- > 0 && dwarf_siblingof(&child, &child) == 0);
}

bool dwarf_layout_paths(int fd, const char *const *paths, int *values, size_t count,
			struct error *error)
{
	struct lookup lookup = {paths, values, count, DIES_MAX};
	Dwarf *dwarf = dwarf_begin(fd, DWARF_C_READ);
	Dwarf_CU *unit = NULL;
	Dwarf_Die root;
	if (!dwarf)
		return error_set(error, ERROR_NOT_FOUND, "the executable has no DWARF");
	for (size_t i = 0; i < count; i++)
		values[i] = NOT_FOUND;
	while (lookup.dies_left > 0 &&
	       dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &root, NULL) == 0)
		walk_unit(&lookup, &root);
	dwarf_end(dwarf);
	return true;
}

bool dwarf_layout_read(int fd, const struct go_layout *like, struct go_layout *out,
		       struct error *error)
{
	struct go_layout layout = *like;
	const char *paths[GO_FIELD_COUNT];
	layout.trust = LAYOUT_FROM_DWARF;
	for (int i = 0; i < GO_FIELD_COUNT; i++)
		paths[i] = layout_field_name((enum go_field)i);
	if (!dwarf_layout_paths(fd, paths, layout.offset, GO_FIELD_COUNT, error))
		return false;
	if (!layout_has(&layout, GO_SIZEOF_G) || !layout_has(&layout, GO_SIZEOF_MODULEDATA))
		return error_set(error, ERROR_NOT_FOUND,
				 "the executable's DWARF does not tell of the Go runtime");
	for (int i = 0; i < GO_FIELD_COUNT; i++)
		if (layout.offset[i] == NOT_FOUND && !strchr(paths[i], '.'))
			layout.offset[i] = like->offset[i];
	*out = layout;
	return true;
}
