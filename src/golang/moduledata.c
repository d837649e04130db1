// SPDX-License-Identifier: Apache-2.0
// In: the data of an executable in memory. Out: where its moduledata is, and what that says.
// Source: Go 1.13 to 1.27, runtime/symtab.go (moduledata, pcHeader; before 1.16 moduledataverify1).
#include "golang/moduledata.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/reader.h"

enum {
	WORD = 8,
	MODULE_WORDS = 32, // up to enoptrbss
	MODULE_BYTES = MODULE_WORDS * WORD,
	TABLES = 5, // funcnametab, cutab, filetab, pctab, pclntable: slices from word 1 on
	HEADER_BYTES = 72,
	HEADER_OFFSETS_1_16 = 24, // where the tables' offsets are in the header
	HEADER_OFFSETS_1_18 = 32,
	FUNCTIONS_MAX = 8 << 20,
	CHUNK_BYTES = 1 << 20,
	SCAN_BYTES_MAX = 512 << 20,
};

// The words of a moduledata by what they are.
enum {
	WORD_HEADER = 0,
	WORD_TABLES = 1,
	WORD_FTAB = 16,
	WORD_MINPC = 20,
	WORD_MAXPC = 21,
	WORD_TEXT = 22,
	WORD_ETEXT = 23,
	WORD_RANGES = 24,
	OLD_WORD_FTAB = 3, // Go 1.15 and earlier
	OLD_HEADER_BYTES = 16,
	OLD_SHIFT = 10,
};

static uint64_t word_at(const uint8_t *bytes, size_t index)
{
	struct reader reader = reader_over(bytes + index * WORD, WORD);
	return reader_u64(&reader);
}

// Cheap, and false for nearly all words: the first table lies right behind the header, in order.
static bool may_be_module(const uint8_t *bytes)
{
	uint64_t header = word_at(bytes, WORD_HEADER), names = word_at(bytes, WORD_TABLES);
	if (names - header < HEADER_BYTES - WORD || names - header > 2 * HEADER_BYTES)
		return false;
	taddr_t last = header;
	for (size_t i = 0; i < TABLES; i++) {
		const uint8_t *slice = bytes + (WORD_TABLES + 3 * i) * WORD;
		if (word_at(slice, 0) < last || word_at(slice, 1) != word_at(slice, 2) ||
		    word_at(slice, 1) == 0)
			return false;
		last = word_at(slice, 0);
	}
	return true;
}

static bool tables_are_where_the_header_says(const uint8_t *module, const uint8_t *header,
					     size_t offsets)
{
	uint64_t start = word_at(module, WORD_HEADER);
	for (size_t i = 0; i < TABLES; i++)
		if (word_at(module, WORD_TABLES + 3 * i) - start != word_at(header + offsets, i))
			return false;
	return true;
}

// The bytes behind the magic: two zeros, the instructions' unit, the pointers' size.
static bool header_fits(const uint8_t *module, const uint8_t *header)
{
	uint64_t functions = word_at(header, 1);
	return header[4] == 0 && header[5] == 0 && (header[6] == 1 || header[6] == 4) &&
	       header[7] == WORD && functions > 0 && functions < FUNCTIONS_MAX &&
	       word_at(module, WORD_FTAB + 1) == functions + 1 &&
	       (tables_are_where_the_header_says(module, header, HEADER_OFFSETS_1_18) ||
		tables_are_where_the_header_says(module, header, HEADER_OFFSETS_1_16));
}

// `shift`: so many words earlier than since Go 1.16.
static bool parse_ranges(const uint8_t *bytes, size_t shift, struct go_moduledata *module)
{
	module->text = (struct go_range){word_at(bytes, WORD_TEXT - shift),
					 word_at(bytes, WORD_ETEXT - shift)};
	bool ok = module->text.start < module->text.end &&
		  word_at(bytes, WORD_MINPC - shift) >= module->text.start &&
		  word_at(bytes, WORD_MAXPC - shift) <= module->text.end;
	for (size_t i = 0; i < GO_RANGE_COUNT; i++) {
		size_t word = WORD_RANGES - shift + 2 * i;
		module->data[i] = (struct go_range){word_at(bytes, word), word_at(bytes, word + 1)};
		ok &= module->data[i].start <= module->data[i].end &&
		      module->data[i].end - module->data[i].start < SCAN_BYTES_MAX;
	}
	return ok;
}

// Go 1.15 and earlier: one table, which begins with a header of 16 bytes and the functions.
static bool may_be_old_module(const uint8_t *bytes)
{
	return word_at(bytes, OLD_WORD_FTAB) - word_at(bytes, WORD_HEADER) == OLD_HEADER_BYTES &&
	       word_at(bytes, 1) == word_at(bytes, 2) && word_at(bytes, 1) > OLD_HEADER_BYTES &&
	       word_at(bytes, OLD_WORD_FTAB + 1) == word_at(bytes, OLD_WORD_FTAB + 2);
}

static bool old_header_fits(const uint8_t *module, const uint8_t *header)
{
	static const uint8_t magic[] = {0xfb, 0xff, 0xff, 0xff, 0, 0};
	uint64_t functions = word_at(header, 1);
	return memcmp(header, magic, sizeof magic) == 0 && (header[6] == 1 || header[6] == 4) &&
	       header[7] == WORD && functions > 0 && functions < FUNCTIONS_MAX &&
	       word_at(module, OLD_WORD_FTAB + 1) == functions + 1;
}

static bool may_be_any_module(const uint8_t *bytes)
{
	return may_be_module(bytes) || may_be_old_module(bytes);
}

static bool parse_module(struct target *target, taddr_t address, const uint8_t *bytes,
			 struct go_moduledata *out)
{
	uint8_t header[HEADER_BYTES];
	struct go_moduledata module = {.address = address,
				       .pc_header = word_at(bytes, WORD_HEADER)};
	if (!may_be_any_module(bytes) || !target_find_mapping(target, module.pc_header) ||
	    !target_read(target, module.pc_header, header, sizeof header, NULL))
		return false;
	bool is_old = !may_be_module(bytes);
	if (!(is_old ? old_header_fits(bytes, header) : header_fits(bytes, header)) ||
	    !parse_ranges(bytes, is_old ? OLD_SHIFT : 0, &module))
		return false;
	module.function_count = word_at(header, 1);
	*out = module;
	return true;
}

bool moduledata_read(struct target *target, taddr_t address, struct go_moduledata *out,
		     struct error *error)
{
	uint8_t bytes[MODULE_BYTES];
	return target_read(target, address, bytes, sizeof bytes, error) &&
	       (parse_module(target, address, bytes, out) ||
		error_set(error, ERROR_BAD_DATA, "no Go moduledata at 0x%" PRIx64, address));
}

// `chunk` holds CHUNK_BYTES. What begins in one chunk may end in the next: they overlap.
static bool scan_range(struct target *target, taddr_t start, taddr_t end, uint8_t *chunk,
		       struct go_moduledata *out)
{
	for (taddr_t at = start; end - at >= MODULE_BYTES;) {
		size_t size = end - at < CHUNK_BYTES ? end - at : CHUNK_BYTES;
		if (!target_read_bulk(target, at, chunk, size, NULL))
			return false;
		for (size_t i = 0; i + MODULE_BYTES <= size; i += WORD)
			if (may_be_any_module(chunk + i) &&
			    parse_module(target, at + i, chunk + i, out))
				return true;
		if (size < CHUNK_BYTES)
			return false;
		at += size - MODULE_BYTES;
	}
	return false;
}

bool moduledata_find(struct target *target, struct go_moduledata *out, struct error *error)
{
	_cleanup_free_ uint8_t *chunk = alloc_array(CHUNK_BYTES, 1);
	struct target_mapping mapping;
	uint64_t scanned = 0;
	for (size_t i = 0; target_get_mapping(target, i, &mapping); i++) {
		if (!mapping.of_exe || !target_is_data(target, &mapping) ||
		    mapping.end - mapping.start > SCAN_BYTES_MAX - scanned)
			continue;
		scanned += mapping.end - mapping.start;
		if (scan_range(target, mapping.start, mapping.end, chunk, out))
			return true;
	}
	return error_set(
		error, ERROR_NOT_FOUND,
		"no tables of Go functions in the executable's data: not Go 1.13 or later");
}

bool moduledata_holds_variable(const struct go_moduledata *module, taddr_t address, uint64_t size)
{
	for (size_t i = 0; i < GO_RANGE_COUNT; i++)
		if (address >= module->data[i].start && address < module->data[i].end &&
		    module->data[i].end - address >= size)
			return true;
	return false;
}
