// SPDX-License-Identifier: Apache-2.0
// In: mappings outside of the Go heap, the runtime's structures and counters. Out: its metadata by
// kind.
#include <stdlib.h>
#include <string.h>

#include "ledger/process_ledger_priv.h"

#define GO_NAME "[anon: Go: "

// Names that the runtime gives to its mappings and what is in each; "immortal metadata" holds all
// kinds. Source: callers of runtime.sysAlloc, sysMap and setVMAName, Go 1.25 to 1.27.
static const struct {
	const char *name;
	enum go_own_kind kind;
} own_names[] = {
	{"[anon: Go: gc bits]", GO_OWN_GC},
	{"[anon: Go: GC span queue]", GO_OWN_GC},
	{"[anon: Go: page alloc]", GO_OWN_GC},
	{"[anon: Go: page alloc index]", GO_OWN_GC},
	{"[anon: Go: page summary]", GO_OWN_GC},
	{"[anon: Go: scavenge index]", GO_OWN_GC},
	{"[anon: Go: profiler hash buckets]", GO_OWN_BUCKETS},
	{"[anon: Go: heap index]", GO_OWN_OTHER},
	{"[anon: Go: allspans array]", GO_OWN_OTHER},
	{"[anon: Go: trace buffer]", GO_OWN_OTHER},
	{"[anon: Go: trace arena alloc]", GO_OWN_OTHER},
	{"[anon: Go: heapdump]", GO_OWN_OTHER},
	{"[anon: Go: debug log]", GO_OWN_OTHER},
	{"[anon: Go: getrandom states]", GO_OWN_OTHER},
};

static bool is_named(const struct mapping *mapping)
{
	return strncmp(mapping->name, GO_NAME, strlen(GO_NAME)) == 0;
}

// GO_OWN_KINDS where the name does not tell.
static enum go_own_kind kind_of_name(const char *name)
{
	for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++)
		if (strcmp(name, own_names[i].name) == 0)
			return own_names[i].kind;
	return GO_OWN_KINDS;
}

// The first range that ends behind `address`.
static const struct go_own_range *first_range(const struct go_own_memory *own, taddr_t address)
{
	size_t low = 0, high = own->ranges.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (own->ranges.items[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return own->ranges.items + low;
}

static bool holds_own(const struct go_own_memory *own, const struct mapping *mapping)
{
	if (!own || !own->ranges.count)
		return false;
	const struct go_own_range *range = first_range(own, mapping->start);
	return range < own->ranges.items + own->ranges.count && range->start < mapping->end;
}

bool is_go_own(const struct builder *builder, const struct mapping *mapping)
{
	if (!builder->input->spans || !is_private_anonymous(mapping))
		return false;
	if (!builder->input->own && builder->input->stats && !mapping->name[0])
		return true; // as far as the counters go
	return is_named(mapping) || holds_own(builder->input->own, mapping);
}

// Structures that were found in the mapping: resident bytes of each, which are taken off `rest`.
static void account_ranges(struct builder *builder, const struct mapping *mapping, int64_t *rest)
{
	const struct go_own_memory *own = builder->input->own;
	const struct go_own_range *end = own->ranges.items + own->ranges.count;
	struct residency residency = {0};
	residency_read(builder->input->pagemap_fd, mapping, &residency);
	for (const struct go_own_range *range = first_range(own, mapping->start);
	     range < end && range->start < mapping->end; range++) {
		taddr_t from = range->start > mapping->start ? range->start : mapping->start;
		taddr_t to = range->end < mapping->end ? range->end : mapping->end;
		int64_t resident = min_bytes(residency_bytes(&residency, from, to), *rest);
		enum account account = ACCOUNT_METADATA + range->kind;
		builder_add(builder, account, resident);
		builder->uncertain[account] += residency.bits ? 0 : resident;
		*rest -= resident;
		if (!range->uncounted && mapping->perms[1] == 'w')
			builder->own_counted[range->kind] += (int64_t)(to - from);
	}
	residency_deinit(&residency);
}

void account_go_own(struct builder *builder, const struct mapping *mapping)
{
	int64_t rest = resident_bytes_of(mapping);
	enum go_own_kind kind = kind_of_name(mapping->name);
	if (kind != GO_OWN_KINDS) {
		builder_add(builder, ACCOUNT_METADATA + kind, rest);
		builder->own_counted[kind] += rest;
		return;
	}
	if (holds_own(builder->input->own, mapping))
		account_ranges(builder, mapping, &rest);
	if (!is_named(
		    mapping)) // the kernel joins C's mappings with Go's where they lie side by side
		rest -= account_native(builder, mapping, rest);
	if (rest)
		vec_push(&builder->own_mappings,
			 (struct own_mapping){
				 .mapping = mapping, .rest = rest, .is_named = is_named(mapping)});
}

// What the runtime counts beyond what was found.
static int64_t find_budgets(const struct builder *builder, int64_t budgets[GO_OWN_KINDS])
{
	const struct go_memstats *stats = builder->input->stats;
	int64_t sum = 0;
	memset(budgets, 0, GO_OWN_KINDS * sizeof *budgets);
	if (!stats)
		return 0;
	const uint64_t counted[GO_OWN_KINDS] = {
		[GO_OWN_SPANS] = stats->mspan_sys,      [GO_OWN_CACHES] = stats->mcache_sys,
		[GO_OWN_BUCKETS] = stats->buckhash_sys, [GO_OWN_GC] = stats->gc_misc_sys,
		[GO_OWN_OTHER] = stats->other_sys_now,
	};
	for (size_t i = 0; i < GO_OWN_KINDS; i++) {
		int64_t left = (int64_t)counted[i] - builder->own_counted[i];
		budgets[i] = counted[i] <= INT64_MAX / 8 && left > 0 ? left : 0;
		sum += budgets[i];
	}
	return sum;
}

// `bytes` that are the runtime's: first of what it fills when it takes it, last of what it takes
// in large pieces that it may never touch.
static void spread(struct builder *builder, int64_t bytes, const int64_t budgets[GO_OWN_KINDS])
{
	static const enum go_own_kind order[] = {GO_OWN_SPANS, GO_OWN_CACHES, GO_OWN_BUCKETS,
						 GO_OWN_GC};
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		int64_t part = min_bytes(bytes, budgets[order[i]]);
		builder_add(builder, ACCOUNT_METADATA + order[i], part);
		builder->uncertain[ACCOUNT_METADATA + order[i]] += part;
		bytes -= part;
	}
	builder_add(builder, ACCOUNT_METADATA + GO_OWN_OTHER, bytes);
	builder->uncertain[ACCOUNT_METADATA + GO_OWN_OTHER] += bytes;
}

static int by_rest(const void *a, const void *b)
{
	const struct own_mapping *left = a, *right = b;
	if (left->is_named != right->is_named)
		return right->is_named - left->is_named;
	return (left->rest > right->rest) - (left->rest < right->rest);
}

// The kernel joins mappings that lie side by side: what is more than the runtime counts was mapped
// by someone else next to it. That is looked for in the largest one.
void split_go_own(struct builder *builder)
{
	int64_t budgets[GO_OWN_KINDS], taken = 0, sum = find_budgets(builder, budgets), left = sum;
	if (builder->own_mappings.count)
		qsort(builder->own_mappings.items, builder->own_mappings.count,
		      sizeof *builder->own_mappings.items, by_rest);
	VEC_FOREACH (own, &builder->own_mappings) {
		const struct mapping *mapping = own->mapping;
		int64_t take = own->is_named ? own->rest : min_bytes(own->rest, left);
		left -= min_bytes(take, left);
		taken += take;
		if (take == own->rest)
			continue;
		struct member member = {.account = ACCOUNT_OTHER,
					.name = mapping->name,
					.start = mapping->start,
					.end = mapping->end,
					.bytes = own->rest - take};
		builder_add_member(builder, &member);
		builder->uncertain[ACCOUNT_OTHER] += min_bytes(member.bytes, sum);
	}
	spread(builder, taken, budgets);
	vec_deinit(&builder->own_mappings);
}
