// SPDX-License-Identifier: Apache-2.0
// In: rows. Out: an account that can be checked.
#include "ledger/ledger.h"

#include <string.h>

void ledger_deinit(struct ledger *ledger)
{
	vec_deinit(&ledger->rows);
	vec_deinit(&ledger->beside);
	arena_deinit(&ledger->arena);
}

static const char *copy(struct ledger *ledger, const char *text)
{
	const char *copied = arena_string(&ledger->arena, text, strlen(text));
	return copied ? copied : "";
}

static struct ledger_row make_row(struct ledger *ledger, int depth, const char *key,
				  const char *label, int64_t bytes, unsigned int flags,
				  const char *note)
{
	return (struct ledger_row){
		.key = copy(ledger, key),
		.label = copy(ledger, label),
		.bytes = bytes,
		.depth = depth,
		.flags = flags,
		.note = copy(ledger, note ? note : ""),
	};
}

void ledger_add(struct ledger *ledger, int depth, const char *key, const char *label, int64_t bytes,
		unsigned int flags, const char *note)
{
	if (bytes != 0)
		vec_push(&ledger->rows, make_row(ledger, depth, key, label, bytes, flags, note));
}

void ledger_add_beside(struct ledger *ledger, const char *key, const char *label, int64_t bytes,
		       unsigned int flags, const char *note)
{
	if (bytes != 0)
		vec_push(&ledger->beside, make_row(ledger, 0, key, label, bytes, flags, note));
}

// The sum of the rows of `depth` from `start` up to the next shallower row.
static int64_t sum_children(const struct ledger *ledger, size_t start, int depth, size_t *count)
{
	int64_t sum = 0;
	*count = 0;
	for (size_t i = start; i < ledger->rows.count && ledger->rows.items[i].depth >= depth;
	     i++) {
		if (ledger->rows.items[i].depth != depth)
			continue;
		sum += ledger->rows.items[i].bytes;
		++*count;
	}
	return sum;
}

bool ledger_sums(const struct ledger *ledger, const char **broken_key)
{
	size_t count;
	*broken_key = ledger->total_key;
	if (sum_children(ledger, 0, 0, &count) != ledger->total_bytes)
		return false;
	for (size_t i = 0; i < ledger->rows.count; i++) {
		const struct ledger_row *row = &ledger->rows.items[i];
		int64_t sum = sum_children(ledger, i + 1, row->depth + 1, &count);
		*broken_key = row->key;
		if (count && sum != row->bytes)
			return false;
	}
	*broken_key = NULL;
	return true;
}

const struct ledger_row *ledger_find(const struct ledger *ledger, const char *key)
{
	VEC_FOREACH (row, &ledger->rows)
		if (strcmp(row->key, key) == 0)
			return row;
	VEC_FOREACH (row, &ledger->beside)
		if (strcmp(row->key, key) == 0)
			return row;
	return NULL;
}

int64_t ledger_bytes(const struct ledger *ledger, const char *key)
{
	const struct ledger_row *row = ledger_find(ledger, key);
	return row ? row->bytes : 0;
}
