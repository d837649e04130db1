// SPDX-License-Identifier: Apache-2.0
// In: the address of runtime.firstmoduledata. Out: where its tables are, and the table of
// functions. Source: Go 1.12 to 1.27, runtime/symtab.go (moduledata, functab).
#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/reader.h"
#include "golang/functab_priv.h"

enum {
	FUNCTIONS_MAX = 8 << 20,
	MIN_LC_OFFSET = 6, // of the tables' header, in all versions
};

// Up to Go 1.17: pairs of an address and an offset, 8 bytes each. Makes them pairs of offsets.
static bool read_wide_ftab(struct functab *functab, taddr_t address, uint64_t count,
			   struct error *error)
{
	_cleanup_free_ uint8_t *pairs = alloc_try_array(count, 16);
	if (!pairs)
		return error_set(error, ERROR_LIMIT, "no memory for the function table");
	if (!target_read_bulk(functab->target, address, pairs, count * 16, error))
		return false;
	struct reader reader = reader_over(pairs, count * 16);
	for (size_t i = 0; i < count; i++) {
		uint64_t entry = reader_u64(&reader) - functab->text;
		uint64_t offset = i + 1 < count ? reader_u64(&reader) : 0; // the last has none
		if (offset == UINT64_MAX)
			offset = UINT32_MAX; // a hole between two parts of the text
		if (entry > UINT32_MAX || offset > UINT32_MAX)
			return error_set(error, ERROR_BAD_DATA,
					 "entry %zu of the function table points outside", i);
		functab->entries[2 * i] = (uint32_t)entry;
		functab->entries[2 * i + 1] = (uint32_t)offset;
	}
	return true;
}

static bool read_ftab(struct functab *functab, taddr_t address, uint64_t count, struct error *error)
{
	if (count < 2 || count > FUNCTIONS_MAX)
		return error_set(error, ERROR_BAD_DATA, "function table of %" PRIu64 " entries",
				 count);
	functab->entries = alloc_try_array(count, 8);
	functab->count = count - 1; // the last entry only ends the one before it
	if (!functab->entries)
		return error_set(error, ERROR_LIMIT, "no memory for the function table");
	if (functab->layout.offset[GO_SIZEOF_FUNCTAB] == 16)
		return read_wide_ftab(functab, address, count, error);
	return target_read_bulk(functab->target, address, functab->entries, count * 8, error);
}

// Go 1.15 and earlier: one table for everything, which begins with the header.
static taddr_t take_table(const struct functab *functab, const struct go_record *module,
			  enum go_field field)
{
	return layout_has(&functab->layout, field) ? record_u64(module, field) : functab->functions;
}

static bool read_module(struct functab *functab, taddr_t moduledata, struct error *error)
{
	uint8_t bytes[1024];
	size_t size = (size_t)functab->layout.offset[GO_SIZEOF_MODULEDATA];
	if (size > sizeof bytes || !target_read(functab->target, moduledata, bytes, size, error))
		return false;
	struct go_record record = {&functab->layout, bytes, size};
	functab->functions = record_u64(&record, GO_MODULEDATA_PCLNTABLE);
	functab->names = take_table(functab, &record, GO_MODULEDATA_FUNCNAMETAB);
	functab->cu_table = record_u64(&record, GO_MODULEDATA_CUTAB);
	functab->files = record_u64(&record, GO_MODULEDATA_FILETAB);
	functab->pc_table = take_table(functab, &record, GO_MODULEDATA_PCTAB);
	functab->text = record_u64(&record, GO_MODULEDATA_TEXT);
	functab->go_func = record_u64(&record, GO_MODULEDATA_GOFUNC);
	uint64_t count;
	taddr_t header = take_table(functab, &record, GO_MODULEDATA_PC_HEADER);
	if (!target_read(functab->target, header + MIN_LC_OFFSET, &functab->pc_quantum, 1, error))
		return false;
	return target_read_u64(functab->target,
			       moduledata + functab->layout.offset[GO_MODULEDATA_FTAB] + 8, &count,
			       error) &&
	       read_ftab(functab, record_u64(&record, GO_MODULEDATA_FTAB), count, error);
}

bool functab_open(struct target *target, const struct go_layout *layout, taddr_t moduledata,
		  struct functab **out, struct error *error)
{
	struct functab *functab = alloc_zero(sizeof *functab);
	functab->target = target;
	functab->layout = *layout;
	if (!read_module(functab, moduledata, error)) {
		functab_free(functab);
		return error_wrap(error, "Go function tables");
	}
	*out = functab;
	return true;
}

void functab_free(struct functab *functab)
{
	if (!functab)
		return;
	free(functab->entries);
	map_deinit(&functab->strings);
	map_deinit(&functab->frames);
	map_deinit(&functab->names_of_pc);
	vec_deinit(&functab->name_list);
	vec_deinit(&functab->string_list);
	vec_deinit(&functab->frame_list);
	arena_deinit(&functab->arena);
	free(functab);
}
