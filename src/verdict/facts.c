// SPDX-License-Identifier: Apache-2.0
// In: names and numbers. Out: the store of facts, and what each name means.
#include "verdict/facts.h"

#include <math.h>
#include <string.h>

struct row {
	const char *name;
	enum fact_unit unit;
	const char *meaning;
};

#define FACT(name, unit, meaning) {name, FACT_##unit, meaning},
static const struct row rows[] = {
#include "verdict/facts_table.h"
};
#undef FACT

// What the keys of ledgers begin with.
static const char *const ledger_keys[] = {"go",          "anon", "files",    "shmem",
					  "unexplained", "huge", "lazyfree", "locked",
					  "hugetlb",     "pss",  "vmrss",    "cgroup"};

static const struct row *find_row(const char *name)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

const char *fact_meaning(const char *name)
{
	const struct row *row = find_row(name);
	if (row)
		return row->meaning;
	for (size_t i = 0; i < sizeof ledger_keys / sizeof *ledger_keys; i++) {
		size_t length = strlen(ledger_keys[i]);
		if (strncmp(name, ledger_keys[i], length) == 0 &&
		    (name[length] == '.' || !name[length]))
			return "a row of the ledger";
	}
	return NULL;
}

enum fact_unit fact_unit_of(const char *name)
{
	const struct row *row = find_row(name);
	return row ? row->unit : FACT_BYTES;
}

void facts_deinit(struct facts *facts)
{
	map_deinit(&facts->by_name);
	vec_deinit(&facts->list);
	map_deinit(&facts->kind_map);
	vec_deinit(&facts->kinds);
	arena_deinit(&facts->arena);
	*facts = (struct facts){0};
}

// What a file says may be anything: sums and differences of a few stay within 64 bits.
static const double FACT_MOST = 1e17;

void facts_set(struct facts *facts, const char *name, double value)
{
	size_t length = strlen(name);
	bool is_new;
	if (length >= FACT_NAME_MAX || facts->list.count >= FACTS_MAX || !isfinite(value))
		return;
	value = fmin(fmax(value, -FACT_MOST), FACT_MOST);
	uint64_t *index =
		map_put(&facts->by_name, hash_bytes(name, length), facts->list.count, &is_new);
	if (!is_new) {
		facts->list.items[*index].value = value;
		return;
	}
	const char *copy = arena_string(&facts->arena, name, length);
	vec_push(&facts->list, {copy ? copy : "", value});
}

bool facts_get(const struct facts *facts, const char *name, double *value)
{
	const uint64_t *index =
		facts ? map_find(&facts->by_name, hash_bytes(name, strlen(name))) : NULL;
	if (!index)
		return false;
	*value = facts->list.items[*index].value;
	return true;
}

const char *alloc_kind_name(int kind)
{
	static const char *const names[ALLOC_KINDS] = {
		[ALLOC_OTHER] = "other",        [ALLOC_MAP] = "map",
		[ALLOC_APPEND] = "append",      [ALLOC_STRING] = "string",
		[ALLOC_CHANNEL] = "channel",    [ALLOC_DEFER] = "defer",
		[ALLOC_GOROUTINE] = "goroutine"};
	return names[kind];
}

static struct fact_kind *kind_slot(struct facts *facts, const char *function)
{
	size_t length = strlen(function);
	bool is_new;
	if (facts->kinds.count >= FACTS_MAX)
		return NULL;
	uint64_t *index = map_put(&facts->kind_map, hash_bytes(function, length),
				  facts->kinds.count, &is_new);
	if (is_new) {
		const char *copy = arena_string(&facts->arena, function, length);
		vec_push(&facts->kinds, {.function = copy ? copy : ""});
	}
	return &facts->kinds.items[*index];
}

void facts_add_kind(struct facts *facts, const char *function, int kind, double bytes,
		    double object_bytes)
{
	struct fact_kind *slot = kind >= 0 && kind < ALLOC_KINDS && isfinite(bytes)
					 ? kind_slot(facts, function)
					 : NULL;
	if (!slot)
		return;
	slot->bytes[kind] = fmin(slot->bytes[kind] + fmin(bytes, FACT_MOST), FACT_MOST);
	if (isfinite(object_bytes) && object_bytes > slot->largest[kind])
		slot->largest[kind] = fmin(object_bytes, FACT_MOST);
}

void facts_add_turnover(struct facts *facts, const char *function, double allocated, double freed)
{
	struct fact_kind *slot =
		isfinite(allocated) && isfinite(freed) ? kind_slot(facts, function) : NULL;
	if (!slot)
		return;
	slot->allocated += allocated;
	slot->freed += freed;
}

const struct fact_kind *facts_find_kind(const struct facts *facts, const char *function)
{
	const uint64_t *index = map_find(&facts->kind_map, hash_bytes(function, strlen(function)));
	return index ? &facts->kinds.items[*index] : NULL;
}
