// SPDX-License-Identifier: Apache-2.0
// In: what a core holds, and its executable. Out: one table of mappings.
#include <stdlib.h>

#include "target/core.h"

enum { PAGE_BYTES = 4096 };

// A segment of the executable, where it lies in memory: whole pages of the file.
struct placed_segment {
	taddr_t start, end;
	uint64_t offset; // of `start` in the executable
	bool writable;
};

struct table {
	VEC(struct target_mapping) rows;
	struct placed_segment *segments;
	size_t segment_count;
};

static struct placed_segment place_segment(const struct elf_segment *segment, uint64_t bias)
{
	uint64_t before = segment->file_offset % PAGE_BYTES;
	uint64_t size = before + segment->file_size;
	struct placed_segment placed = {.start = segment->address + bias - before,
					.offset = segment->file_offset - before,
					.writable = segment->writable};
	// What wraps around is damaged, and covers nothing.
	if (size < before || __builtin_add_overflow(placed.start, size, &placed.end) ||
	    placed.end > UINT64_MAX - PAGE_BYTES || before > segment->address + bias)
		placed.end = placed.start;
	placed.end = (placed.end + PAGE_BYTES - 1) & ~(taddr_t)(PAGE_BYTES - 1);
	return placed;
}

// The segment at `address`, or NULL; *next is where the answer may become another one.
static const struct placed_segment *find_segment(const struct table *table, taddr_t address,
						 taddr_t *next)
{
	for (size_t i = 0; i < table->segment_count; i++) {
		const struct placed_segment *segment = &table->segments[i];
		if (address >= segment->start && address < segment->end) {
			*next = segment->end < *next ? segment->end : *next;
			return segment;
		}
		if (segment->start > address && segment->start < *next)
			*next = segment->start;
	}
	return NULL;
}

// Rows from `start` to `end`, cut where the executable's segments begin and end. `load` NULL: the
// core has nothing there, and only read-only parts of the executable make a row.
static void add_rows(struct table *table, taddr_t start, taddr_t end, const struct core_load *load)
{
	while (start < end) {
		taddr_t next = end;
		const struct placed_segment *segment = find_segment(table, start, &next);
		uint64_t inside = load ? start - load->start : 0;
		uint64_t held = load && load->data_size > inside ? load->data_size - inside : 0;
		struct target_mapping row = {
			.start = start,
			.end = next,
			.data_offset = load ? load->data_offset + inside : 0,
			.data_size = held < next - start ? held : next - start,
			.exe_offset = segment ? segment->offset + (start - segment->start) : 0,
			.readable = true,
			// A page of a writable segment is not what the file has, whatever its
			// protection says: relocations are written before they are protected.
			.writable = (load && load->writable) || (segment && segment->writable),
			.of_exe = segment,
		};
		if (load || (segment && !segment->writable))
			vec_push(&table->rows, row);
		start = next;
	}
}

static void place_segments(struct table *table, const struct elf_image *image, uint64_t bias)
{
	size_t count = 0;
	const struct elf_segment *segments = image ? elf_image_segments(image, &count) : NULL;
	table->segments = alloc_array(count, sizeof *table->segments);
	table->segment_count = count;
	for (size_t i = 0; i < count; i++)
		table->segments[i] = place_segment(&segments[i], bias);
}

struct target_mapping *core_mappings(const struct core *core, const struct elf_image *image,
				     uint64_t bias, size_t *count)
{
	struct table table = {0};
	taddr_t end = 0;
	place_segments(&table, image, bias);
	VEC_FOREACH (load, &core->loads) {
		add_rows(&table, end, load->start, NULL);
		add_rows(&table, load->start, load->end, load);
		end = load->end;
	}
	add_rows(&table, end, UINT64_MAX, NULL);
	free(table.segments);
	*count = table.rows.count;
	return table.rows.items;
}
