// SPDX-License-Identifier: Apache-2.0
// In: names of functions. Out: where they are, in one pass over all functions of the program
// itself: the runtime is there, and plugins hold copies of it that nobody calls.
#include <string.h>

#include "golang/functab_priv.h"

enum { QUERY_NAME_MAX = 128 }; // longer names are not asked for

// As long as all names have it: most functions are rejected by one comparison.
static size_t common_prefix(const struct functab_query *queries, size_t count)
{
	size_t length = count ? strlen(queries[0].name) : 0;
	for (size_t i = 1; i < count; i++)
		for (size_t k = 0; k < length; k++)
			if (queries[i].name[k] != queries[0].name[k])
				length = k;
	return length;
}

static void match_name(struct functab_query *queries, size_t count, const char *name, taddr_t entry,
		       taddr_t end)
{
	for (size_t i = 0; i < count; i++) {
		struct functab_query *query = &queries[i];
		if (strcmp(query->name, name) != 0 ||
		    (query->found && query->end - query->entry >= end - entry))
			continue;
		query->found = true;
		query->entry = entry;
		query->end = end;
	}
}

// The name at an address, cut at `capacity`; false where it lacks the prefix.
static bool read_name(struct target *target, taddr_t at, const char *prefix, size_t length,
		      char *name, size_t capacity)
{
	if (!target_read(target, at, name, length, NULL) || memcmp(name, prefix, length) != 0)
		return false;
	size_t got = length;
	while (got < capacity - 1 && !memchr(name + length, '\0', got - length)) {
		size_t more = target_read_some(target, at + got, name + got, capacity - 1 - got);
		if (!more)
			return false;
		got += more;
	}
	name[got] = '\0';
	return true;
}

void functab_find_functions(struct functab *functab, struct functab_query *queries, size_t count)
{
	const struct functab_module *module = &functab->modules.items[0];
	size_t prefix = common_prefix(queries, count);
	taddr_t name_offsets = module->functions + functab->layout.offset[GO_FUNC_NAME_OFF];
	for (size_t i = 0; count && functab->target && i < module->count; i++) {
		const uint32_t *entry = &module->entries[2 * i];
		char name[QUERY_NAME_MAX];
		uint32_t offset;
		if (target_read_u32(functab->target, name_offsets + entry[1], &offset, NULL) &&
		    read_name(functab->target, module->names + offset, queries[0].name, prefix,
			      name, sizeof name))
			match_name(queries, count, name, module->text + entry[0],
				   module->text + entry[2]);
	}
}
