// SPDX-License-Identifier: Apache-2.0
// In: program counters. Out: frames, names, sizes of frames.
// Source: Go 1.12 to 1.27, runtime/symtab.go (findfunc, pcvalue, funcline1), symtabinl.go.
//
// What changed: up to Go 1.15 all tables are one, pclntable, and files are numbered through the
// whole program; 1.16 split them. Up to 1.17 functions have addresses and point to their
// funcdata; 1.18 made offsets of them. Go 1.20 dropped what inlinedCall said of the caller's line.
#include "golang/functab.h"

#include <stdio.h>
#include <string.h>

#include "base/reader.h"
#include "golang/functab_priv.h"

enum {
	NAME_MAX_BYTES = 4096,
	PC_TABLE_STEPS_MAX = 1 << 20,
	INLINE_DEPTH_MAX = 1024,
	TABLE_MAX = 64, // entries of pcdata or funcdata in one function
	FLAG_TOP_FRAME = 1,
	FLAG_SP_WRITE = 2,
};

struct function {
	const struct functab_module *module;
	taddr_t entry, end, address; // address: of its runtime._func
};

// What one function's record says; see runtime._func.
struct func_record {
	struct function function;
	uint32_t name_offset, pcsp, pcfile, pcln, cu_offset, pcdata_count;
	int32_t start_line;
	uint8_t func_id, funcdata_count, flags;
};

// The inlined call at one place of a function; see runtime.inlinedCall.
struct inlined_call {
	uint8_t func_id;
	uint32_t name_offset;
	int32_t parent_pc, start_line;
	int32_t parent, file, line; // Go 1.19 and earlier; in 1.11 there is no parent_pc
};

void functab_detach(struct functab *functab)
{
	functab->target = NULL;
}

uint64_t functab_failures(const struct functab *functab)
{
	return functab->failures;
}

static bool find_in_module(const struct functab_module *module, taddr_t pc,
			   struct function *function)
{
	const uint32_t *entries = module->entries;
	uint64_t offset = pc - module->text;
	if (pc < module->text || offset < entries[0] || offset >= entries[2 * module->count])
		return false;
	size_t low = 0, high = module->count; // entries[low] <= offset < entries[high]
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (entries[2 * middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	*function = (struct function){
		.module = module,
		.entry = module->text + entries[2 * low],
		.end = module->text + entries[2 * low + 2],
		.address = module->functions + entries[2 * low + 1],
	};
	return true;
}

static bool find_function(const struct functab *functab, taddr_t pc, struct function *function)
{
	VEC_FOREACH (module, &functab->modules)
		if (find_in_module(module, pc, function))
			return true;
	return false;
}

static bool read_function(struct functab *functab, taddr_t pc, struct func_record *out)
{
	uint8_t bytes[64];
	size_t size = (size_t)functab->layout.offset[GO_SIZEOF_FUNC];
	if (!functab->target || !find_function(functab, pc, &out->function))
		return false;
	if (size > sizeof bytes ||
	    !target_read(functab->target, out->function.address, bytes, size, NULL)) {
		functab->failures++;
		return false;
	}
	struct go_record record = {&functab->layout, bytes, size};
	out->name_offset = record_u32(&record, GO_FUNC_NAME_OFF);
	out->pcsp = record_u32(&record, GO_FUNC_PCSP);
	out->pcfile = record_u32(&record, GO_FUNC_PCFILE);
	out->pcln = record_u32(&record, GO_FUNC_PCLN);
	out->cu_offset = record_u32(&record, GO_FUNC_CU_OFFSET);
	out->pcdata_count = record_u32(&record, GO_FUNC_NPCDATA);
	out->start_line = (int32_t)record_u32(&record, GO_FUNC_START_LINE);
	out->func_id = record_u8(&record, GO_FUNC_FUNC_ID);
	out->funcdata_count = record_u8(&record, GO_FUNC_NFUNCDATA);
	out->flags = record_u8(&record, GO_FUNC_FLAG);
	return true;
}

// A run of varints in the target, refilled as it is read.
struct table_cursor {
	struct target *target;
	taddr_t next;
	uint8_t bytes[256];
	struct reader reader;
};

static uint32_t next_varint(struct table_cursor *cursor)
{
	if (cursor->reader.size - cursor->reader.offset < 10) {
		cursor->next += cursor->reader.offset;
		size_t size = target_read_some(cursor->target, cursor->next, cursor->bytes,
					       sizeof cursor->bytes);
		cursor->reader = reader_over(cursor->bytes, size);
	}
	// A block may end inside a varint: read the rest of it exactly.
	if (cursor->reader.size < 10 &&
	    target_read(cursor->target, cursor->next, cursor->bytes, 10, NULL))
		cursor->reader = reader_over(cursor->bytes, 10);
	return (uint32_t)reader_varint(&cursor->reader);
}

// The value of a pc-value table at `pc`; -1 when the table has none, as in runtime.pcvalue.
static int32_t table_value(struct functab *functab, const struct function *function,
			   uint32_t offset, taddr_t pc)
{
	if (offset == 0)
		return -1;
	struct table_cursor cursor = {.target = functab->target,
				      .next = function->module->pc_table + offset};
	taddr_t at = function->entry;
	uint32_t value = UINT32_MAX;
	for (int step = 0; step < PC_TABLE_STEPS_MAX; step++) {
		uint32_t delta = next_varint(&cursor);
		if (delta == 0 && step > 0)
			break;
		value += -(delta & 1) ^ (delta >> 1);
		at += (uint64_t)next_varint(&cursor) * function->module->pc_quantum;
		if (!reader_ok(&cursor.reader))
			break;
		if (pc < at)
			return (int32_t)value;
	}
	functab->failures++;
	return -1;
}

static const char *read_string(struct functab *functab, taddr_t address)
{
	bool is_new;
	uint64_t *index = map_put(&functab->strings, address, functab->string_list.count, &is_new);
	if (!is_new)
		return functab->string_list.items[*index];
	char text[NAME_MAX_BYTES];
	size_t length = 0;
	while (length < sizeof text - 1 && !memchr(text, '\0', length)) {
		size_t got = target_read_some(functab->target, address + length, text + length,
					      length ? sizeof text - 1 - length : 128);
		if (!got)
			break;
		length += got;
	}
	text[length] = '\0';
	if (!length)
		functab->failures++;
	const char *copy = arena_string(&functab->arena, text, strlen(text));
	return *vec_push(&functab->string_list, copy ? copy : "?");
}

// Of the function itself, or of one that is inlined into it.
static const char *read_name(struct functab *functab, const struct func_record *record,
			     uint32_t offset)
{
	return read_string(functab, record->function.module->names + offset);
}

static bool read_u32_entry(struct functab *functab, taddr_t address, uint32_t *value)
{
	if (target_read_u32(functab->target, address, value, NULL))
		return true;
	functab->failures++;
	return false;
}

// One of the tables behind a function's record. `tables`: behind its last field, nfuncdata, which
// lies at the end of a word. False where the function has no such table.
static bool find_funcdata(struct functab *functab, const struct func_record *record, taddr_t tables,
			  unsigned int number, taddr_t *data)
{
	taddr_t at = tables + 4 * (taddr_t)record->pcdata_count;
	uint32_t offset;
	if (layout_has(&functab->layout, GO_MODULEDATA_GOFUNC)) {
		if (!read_u32_entry(functab, at + 4 * number, &offset) || offset == UINT32_MAX)
			return false;
		*data = record->function.module->go_func + offset;
		return true;
	}
	at = (at + 7) & ~(taddr_t)7; // Go 1.17 and earlier: pointers
	if (target_read_u64(functab->target, at + 8 * number, data, NULL))
		return *data != 0;
	functab->failures++;
	return false;
}

// The inlining tree's index at `pc`, or -1 where nothing is inlined.
static int32_t inline_index(struct functab *functab, const struct func_record *record, taddr_t pc,
			    taddr_t *tree)
{
	const int *offset = functab->layout.offset;
	taddr_t tables = record->function.address + ((offset[GO_FUNC_NFUNCDATA] + 4) & ~3);
	unsigned int index = (unsigned int)offset[GO_PCDATA_INL_TREE_INDEX],
		     number = (unsigned int)offset[GO_FUNCDATA_INL_TREE];
	uint32_t table;
	if (record->pcdata_count <= index || record->pcdata_count > TABLE_MAX ||
	    record->funcdata_count <= number ||
	    !read_u32_entry(functab, tables + 4 * (taddr_t)index, &table) ||
	    !find_funcdata(functab, record, tables, number, tree))
		return -1;
	return table_value(functab, &record->function, table, pc);
}

static bool read_inlined_call(struct functab *functab, taddr_t tree, int32_t index,
			      struct inlined_call *call)
{
	uint8_t bytes[32];
	size_t size = (size_t)functab->layout.offset[GO_SIZEOF_INLINED_CALL];
	if (size > sizeof bytes || index >= 1 << 20 ||
	    !target_read(functab->target, tree + (uint64_t)index * size, bytes, size, NULL)) {
		functab->failures++;
		return false;
	}
	struct go_record record = {&functab->layout, bytes, size};
	call->func_id = record_u8(&record, GO_INLINED_CALL_FUNC_ID);
	call->name_offset = record_u32(&record, GO_INLINED_CALL_NAME_OFF);
	call->parent_pc = (int32_t)record_u32(&record, GO_INLINED_CALL_PARENT_PC);
	call->start_line = (int32_t)record_u32(&record, GO_INLINED_CALL_START_LINE);
	call->parent = (int32_t)record_u32(&record, GO_INLINED_CALL_PARENT);
	call->file = (int32_t)record_u32(&record, GO_INLINED_CALL_FILE);
	call->line = (int32_t)record_u32(&record, GO_INLINED_CALL_LINE);
	return true;
}

taddr_t functab_address(taddr_t pc)
{
	return pc & (((taddr_t)1 << FUNCTAB_INLINE_SHIFT) - 1);
}

static bool makes_up_pcs(const struct functab *functab)
{
	return !layout_has(&functab->layout, GO_INLINED_CALL_PARENT_PC);
}

static const char *file_name(struct functab *functab, const struct func_record *record,
			     int32_t number)
{
	const struct functab_module *module = record->function.module;
	bool by_unit = layout_has(&functab->layout, GO_MODULEDATA_CUTAB);
	taddr_t entry = by_unit ? module->cu_table + 4 * (taddr_t)record->cu_offset : module->files;
	uint32_t offset;
	if (number < 0 || (by_unit && record->cu_offset == UINT32_MAX) ||
	    !read_u32_entry(functab, entry + 4 * (taddr_t)number, &offset) || offset == UINT32_MAX)
		return "?";
	return read_string(functab, (by_unit ? module->files : module->functions) + offset);
}

// Go 1.11: goes out from the innermost inlined function. `frame` is what the innermost one is.
static void go_out(struct functab *functab, const struct func_record *record, taddr_t tree,
		   int32_t index, uint64_t levels, struct go_frame *frame)
{
	struct inlined_call call;
	uint32_t name = record->name_offset;
	for (uint64_t i = 0; i < levels && i < INLINE_DEPTH_MAX && index >= 0; i++) {
		if (!read_inlined_call(functab, tree, index, &call))
			return;
		frame->file = file_name(functab, record, call.file);
		frame->line = call.line;
		index = call.parent;
	}
	frame->inlined = index >= 0 && read_inlined_call(functab, tree, index, &call);
	frame->function = read_name(functab, record, frame->inlined ? call.name_offset : name);
}

static struct go_frame make_frame(struct functab *functab, taddr_t return_pc)
{
	uint64_t levels = makes_up_pcs(functab) ? return_pc >> FUNCTAB_INLINE_SHIFT : 0;
	struct func_record record;
	struct go_frame frame = {.pc = return_pc, .function = "", .file = ""};
	if (makes_up_pcs(functab))
		return_pc = functab_address(return_pc);
	if (!read_function(functab, return_pc, &record))
		return frame;
	taddr_t pc = return_pc > record.function.entry ? return_pc - 1 : return_pc, tree = 0;
	int32_t line = table_value(functab, &record.function, record.pcln, pc);
	int32_t index = inline_index(functab, &record, pc, &tree);
	struct inlined_call call;
	frame.valid = true;
	frame.pc = pc;
	frame.entry = record.function.entry;
	frame.file = file_name(functab, &record,
			       table_value(functab, &record.function, record.pcfile, pc));
	frame.line = line < 0 ? 0 : line;
	frame.inlined = index >= 0 && read_inlined_call(functab, tree, index, &call);
	frame.wrapper = (frame.inlined ? call.func_id : record.func_id) ==
			functab->layout.offset[GO_FUNC_ID_WRAPPER];
	frame.start_line = frame.inlined ? call.start_line : record.start_line;
	frame.function =
		read_name(functab, &record, frame.inlined ? call.name_offset : record.name_offset);
	if (levels)
		go_out(functab, &record, tree, index, levels, &frame);
	return frame;
}

const struct go_frame *functab_frame(struct functab *functab, taddr_t return_pc)
{
	static const struct go_frame out_of_memory = {.function = "", .file = ""};
	bool is_new;
	uint64_t *index = map_put(&functab->frames, return_pc, functab->frame_list.count, &is_new);
	if (!is_new)
		return functab->frame_list.items[*index];
	struct go_frame *frame = arena_alloc(&functab->arena, sizeof *frame);
	if (frame)
		*frame = make_frame(functab, return_pc);
	else
		frame = (struct go_frame *)(uintptr_t)&out_of_memory;
	return *vec_push(&functab->frame_list, frame);
}

static const char *find_name(struct functab *functab, taddr_t pc)
{
	struct func_record record;
	struct inlined_call call;
	taddr_t tree = 0;
	if (makes_up_pcs(functab))
		pc = functab_address(pc);
	if (!read_function(functab, pc, &record))
		return NULL;
	// runtime.FuncForPC knows inlined functions since Go 1.12.
	int32_t index = makes_up_pcs(functab) ? -1 : inline_index(functab, &record, pc, &tree);
	bool inlined = index >= 0 && read_inlined_call(functab, tree, index, &call);
	return read_name(functab, &record, inlined ? call.name_offset : record.name_offset);
}

const char *functab_name(struct functab *functab, taddr_t pc)
{
	bool is_new;
	uint64_t *index = map_put(&functab->names_of_pc, pc, functab->name_list.count, &is_new);
	return is_new ? *vec_push(&functab->name_list, find_name(functab, pc))
		      : functab->name_list.items[*index];
}

static size_t make_up_pcs(struct functab *functab, taddr_t *pcs, size_t count, size_t capacity)
{
	taddr_t pc = pcs[count - 1];
	if (pc >> FUNCTAB_INLINE_SHIFT)
		return count; // was done
	for (uint64_t level = 1; count < capacity && level < INLINE_DEPTH_MAX; level++) {
		if (!functab_frame(functab, pcs[count - 1])->inlined)
			break;
		pcs[count++] = pc | level << FUNCTAB_INLINE_SHIFT;
	}
	return count;
}

size_t functab_expand_last(struct functab *functab, taddr_t *pcs, size_t count, size_t capacity)
{
	struct func_record record;
	if (count && makes_up_pcs(functab))
		return make_up_pcs(functab, pcs, count, capacity);
	if (!count || !functab_frame(functab, pcs[count - 1])->inlined ||
	    !read_function(functab, pcs[count - 1] - 1, &record))
		return count;
	taddr_t pc = pcs[count - 1] - 1, tree = 0;
	int32_t index = inline_index(functab, &record, pc, &tree);
	for (int depth = 0; index >= 0 && depth < INLINE_DEPTH_MAX && count < capacity; depth++) {
		struct inlined_call call;
		if (!read_inlined_call(functab, tree, index, &call))
			break;
		pc = record.function.entry + (uint64_t)(int64_t)call.parent_pc;
		index = inline_index(functab, &record, pc, &tree);
		uint8_t id = record.func_id;
		if (index >= 0 && read_inlined_call(functab, tree, index, &call))
			id = call.func_id;
		if (id != functab->layout.offset[GO_FUNC_ID_WRAPPER])
			pcs[count++] = pc + 1;
	}
	return count;
}

int64_t functab_frame_size(struct functab *functab, taddr_t pc)
{
	struct func_record record;
	if (!read_function(functab, pc, &record))
		return -1;
	return table_value(functab, &record.function, record.pcsp, pc);
}

bool functab_function(struct functab *functab, taddr_t pc, struct go_function *function)
{
	struct func_record record;
	if (!read_function(functab, pc, &record))
		return false;
	const char *name = read_name(functab, &record, record.name_offset);
	*function = (struct go_function){
		.entry = record.function.entry,
		.name = name,
		.frame_size = table_value(functab, &record.function, record.pcsp, pc),
		.top = layout_has(&functab->layout, GO_FUNC_FLAG)
			       ? record.flags & FLAG_TOP_FRAME
			       : strcmp(name, "runtime.goexit") == 0, // before Go 1.17
		.writes_sp = record.flags & FLAG_SP_WRITE,
	};
	return true;
}

size_t functab_expand(struct functab *functab, taddr_t pc, taddr_t *pcs, size_t capacity)
{
	struct func_record record;
	size_t count = 0;
	if (!read_function(functab, pc, &record) || !capacity)
		return 0;
	if (makes_up_pcs(functab)) {
		pcs[0] = pc + 1;
		return make_up_pcs(functab, pcs, 1, capacity);
	}
	for (int32_t index = 0; count < capacity && index >= 0;) {
		struct inlined_call call;
		taddr_t tree = 0;
		pcs[count++] = pc + 1;
		index = inline_index(functab, &record, pc, &tree);
		if (index < 0 || !read_inlined_call(functab, tree, index, &call))
			break;
		pc = record.function.entry + (uint64_t)(int64_t)call.parent_pc;
	}
	return count;
}

taddr_t functab_entry(struct functab *functab, taddr_t pc)
{
	struct function function;
	return find_function(functab, pc, &function) ? function.entry : 0;
}

void go_name_for_print(const char *name, char *buffer, size_t capacity)
{
	const char *open = strchr(name, '['), *close = strrchr(name, ']');
	if (open && close && close > open)
		snprintf(buffer, capacity, "%.*s[...]%s", (int)(open - name), name, close + 1);
	else
		snprintf(buffer, capacity, "%s", name);
}
