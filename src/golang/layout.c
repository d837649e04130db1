// SPDX-License-Identifier: Apache-2.0
// In: a Go version and a field's name. Out: its offset.
#include "golang/layout.h"

#include <string.h>

#include "base/reader.h"

struct column {
	int minor, patch;
	const char *experiment;
};

static const struct column columns[] = {
#define GO_COLUMN(minor, patch, experiment) {minor, patch, experiment},
#define GO_FIELD(id, dwarf, ...)
#include "golang/layout_table.h"
#undef GO_FIELD
#undef GO_COLUMN
};

static const char ARM64[] = "arm64";

enum { COLUMNS = sizeof columns / sizeof *columns };

struct field_row {
	const char *name;
	int offset[COLUMNS];
};

static const struct field_row fields[GO_FIELD_COUNT] = {
#define GO_COLUMN(minor, patch, experiment)
#define GO_FIELD(id, dwarf, ...) [id] = {dwarf, {__VA_ARGS__}},
#include "golang/layout_table.h"
#undef GO_FIELD
#undef GO_COLUMN
};

size_t layout_count(void)
{
	return COLUMNS;
}

void layout_get(size_t index, struct go_layout *layout)
{
	*layout = (struct go_layout){
		.trust = LAYOUT_GUESSED,
		.minor = columns[index].minor,
		.patch = columns[index].patch,
		.experiment = columns[index].experiment,
	};
	for (int i = 0; i < GO_FIELD_COUNT; i++)
		layout->offset[i] = fields[i].offset[index];
}

static bool is_of(const struct column *column, enum elf_machine machine)
{
	bool arm64 = strncmp(column->experiment, ARM64, strlen(ARM64)) == 0;
	return arm64 == (machine == ELF_MACHINE_ARM64);
}

// What follows the machine's name: "arm64_greenteagc".
static const char *experiment_of(const struct column *column)
{
	if (!is_of(column, ELF_MACHINE_ARM64))
		return column->experiment;
	const char *rest = column->experiment + strlen(ARM64);
	return *rest ? rest + 1 : rest;
}

// The column of a minor version with the highest first patch that is not above `patch`.
static int find_column(const struct go_version *version, enum elf_machine machine,
		       const char *experiment, size_t length)
{
	int found = -1;
	for (int i = 0; i < COLUMNS; i++)
		if (columns[i].minor == version->minor && is_of(&columns[i], machine) &&
		    (columns[i].patch == 0 || columns[i].patch <= version->patch) &&
		    strlen(experiment_of(&columns[i])) == length &&
		    memcmp(experiment_of(&columns[i]), experiment, length) == 0)
			found = i;
	return found;
}

static bool same_columns(int a, int b)
{
	for (int i = 0; i < GO_FIELD_COUNT; i++)
		if (fields[i].offset[a] != fields[i].offset[b])
			return false;
	return true;
}

// Each experiment has a column; at most one of them moves fields, and that one is taken.
static int apply_experiments(const struct go_version *version, enum elf_machine machine, int plain)
{
	int chosen = plain;
	for (const char *at = version->experiments; *at;) {
		size_t length = strcspn(at, ",");
		int column = find_column(version, machine, at, length);
		if (column < 0)
			return -1;
		if (!same_columns(column, plain) && chosen != plain)
			return -1;
		if (!same_columns(column, plain))
			chosen = column;
		at += length;
		at += *at == ',';
	}
	return chosen;
}

static bool unknown_version(const struct go_version *version, enum elf_machine machine,
			    struct error *error)
{
	const char *name = machine == ELF_MACHINE_ARM64 ? ARM64 : "";
	int first = COLUMNS - 1;
	for (int i = COLUMNS - 1; i >= 0; i--)
		if (is_of(&columns[i], machine))
			first = i;
	error_set(error, ERROR_UNSUPPORTED,
		  "Go version %s: whyoom knows the runtimes of Go 1.%d to 1.%d%s%s", version->text,
		  columns[first].minor, columns[COLUMNS - 1].minor, name[0] ? " on " : "", name);
	return error_hint(error, "update whyoom, or report this version");
}

bool layout_is_of(const struct go_layout *layout, enum elf_machine machine)
{
	return is_of(&(struct column){.experiment = layout->experiment}, machine);
}

bool layout_find(const struct go_version *version, enum elf_machine machine,
		 struct go_layout *layout, struct error *error)
{
	int plain = version->major == 1 ? find_column(version, machine, "", 0) : -1;
	if (plain < 0)
		return unknown_version(version, machine, error);
	int column = apply_experiments(version, machine, plain);
	if (column < 0)
		return error_set(error, ERROR_UNSUPPORTED,
				 "Go version %s: whyoom does not know the runtime with these "
				 "experiments",
				 version->text);
	layout_get((size_t)column, layout);
	layout->trust = LAYOUT_FROM_TABLE;
	return true;
}

const char *layout_caveat(const struct go_layout *layout)
{
	switch (layout->trust) {
	case LAYOUT_FROM_TABLE:
		break;
	case LAYOUT_FROM_DWARF:
		return "this Go version is new to whyoom; it was read by the program's own DWARF";
	case LAYOUT_GUESSED:
		return "UNVERIFIED: this Go version is not known; the closest layout fits every "
		       "check, but was never compared with this version";
	}
	return "";
}

bool layout_has(const struct go_layout *layout, enum go_field field)
{
	return layout->offset[field] >= 0;
}

bool layout_require(const struct go_layout *layout, const enum go_field *wanted, size_t count,
		    struct error *error)
{
	for (size_t i = 0; i < count; i++)
		if (!layout_has(layout, wanted[i]))
			return error_set(error, ERROR_UNSUPPORTED, "Go 1.%d has no %s",
					 layout->minor, fields[wanted[i]].name);
	return true;
}

const char *layout_field_name(enum go_field field)
{
	return fields[field].name;
}
