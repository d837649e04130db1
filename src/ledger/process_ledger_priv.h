// SPDX-License-Identifier: Apache-2.0
// What the parts of the process's account share: where each resident byte was put.
#pragma once

#include "ledger/process_ledger.h"

// Objects of one size, and what of them was never touched.
struct untouched {
	uint64_t object_size;
	int64_t bytes;
};
enum {
	UNTOUCHED_CLASSES = 128, // sizes of small objects, by size class
	UNTOUCHED_SIZES = UNTOUCHED_CLASSES + 32,
	UNTOUCHED_SHOWN_MIN = 1 << 20
};

// In the order of the rows: a row is one of these or some that follow one another.
enum account {
	ACCOUNT_LIVE, // Go
	ACCOUNT_YOUNG,
	ACCOUNT_GARBAGE,
	ACCOUNT_FREE_SLOTS,
	ACCOUNT_IDLE,
	ACCOUNT_LAZY_FREE,
	ACCOUNT_STACKS_INUSE,
	ACCOUNT_STACKS_FREE,
	ACCOUNT_METADATA, // and as many as there are kinds of own memory
	ACCOUNT_METADATA_LAST = ACCOUNT_METADATA + GO_OWN_KINDS - 1,
	ACCOUNT_MALLOC_MAIN_USED, // not Go; what is free follows what is in use
	ACCOUNT_MALLOC_MAIN_FREE,
	ACCOUNT_MALLOC_MAIN, // and what is not told apart
	ACCOUNT_MALLOC_ARENAS_USED,
	ACCOUNT_MALLOC_ARENAS_FREE,
	ACCOUNT_MALLOC_ARENAS,
	ACCOUNT_MALLOC_MMAPPED,
	ACCOUNT_THREADS,
	ACCOUNT_STACK,
	ACCOUNT_VDSO,
	ACCOUNT_OTHER,
	ACCOUNT_BINARY,
	ACCOUNT_LIBRARIES,
	ACCOUNT_DATA,
	ACCOUNT_SHMEM,
	ACCOUNT_UNEXPLAINED,
	ACCOUNTS
};

// A mapping or a file, for a row of its own if it is large.
struct member {
	enum account account;
	const char *name;   // borrowed; "" of a mapping without one
	taddr_t start, end; // the first mapping of a file
	int64_t bytes;
	int64_t private_bytes,
		dirty_bytes; // of a file: anonymous pages, and dirty ones of the file
	bool of_file;
};

// A stretch that native/ knows: a heap of malloc, a chunk with a mapping of its own, a stack.
struct native_piece {
	taddr_t start, end;
	enum account account;          // of what is in use
	const struct glibc_heap *heap; // NULL: no heap
	bool doubtful;
};

// A mapping in which the runtime keeps structures of its own, and perhaps others something else.
struct own_mapping {
	const struct mapping *mapping;
	int64_t rest;  // resident, and not in a structure that was found
	bool is_named; // by the runtime: all of it is the runtime's
};

struct builder {
	const struct process_ledger_input *input;
	int64_t bytes[ACCOUNTS];
	int64_t uncertain[ACCOUNTS]; // of these bytes, how many may belong to another account
	VEC(struct member) members;
	VEC(struct native_piece) native_pieces; // by address, not overlapping
	size_t threads;                         // thread stacks
	taddr_t stack_end;                      // of the main thread; 0 where there is none
	int64_t go_huge;                        // huge pages in the Go heap
	int64_t go_lazy_claimed; // given back with MADV_FREE inside the Go heap, as smaps says

	int64_t untouched_bytes; // of objects, without those of the swapped mappings
	struct untouched untouched[UNTOUCHED_SIZES]; // of large objects the sizes with the most

	size_t next_span;
	taddr_t done; // the end of what was accounted for so far

	VEC(struct own_mapping) own_mappings;
	int64_t own_counted[GO_OWN_KINDS]; // bytes of structures found that the counters hold
};

static inline int64_t min_bytes(int64_t left, int64_t right)
{
	return left < right ? left : right;
}

static inline taddr_t min_address(taddr_t left, taddr_t right)
{
	return left < right ? left : right;
}

static inline taddr_t max_address(taddr_t left, taddr_t right)
{
	return left > right ? left : right;
}

static inline int64_t resident_bytes_of(const struct mapping *mapping)
{
	return (int64_t)mapping->rss_bytes.value;
}

static inline bool is_private_anonymous(const struct mapping *mapping)
{
	return !mapping->inode && mapping->perms[3] == 'p';
}

void builder_add(struct builder *builder, enum account account, int64_t bytes);
// The same for a mapping or file that may be worth a row.
void builder_add_member(struct builder *builder, const struct member *member);

// Which pages of a mapping are resident.
struct residency {
	uint8_t *bits; // NULL: not known
	bool zeros_told;
	taddr_t start;
};

void residency_read(int pagemap_fd, const struct mapping *mapping, struct residency *residency);
void residency_deinit(struct residency *residency);
// Resident bytes of [start, end), which lies in the mapping; all of them where it is not known.
int64_t residency_bytes(const struct residency *residency, taddr_t start, taddr_t end);

// process_heap.c: mappings of the Go heap, in the order of their addresses.
bool is_go_heap(const struct builder *builder, const struct mapping *mapping);
void account_heap(struct builder *builder, const struct mapping *mapping);
// What the counters add to that, once all mappings were seen.
void finish_heap(struct builder *builder);

// process_metadata.c: mappings with the runtime's own structures.
bool is_go_own(const struct builder *builder, const struct mapping *mapping);
void account_go_own(struct builder *builder, const struct mapping *mapping);
// What lies between the structures, once all mappings were seen.
void split_go_own(struct builder *builder);

// process_native.c: what native/ knows. Returns how many of the mapping's resident bytes it
// accounted for, `limit` at most.
void prepare_native(struct builder *builder);
int64_t account_native(struct builder *builder, const struct mapping *mapping, int64_t limit);

// process_mappings.c: what is not Go's. `index` in the table of mappings.
void account_mapping(struct builder *builder, size_t index);

// process_rows.c
void write_process_rows(struct builder *builder, struct ledger *ledger);
