// SPDX-License-Identifier: Apache-2.0
// /proc/PID/maps and smaps. What it lets through is sorted and apart, and each mapping is found.
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "system/maps.h"

static void require(bool condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maps maps;
	uint64_t last = 0;
	if (!maps_parse((const char *)data, size, &maps, NULL))
		return 0;
	VEC_FOREACH (mapping, &maps.list) {
		require(mapping->start >= last && mapping->start < mapping->end);
		require(maps_find(&maps, mapping->start) == mapping);
		require(maps_find(&maps, mapping->end - 1) == mapping);
		require(mapping->perms[4] == '\0');
		require(mapping->name && strlen(mapping->name) < MAPS_LINE_MAX);
		last = mapping->end;
	}
	maps_deinit(&maps);
	return 0;
}
