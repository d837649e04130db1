// SPDX-License-Identifier: Apache-2.0
// In: the address of runtime.firstmoduledata. Out: where its tables are, and the table of
// functions; the same of the plugins that the program has loaded, which are linked behind it.
// Source: Go 1.12 to 1.27, runtime/symtab.go (moduledata, functab).
#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/reader.h"
#include "golang/functab_priv.h"

enum {
	FUNCTIONS_MAX = 8 << 20, // of all modules together
	MODULES_MAX = 1024,
	MIN_LC_OFFSET = 6, // of the tables' header, in all versions
};

// Up to Go 1.17: pairs of an address and an offset, 8 bytes each. Makes them pairs of offsets.
static bool read_wide_ftab(struct target *target, struct functab_module *module, taddr_t address,
			   uint64_t count, struct error *error)
{
	_cleanup_free_ uint8_t *pairs = alloc_try_array(count, 16);
	if (!pairs)
		return error_set(error, ERROR_LIMIT, "no memory for the function table");
	if (!target_read_bulk(target, address, pairs, count * 16, error))
		return false;
	struct reader reader = reader_over(pairs, count * 16);
	for (size_t i = 0; i < count; i++) {
		uint64_t entry = reader_u64(&reader) - module->text;
		uint64_t offset = i + 1 < count ? reader_u64(&reader) : 0; // the last has none
		if (offset == UINT64_MAX)
			offset = UINT32_MAX; // a hole between two parts of the text
		if (entry > UINT32_MAX || offset > UINT32_MAX)
			return error_set(error, ERROR_BAD_DATA,
					 "entry %zu of the function table points outside", i);
		module->entries[2 * i] = (uint32_t)entry;
		module->entries[2 * i + 1] = (uint32_t)offset;
	}
	return true;
}

static bool read_ftab(struct functab *functab, struct functab_module *module, taddr_t address,
		      uint64_t count, struct error *error)
{
	if (count < 2 || count > FUNCTIONS_MAX)
		return error_set(error, ERROR_BAD_DATA, "function table of %" PRIu64 " entries",
				 count);
	module->entries = alloc_try_array(count, 8);
	module->count = count - 1; // the last entry only ends the one before it
	if (!module->entries)
		return error_set(error, ERROR_LIMIT, "no memory for the function table");
	if (functab->layout.offset[GO_SIZEOF_FUNCTAB] == 16)
		return read_wide_ftab(functab->target, module, address, count, error);
	return target_read_bulk(functab->target, address, module->entries, count * 8, error);
}

// Go 1.15 and earlier: one table for everything, which begins with the header.
static taddr_t take_table(const struct functab_module *module, const struct go_record *record,
			  enum go_field field)
{
	return layout_has(record->layout, field) ? record_u64(record, field) : module->functions;
}

// Gives the next moduledata's address, too; 0 behind the last one.
static bool read_module(struct functab *functab, taddr_t address, struct functab_module *module,
			taddr_t *next, struct error *error)
{
	uint8_t bytes[1024];
	size_t size = (size_t)functab->layout.offset[GO_SIZEOF_MODULEDATA];
	if (size > sizeof bytes || !target_read(functab->target, address, bytes, size, error))
		return false;
	struct go_record record = {&functab->layout, bytes, size};
	*next = record_u64(&record, GO_MODULEDATA_NEXT);
	*module = (struct functab_module){
		.moduledata = address,
		.functions = record_u64(&record, GO_MODULEDATA_PCLNTABLE),
		.cu_table = record_u64(&record, GO_MODULEDATA_CUTAB),
		.files = record_u64(&record, GO_MODULEDATA_FILETAB),
		.text = record_u64(&record, GO_MODULEDATA_TEXT),
		.go_func = record_u64(&record, GO_MODULEDATA_GOFUNC),
	};
	module->names = take_table(module, &record, GO_MODULEDATA_FUNCNAMETAB);
	module->pc_table = take_table(module, &record, GO_MODULEDATA_PCTAB);
	taddr_t header = take_table(module, &record, GO_MODULEDATA_PC_HEADER);
	uint64_t count;
	return target_read(functab->target, header + MIN_LC_OFFSET, &module->pc_quantum, 1,
			   error) &&
	       target_read_u64(functab->target,
			       address + functab->layout.offset[GO_MODULEDATA_FTAB] + 8, &count,
			       error) &&
	       read_ftab(functab, module, record_u64(&record, GO_MODULEDATA_FTAB), count, error);
}

static bool add_module(struct functab *functab, taddr_t address, taddr_t *next, struct error *error)
{
	struct functab_module module = {0};
	if (!read_module(functab, address, &module, next, error)) {
		free(module.entries);
		return false;
	}
	vec_push(&functab->modules, module);
	return true;
}

static bool is_known(const struct functab *functab, taddr_t moduledata)
{
	VEC_FOREACH (module, &functab->modules)
		if (module->moduledata == moduledata)
			return true;
	return false;
}

// What plugins bring along. The program's own functions are there without them.
static void add_plugins(struct functab *functab, taddr_t next)
{
	size_t functions = functab->modules.items[0].count;
	while (next) {
		if (functab->modules.count == MODULES_MAX || functions > FUNCTIONS_MAX ||
		    is_known(functab, next) || !add_module(functab, next, &next, NULL)) {
			functab->plugins_missing = true;
			return;
		}
		functions += functab->modules.items[functab->modules.count - 1].count;
	}
}

bool functab_open(struct target *target, const struct go_layout *layout, taddr_t moduledata,
		  struct functab **out, struct error *error)
{
	struct functab *functab = alloc_zero(sizeof *functab);
	taddr_t next;
	functab->target = target;
	functab->layout = *layout;
	if (!add_module(functab, moduledata, &next, error)) {
		functab_free(functab);
		return error_wrap(error, "Go function tables");
	}
	add_plugins(functab, next);
	*out = functab;
	return true;
}

void functab_free(struct functab *functab)
{
	if (!functab)
		return;
	VEC_FOREACH (module, &functab->modules)
		free(module->entries);
	vec_deinit(&functab->modules);
	map_deinit(&functab->strings);
	map_deinit(&functab->frames);
	map_deinit(&functab->names_of_pc);
	vec_deinit(&functab->name_list);
	vec_deinit(&functab->string_list);
	vec_deinit(&functab->frame_list);
	arena_deinit(&functab->arena);
	free(functab);
}

enum functab_plugins functab_plugins(const struct functab *functab)
{
	if (functab->plugins_missing)
		return FUNCTAB_PLUGINS_MISSING;
	return functab->modules.count > 1 ? FUNCTAB_PLUGINS : FUNCTAB_NO_PLUGINS;
}
