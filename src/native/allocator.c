// SPDX-License-Identifier: Apache-2.0
// In: the names of mapped files, the executable's exported symbols. Out: which allocator that is.
#include "native/allocator.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/reader.h"
#include "base/vec.h"
#include "target/memory_image.h"

enum {
	DYNAMIC_BYTES_MAX = 16 << 10,
	SYMBOL_BYTES = 24,
	SYMBOLS_MAX = 65536,
	STRINGS_MAX = 4 << 20,
	SYMBOL_NAME_MAX = 64,
	PT_DYNAMIC_NUMBER = 2,
};

// How the file names of libraries start. One that replaces malloc comes before a C library.
static const struct {
	const char *start, *name;
	enum allocator_kind kind;
} library_rows[] = {
	{"libjemalloc", "jemalloc", ALLOCATOR_JEMALLOC},
	{"libtcmalloc", "tcmalloc", ALLOCATOR_TCMALLOC},
	{"libmimalloc", "mimalloc", ALLOCATOR_MIMALLOC},
	{"libhoard", "hoard", ALLOCATOR_OTHER},
	{"librpmalloc", "rpmalloc", ALLOCATOR_OTHER},
	{"libsnmalloc", "snmalloc", ALLOCATOR_OTHER},
	{"libscudo", "scudo", ALLOCATOR_OTHER},
	{"libclang_rt.scudo", "scudo", ALLOCATOR_OTHER},
	{"libclang_rt.asan", "address sanitizer", ALLOCATOR_OTHER},
	{"libasan", "address sanitizer", ALLOCATOR_OTHER},
	{"libc.musl-", "musl", ALLOCATOR_MUSL},
	{"ld-musl-", "musl", ALLOCATOR_MUSL},
	{"libc.so.6", "glibc", ALLOCATOR_GLIBC},
	{"libc-2.", "glibc", ALLOCATOR_GLIBC},
};

// What only these allocators define.
static const struct {
	const char *symbol, *name;
	enum allocator_kind kind;
} symbol_rows[] = {
	{"mallctl", "jemalloc", ALLOCATOR_JEMALLOC},
	{"je_mallctl", "jemalloc", ALLOCATOR_JEMALLOC},
	{"tc_malloc", "tcmalloc", ALLOCATOR_TCMALLOC},
	{"MallocExtension_GetNumericProperty", "tcmalloc", ALLOCATOR_TCMALLOC},
	{"TCMalloc_Internal_GetStats", "tcmalloc", ALLOCATOR_TCMALLOC},
	{"mi_malloc", "mimalloc", ALLOCATOR_MIMALLOC},
};

static size_t find_library(const struct maps *maps)
{
	size_t best = sizeof library_rows / sizeof *library_rows;
	VEC_FOREACH (mapping, &maps->list) {
		const char *slash = strrchr(mapping->name, '/');
		if (!slash || !mapping->inode)
			continue;
		for (size_t i = 0; i < best; i++)
			if (strncmp(slash + 1, library_rows[i].start,
				    strlen(library_rows[i].start)) == 0)
				best = i;
	}
	return best;
}

struct dynamic {
	taddr_t symbols, strings;
	uint64_t string_bytes;
};

static bool read_u64s(struct target *target, taddr_t address, uint64_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!target_read_u64(target, address + 8 * i, &values[i], NULL))
			return false;
	return true;
}

// The dynamic section of the program at `base`, from its program headers.
static bool find_dynamic(struct target *target, taddr_t base, uint64_t bias, taddr_t *start,
			 uint64_t *size)
{
	uint8_t header[64], row[56];
	if (!target_read(target, base, header, sizeof header, NULL))
		return false;
	struct reader reader = reader_over(header, sizeof header);
	reader_seek(&reader, 32); // e_phoff
	uint64_t table = reader_u64(&reader);
	reader_seek(&reader, 54); // e_phentsize, e_phnum
	uint64_t row_size = reader_u16(&reader), count = reader_u16(&reader);
	for (uint64_t i = 0; i < count && i < MEMORY_IMAGE_SEGMENTS_MAX; i++) {
		if (!target_read(target, base + table + i * row_size, row, sizeof row, NULL))
			return false;
		struct reader at = reader_over(row, sizeof row);
		uint32_t type = reader_u32(&at);
		reader_seek(&at, 16); // p_vaddr
		*start = reader_u64(&at) + bias;
		reader_seek(&at, 40); // p_memsz
		*size = reader_u64(&at);
		if (type == PT_DYNAMIC_NUMBER)
			return true;
	}
	return false;
}

static bool read_dynamic(struct target *target, taddr_t start, uint64_t size,
			 struct dynamic *dynamic)
{
	enum { DT_NULL_TAG, DT_STRTAB_TAG = 5, DT_SYMTAB_TAG = 6, DT_STRSZ_TAG = 10 };
	*dynamic = (struct dynamic){0};
	for (uint64_t at = 0; at + 16 <= size && at < DYNAMIC_BYTES_MAX; at += 16) {
		uint64_t entry[2];
		if (!read_u64s(target, start + at, entry, 2))
			return false;
		if (entry[0] == DT_NULL_TAG)
			break;
		if (entry[0] == DT_STRTAB_TAG)
			dynamic->strings = entry[1];
		else if (entry[0] == DT_SYMTAB_TAG)
			dynamic->symbols = entry[1];
		else if (entry[0] == DT_STRSZ_TAG)
			dynamic->string_bytes = entry[1];
	}
	return dynamic->symbols && dynamic->strings && dynamic->string_bytes <= STRINGS_MAX;
}

static const char *symbol_name(const uint8_t *strings, uint64_t size, uint64_t offset)
{
	struct reader reader = reader_over(strings, size);
	reader_seek(&reader, offset);
	return reader_cstring(&reader, SYMBOL_NAME_MAX);
}

// The symbol table has no length of its own; the strings follow it as a rule.
static bool find_symbol(struct target *target, const struct dynamic *dynamic, size_t *row)
{
	uint64_t count = dynamic->strings > dynamic->symbols
				 ? (dynamic->strings - dynamic->symbols) / SYMBOL_BYTES
				 : 0;
	_cleanup_free_ uint8_t *strings = alloc_try_array(dynamic->string_bytes + 1, 1);
	if (!strings ||
	    !target_read_bulk(target, dynamic->strings, strings, dynamic->string_bytes, NULL))
		return false;
	for (uint64_t i = 0; i < count && i < SYMBOLS_MAX; i++) {
		uint8_t symbol[SYMBOL_BYTES];
		if (!target_read(target, dynamic->symbols + i * SYMBOL_BYTES, symbol, sizeof symbol,
				 NULL))
			return false;
		struct reader reader = reader_over(symbol, sizeof symbol);
		uint32_t name_at = reader_u32(&reader);
		reader_skip(&reader, 2);  // st_info, st_other
		if (!reader_u16(&reader)) // st_shndx: it is another's
			continue;
		const char *name = symbol_name(strings, dynamic->string_bytes, name_at);
		for (*row = 0; name && *row < sizeof symbol_rows / sizeof *symbol_rows; ++*row)
			if (strcmp(name, symbol_rows[*row].symbol) == 0)
				return true;
	}
	return false;
}

static bool find_in_executable(struct target *target, size_t *row)
{
	struct memory_image image;
	struct dynamic dynamic;
	taddr_t base = target_exe_start(target), start;
	uint64_t size;
	if (!base || !memory_image_read(target, base, &image, NULL) ||
	    !find_dynamic(target, base, image.bias, &start, &size) ||
	    !read_dynamic(target, start, size, &dynamic))
		return false;
	return find_symbol(target, &dynamic, row);
}

struct allocator allocator_find(struct target *target, const struct maps *maps)
{
	size_t library = find_library(maps), row;
	size_t none = sizeof library_rows / sizeof *library_rows;
	bool is_libc = library < none && (library_rows[library].kind == ALLOCATOR_GLIBC ||
					  library_rows[library].kind == ALLOCATOR_MUSL);
	if (target && (is_libc || library == none) && find_in_executable(target, &row))
		return (struct allocator){symbol_rows[row].kind, symbol_rows[row].name, true};
	return library < none ? (struct allocator){library_rows[library].kind,
						   library_rows[library].name, false}
			      : (struct allocator){ALLOCATOR_NONE, "", false};
}
