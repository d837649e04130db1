// SPDX-License-Identifier: Apache-2.0
/*
 * The ids of a pprof file, which may be any 64-bit numbers, and the indexes they stand for. Sorted
 * rather than hashed: ids come from the file, and no choice of them makes this slow.
 * Private to profile/.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"

struct pprof_id {
	uint64_t id;
	uint32_t index;
};

struct pprof_ids {
	const char *what; // "function", for the messages
	size_t maximum;   // of ids
	VEC(struct pprof_id) list;
};

void pprof_ids_deinit(struct pprof_ids *ids);
bool pprof_ids_add(struct pprof_ids *ids, uint64_t id, uint32_t index,
		   struct error *error) must_check;
// Between the last add and the first find. Fails on an id that is there twice.
bool pprof_ids_seal(struct pprof_ids *ids, struct error *error) must_check;
// INTERN_NONE when it is not there.
uint32_t pprof_ids_find(const struct pprof_ids *ids, uint64_t id);
