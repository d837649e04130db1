// SPDX-License-Identifier: Apache-2.0
/*
 * target: the only way to read the memory of another process.
 *
 * A target is one descriptor and a table of mappings, read with pread: /proc/PID/mem of a live
 * process, the same file of a frozen copy, or a core file. All look alike above this header.
 * Everything that comes out is untrusted: torn, hostile or gone at any moment.
 *
 * Reads go through a cache of 64 KiB blocks. Where a whole block cannot be read (the edge of a
 * mapping), the exact bytes are. Read-only pages of the executable are read from the executable
 * itself, so that looking up a function does not fault pages into the target; but not those that a
 * dynamic linker has changed first (target_set_exe_data), and with a core only those that it lacks.
 *
 * A live process maps more memory while it is read. Where an address is in no mapping, `reload` may
 * bring the table up to date, a few times at most.
 *
 * Ownership: the target borrows its descriptors and the context of `reload`, and copies the
 * mappings.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef uint64_t taddr_t; // an address in the target, never a C pointer

struct target;

struct target_mapping {
	taddr_t start, end;   // end is exclusive
	uint64_t data_offset; // where `start` is in the memory descriptor; live: start itself
	uint64_t data_size;   // bytes present there; a core may hold fewer than end - start
	uint64_t exe_offset;  // where `start` is in the executable, if of_exe
	bool readable, writable;
	bool of_exe; // a mapping of the executable's own file
};

struct target_source {
	int memory_fd;                         // /proc/PID/mem or a core
	int exe_fd;                            // the executable, or -1
	const struct target_mapping *mappings; // sorted by start, not overlapping
	size_t mapping_count;
	// Calls target_set_mappings with today's table; false when it cannot. NULL: the table
	// stays.
	bool (*reload)(void *context, struct target *target);
	void *reload_context;
	// A core: what it holds comes before the executable. Else read-only pages of the executable
	// come from the executable, so as not to fault them into the target.
	bool memory_first;
};

// A thread that stands still, in a core or while the target is stopped.
struct target_thread {
	int64_t id;                          // as the target's kernel numbers it
	taddr_t pc, sp, link, frame_pointer; // link: the return address register, arm64 only
};

struct target_counters {
	uint64_t reads;        // system calls made
	uint64_t bytes;        // bytes they brought
	uint64_t failed_reads; // exact reads that failed: each is a hole in what was seen
};

struct target *target_new(const struct target_source *source);
void target_free(struct target *target);

// Exactly `size` bytes, or ERROR_FAULT with the address. `buffer` is untouched on failure only if
// nothing was read.
bool target_read(struct target *target, taddr_t address, void *buffer, size_t size,
		 struct error *error) must_check;
// The same past the cache, for tables of many megabytes.
bool target_read_bulk(struct target *target, taddr_t address, void *buffer, size_t size,
		      struct error *error) must_check;
bool target_read_u32(struct target *target, taddr_t address, uint32_t *value,
		     struct error *error) must_check;
bool target_read_u64(struct target *target, taddr_t address, uint64_t *value,
		     struct error *error) must_check;
// Up to `limit` bytes at `address`, cut where the mapping or the block ends; returns the length, 0
// on failure. For parsers that refill.
size_t target_read_some(struct target *target, taddr_t address, void *buffer, size_t limit);

// Replaces the table of mappings; ends the life of what target_find_mapping lent.
void target_set_mappings(struct target *target, const struct target_mapping *mappings,
			 size_t count);
// The threads' registers, for those that stand still; copied. Without them there are none.
void target_set_threads(struct target *target, const struct target_thread *threads, size_t count);
// NULL when the thread is not there or was not stopped. Borrowed.
const struct target_thread *target_find_thread(const struct target *target, int64_t id);
// Whether it cannot change: a core, or a target whose threads stand still.
bool target_is_still(const struct target *target);
// Reading a page that a live process never touched brings it in: a page of a file then counts as
// its resident memory. With its pagemap (borrowed), pages that are neither present nor swapped read
// as zeros, and nothing is brought in; -1 ends it. Drops the cache.
void target_skip_absent(struct target *target, int pagemap_fd);
// Drops the cache, so that the next reads see the target as it is now.
void target_forget(struct target *target);
// The mapping that holds `address`, or NULL. Borrowed.
const struct target_mapping *target_find_mapping(const struct target *target, taddr_t address);
// The mappings by number, as they are now; false behind the last one.
bool target_get_mapping(const struct target *target, size_t index, struct target_mapping *mapping);
// The executable's data as loaded, [start, end): a dynamic linker changes it before it makes part
// of it read-only, so it is not read from the file. Drops the cache.
void target_set_exe_data(struct target *target, taddr_t start, taddr_t end);
// Whether the mapping holds data of the program, writable or not any more.
bool target_is_data(const struct target *target, const struct target_mapping *mapping);
// The address that the executable's first loaded page has in memory; 0 if it is not mapped.
taddr_t target_exe_start(const struct target *target);
struct target_counters target_get_counters(const struct target *target);
// Counts from 0 again: what was read so far was a trial.
void target_reset_counters(struct target *target);
