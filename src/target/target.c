// SPDX-License-Identifier: Apache-2.0
// In: a descriptor and a table of mappings. Out: bytes at addresses, through a block cache.
#include "target/target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/map.h"

enum {
	BLOCK_BYTES = 64 << 10,
	BLOCK_SLOTS = 512, // direct-mapped: at most 32 MiB, allocated as used
	STRETCH_PAGES = 64,
	PAGE_SWAPPED_BIT =
		62,       // and the one above it: present; Documentation/admin-guide/mm/pagemap.rst
	RELOADS_MAX = 16, // torn pointers lead to addresses that were never mapped
};

struct block {
	taddr_t start;
	bool valid;
	uint8_t *bytes;
};

struct target {
	struct target_source source;
	struct target_mapping *mappings;
	struct target_thread *threads;
	size_t thread_count;
	taddr_t exe_data_start, exe_data_end;
	int reloads;
	struct target_counters counters;
	int pagemap_fd; // of target_skip_absent, or -1
	struct block blocks[BLOCK_SLOTS];
};

struct target *target_new(const struct target_source *source)
{
	struct target *target = alloc_zero(sizeof *target);
	target->source = *source;
	target->pagemap_fd = -1;
	target_set_mappings(target, source->mappings, source->mapping_count);
	return target;
}

void target_set_mappings(struct target *target, const struct target_mapping *mappings, size_t count)
{
	free(target->mappings);
	target->mappings = alloc_array(count, sizeof *target->mappings);
	if (count)
		memcpy(target->mappings, mappings, count * sizeof *target->mappings);
	target->source.mapping_count = count;
}

void target_free(struct target *target)
{
	if (!target)
		return;
	for (size_t i = 0; i < BLOCK_SLOTS; i++)
		free(target->blocks[i].bytes);
	free(target->mappings);
	free(target->threads);
	free(target);
}

void target_set_threads(struct target *target, const struct target_thread *threads, size_t count)
{
	free(target->threads);
	target->threads = alloc_array(count, sizeof *target->threads);
	if (count)
		memcpy(target->threads, threads, count * sizeof *target->threads);
	target->thread_count = count;
}

const struct target_thread *target_find_thread(const struct target *target, int64_t id)
{
	for (size_t i = 0; i < target->thread_count; i++)
		if (target->threads[i].id == id)
			return &target->threads[i];
	return NULL;
}

bool target_is_still(const struct target *target)
{
	return target->thread_count > 0;
}

void target_forget(struct target *target)
{
	for (size_t i = 0; i < BLOCK_SLOTS; i++)
		target->blocks[i].valid = false;
}

const struct target_mapping *target_find_mapping(const struct target *target, taddr_t address)
{
	size_t low = 0, high = target->source.mapping_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct target_mapping *mapping = &target->mappings[middle];
		if (address < mapping->start)
			high = middle;
		else if (address >= mapping->end)
			low = middle + 1;
		else
			return mapping;
	}
	return NULL;
}

bool target_get_mapping(const struct target *target, size_t index, struct target_mapping *mapping)
{
	if (index >= target->source.mapping_count)
		return false;
	*mapping = target->mappings[index];
	return true;
}

void target_set_exe_data(struct target *target, taddr_t start, taddr_t end)
{
	target->exe_data_start = start;
	target->exe_data_end = end;
	target_forget(target);
}

bool target_is_data(const struct target *target, const struct target_mapping *mapping)
{
	return mapping->writable ||
	       (mapping->start < target->exe_data_end && mapping->end > target->exe_data_start);
}

taddr_t target_exe_start(const struct target *target)
{
	for (size_t i = 0; i < target->source.mapping_count; i++)
		if (target->mappings[i].of_exe && target->mappings[i].exe_offset == 0)
			return target->mappings[i].start;
	return 0;
}

struct target_counters target_get_counters(const struct target *target)
{
	return target->counters;
}

void target_reset_counters(struct target *target)
{
	target->counters = (struct target_counters){0};
}

static size_t pread_all(struct target *target, int fd, void *buffer, size_t size, uint64_t offset)
{
	size_t used = 0;
	while (used < size) {
		ssize_t got = pread(fd, (char *)buffer + used, size - used, (off_t)(offset + used));
		target->counters.reads++;
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	target->counters.bytes += used;
	return used;
}

void target_skip_absent(struct target *target, int pagemap_fd)
{
	target->pagemap_fd = pagemap_fd;
	target_forget(target);
}

// How many bytes from `address` on are all of pages that are in memory or swap, or all not.
static size_t find_stretch(const struct target *target, taddr_t address, size_t size, bool *there)
{
	uint64_t entries[STRETCH_PAGES];
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	taddr_t page = address / page_bytes, last = (address + size - 1) / page_bytes;
	size_t count = last - page + 1 < STRETCH_PAGES ? last - page + 1 : STRETCH_PAGES, same = 1;
	ssize_t got = pread(target->pagemap_fd, entries, count * sizeof *entries,
			    (off_t)(page * sizeof *entries));
	count = got > 0 ? (size_t)got / sizeof *entries : 0;
	*there = !count || entries[0] >> PAGE_SWAPPED_BIT;
	while (same < count && (entries[same] >> PAGE_SWAPPED_BIT != 0) == *there)
		same++;
	size_t bytes = (page + same) * page_bytes - address;
	return bytes < size ? bytes : size;
}

// From the memory, but without bringing in what is not there.
static size_t pread_present(struct target *target, taddr_t address, void *buffer, size_t size,
			    uint64_t offset)
{
	size_t used = 0;
	while (used < size) {
		bool there;
		size_t part = find_stretch(target, address + used, size - used, &there);
		char *at = (char *)buffer + used;
		if (!there)
			memset(at, 0, part);
		else if (pread_all(target, target->source.memory_fd, at, part, offset + used) !=
			 part)
			break;
		used += part;
	}
	return used;
}

// Reads from one mapping, at most to its end. Returns the bytes read.
static size_t read_mapping(struct target *target, const struct target_mapping *mapping,
			   taddr_t address, void *buffer, size_t size)
{
	uint64_t inside = address - mapping->start;
	if (size > mapping->end - address)
		size = mapping->end - address;
	bool in_memory = inside < mapping->data_size && mapping->readable;
	bool memory_wins = target->source.memory_first || target_is_data(target, mapping);
	if (mapping->of_exe && !mapping->writable && target->source.exe_fd >= 0 &&
	    !(memory_wins && in_memory)) {
		size_t got = pread_all(target, target->source.exe_fd, buffer, size,
				       mapping->exe_offset + inside);
		if (got == size)
			return got;
	}
	if (!in_memory)
		return 0;
	if (size > mapping->data_size - inside)
		size = mapping->data_size - inside;
	uint64_t offset = mapping->data_offset + inside;
	return target->pagemap_fd >= 0
		       ? pread_present(target, address, buffer, size, offset)
		       : pread_all(target, target->source.memory_fd, buffer, size, offset);
}

// The mapping that holds `address`, if need be after a look at what was mapped since.
static const struct target_mapping *find_or_reload(struct target *target, taddr_t address)
{
	const struct target_mapping *mapping = target_find_mapping(target, address);
	if (mapping || !target->source.reload || target->reloads == RELOADS_MAX)
		return mapping;
	target->reloads++;
	return target->source.reload(target->source.reload_context, target)
		       ? target_find_mapping(target, address)
		       : NULL;
}

static bool read_exact(struct target *target, taddr_t address, void *buffer, size_t size,
		       struct error *error)
{
	size_t used = 0;
	while (used < size) {
		const struct target_mapping *mapping = find_or_reload(target, address + used);
		size_t got = mapping ? read_mapping(target, mapping, address + used,
						    (char *)buffer + used, size - used)
				     : 0;
		if (!got) {
			target->counters.failed_reads++;
			return error_set(error, ERROR_FAULT,
					 "cannot read %zu bytes of the target at 0x%" PRIx64, size,
					 address);
		}
		used += got;
	}
	return true;
}

// The cached block that holds `address`, or NULL where a whole block cannot be read.
static const struct block *find_block(struct target *target, taddr_t address)
{
	taddr_t start = address & ~(taddr_t)(BLOCK_BYTES - 1);
	struct block *block = &target->blocks[hash_u64(start / BLOCK_BYTES) % BLOCK_SLOTS];
	if (block->valid && block->start == start)
		return block;
	const struct target_mapping *mapping = target_find_mapping(target, address);
	if (!mapping || start < mapping->start || mapping->end - start < BLOCK_BYTES)
		return NULL;
	if (!block->bytes)
		block->bytes = alloc_array(BLOCK_BYTES, 1);
	block->valid = false;
	if (read_mapping(target, mapping, start, block->bytes, BLOCK_BYTES) != BLOCK_BYTES)
		return NULL;
	block->start = start;
	block->valid = true;
	return block;
}

bool target_read(struct target *target, taddr_t address, void *buffer, size_t size,
		 struct error *error)
{
	while (size) {
		const struct block *block = find_block(target, address);
		if (!block)
			return read_exact(target, address, buffer, size, error);
		size_t offset = address - block->start;
		size_t part = BLOCK_BYTES - offset < size ? BLOCK_BYTES - offset : size;
		memcpy(buffer, block->bytes + offset, part);
		buffer = (char *)buffer + part;
		address += part;
		size -= part;
	}
	return true;
}

bool target_read_bulk(struct target *target, taddr_t address, void *buffer, size_t size,
		      struct error *error)
{
	return read_exact(target, address, buffer, size, error);
}

size_t target_read_some(struct target *target, taddr_t address, void *buffer, size_t limit)
{
	const struct block *block = find_block(target, address);
	if (block) {
		size_t left = BLOCK_BYTES - (address - block->start);
		size_t size = left < limit ? left : limit;
		memcpy(buffer, block->bytes + (address - block->start), size);
		return size;
	}
	const struct target_mapping *mapping = target_find_mapping(target, address);
	return mapping ? read_mapping(target, mapping, address, buffer, limit) : 0;
}

static uint64_t from_little_endian(const uint8_t *bytes, size_t size)
{
	uint64_t value = 0;
	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)bytes[i] << (8 * i);
	return value;
}

bool target_read_u32(struct target *target, taddr_t address, uint32_t *value, struct error *error)
{
	uint8_t bytes[4];
	if (!target_read(target, address, bytes, sizeof bytes, error))
		return false;
	*value = (uint32_t)from_little_endian(bytes, sizeof bytes);
	return true;
}

bool target_read_u64(struct target *target, taddr_t address, uint64_t *value, struct error *error)
{
	uint8_t bytes[8];
	if (!target_read(target, address, bytes, sizeof bytes, error))
		return false;
	*value = from_little_endian(bytes, sizeof bytes);
	return true;
}
