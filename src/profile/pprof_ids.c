// SPDX-License-Identifier: Apache-2.0
// In: ids and indexes. Out: the index of an id.
#include "profile/pprof_ids.h"

#include <inttypes.h>
#include <stdlib.h>

#include "profile/intern.h"

void pprof_ids_deinit(struct pprof_ids *ids)
{
	vec_deinit(&ids->list);
}

bool pprof_ids_add(struct pprof_ids *ids, uint64_t id, uint32_t index, struct error *error)
{
	if (!id)
		return error_set(error, ERROR_BAD_DATA, "pprof: a %s with the id 0", ids->what);
	if (ids->list.count == ids->maximum)
		return error_set(error, ERROR_LIMIT, "pprof: more than %zu %ss", ids->maximum,
				 ids->what);
	vec_push(&ids->list, {id, index});
	return true;
}

static int compare_ids(const void *left, const void *right)
{
	const struct pprof_id *a = left, *b = right;
	return (a->id > b->id) - (a->id < b->id);
}

bool pprof_ids_seal(struct pprof_ids *ids, struct error *error)
{
	const struct pprof_id *items = ids->list.items;
	bool is_sorted = true;
	for (size_t i = 1; i < ids->list.count; i++)
		is_sorted &= items[i - 1].id < items[i].id;
	if (is_sorted)
		return true;
	qsort(ids->list.items, ids->list.count, sizeof *items, compare_ids);
	for (size_t i = 1; i < ids->list.count; i++)
		if (items[i - 1].id == items[i].id)
			return error_set(error, ERROR_BAD_DATA,
					 "pprof: two %ss with the id %" PRIu64, ids->what,
					 items[i].id);
	return true;
}

uint32_t pprof_ids_find(const struct pprof_ids *ids, uint64_t id)
{
	const struct pprof_id *items = ids->list.items;
	if (id - 1 < ids->list.count && items[id - 1].id == id) // 1, 2, 3: what everybody writes
		return items[id - 1].index;
	struct pprof_id wanted = {.id = id};
	const struct pprof_id *found = NULL;
	if (ids->list.count)
		found = bsearch(&wanted, items, ids->list.count, sizeof *items, compare_ids);
	return found ? found->index : INTERN_NONE;
}
