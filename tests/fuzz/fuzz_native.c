// SPDX-License-Identifier: Apache-2.0
/*
 * What C allocators hold, over the recorded memory of a real program (tests/native/malloc-program).
 * An input is a list of 16-byte changes to that memory:
 *
 *     how (1 byte), which (1), word (2, little-endian), page (4), value (8)
 *
 * how & 3: a word of any page / behind the start of an arena / of a heap / of a thread's
 * descriptor. how & 4: flip the bits of value, else write it. how & 8: value is an address behind
 * such a start.
 */
#include <string.h>

#include "fuzz.h"
#include "native/native_lab.h"

#include "base/reader.h"

enum { CHANGES_MAX = 64, WORDS_A_PAGE = 512 };

static const char *const commands[] = {"leak 0", "holes 1", "fast 60", "mmapped 3 200",
				       "threads 2 0"};
static struct native_lab lab;
static struct native_memory recorded;

static void read_lab(struct native_memory *memory)
{
	struct target *target = native_lab_target(&lab);
	if (!native_memory_read(target, &lab.maps, memory, NULL))
		abort();
	native_lab_require_sane(memory);
	target_free(target);
}

static void record(void)
{
	native_lab_start(&lab, commands, sizeof commands / sizeof *commands);
	read_lab(&recorded);
	if (!recorded.has_malloc || recorded.malloc.arenas.count != 3 ||
	    recorded.stacks.list.count != 2)
		abort();
}

static taddr_t place_behind(unsigned int how, unsigned int which)
{
	if ((how & 3) == 1)
		return recorded.malloc.arenas.items[which % recorded.malloc.arenas.count].address;
	if ((how & 3) == 2)
		return recorded.malloc.heaps.items[which % recorded.malloc.heaps.count].start;
	return recorded.stacks.list.items[which % recorded.stacks.list.count].descriptor;
}

static void apply(struct reader *reader)
{
	uint8_t how = reader_u8(reader), which = reader_u8(reader);
	uint16_t word = reader_u16(reader);
	uint32_t page = reader_u32(reader);
	uint64_t value = reader_u64(reader), before;
	if (!reader_ok(reader))
		return;
	uint8_t *place =
		(how & 3) == 0 ? lab.memory + lab.pages.items[page % lab.pages.count] +
					 word % WORDS_A_PAGE * 8
			       : native_lab_at(&lab, place_behind(how, which) + 8 * (taddr_t)word);
	if (!place)
		return;
	if (how & 8)
		value += place_behind(page, page >> 8);
	memcpy(&before, place, 8);
	native_lab_change(&lab, place, how & 4 ? before ^ value : value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader reader = reader_over(data, size);
	struct native_memory memory;
	if (!lab.memory)
		record();
	for (int i = 0; i < CHANGES_MAX && reader.offset < size; i++)
		apply(&reader);
	read_lab(&memory);
	native_memory_deinit(&memory);
	native_lab_undo(&lab);
	return 0;
}
