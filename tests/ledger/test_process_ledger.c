// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "ledger/process_ledger.h"
#include "system/pagemap.h"

enum { MIB = 1 << 20 };

// Spans at 0xc000000000: 8 MiB of heap, of which smaps says that 6 MiB are resident.
static const char smaps[] =
	"00400000-00600000 r-xp 00000000 fe:00 7      /usr/bin/app (deleted)\nRss:  1024 kB\n"
	"00600000-00700000 rw-p 00200000 fe:00 7      /usr/bin/app\nRss:   512 kB\n"
	"00700000-00900000 rw-p 00000000 00:00 0      \nRss:   256 kB\n" // its .bss
	"01000000-01100000 rw-p 00000000 00:00 0      [heap]\nRss:    64 kB\n"
	"c000000000-c000800000 rw-p 00000000 00:00 0  \nRss:  6144 kB\n"
	"c000800000-c004000000 ---p 00000000 00:00 0  \nRss:     0 kB\n"
	"7f0000000000-7f0000100000 rw-p 00000000 00:00 0  \nRss:  200 kB\n"
	"7f0000200000-7f0000300000 rw-p 00000000 00:00 0  [anon: Go: gc bits]\nRss:  100 kB\n"
	"7f0001000000-7f0001100000 r-xp 00000000 fe:00 9  /lib/libc.so.6\nRss:  300 kB\n"
	"7f0002000000-7f0002100000 r--p 00000000 fe:00 10 /data/table.db\nRss:   40 kB\n"
	"7f0003000000-7f0003100000 rw-s 00000000 00:01 11 /dev/shm/ring\nRss:   20 kB\n"
	"7f0004000000-7f0004100000 rw-s 00000000 00:00 0  \nRss:    12 kB\n"
	"7ff000000000-7ff000021000 rw-p 00000000 00:00 0  [stack]\nRss:    16 kB\n"
	"7ff000030000-7ff000032000 r-xp 00000000 00:00 0  [vdso]\nRss:     8 kB\n"
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\nRss:     0 kB\n";

// 1 MiB objects, 1 MiB with half its slots free, 1 MiB of stacks: 3 of 6 MiB; the rest is idle.
static const struct go_span example_spans[] = {
	{0xc000000000, MIB, 1024, 1024, GO_SPAN_IN_USE, false},
	{0xc000100000, MIB, 1024, 512, GO_SPAN_IN_USE, false},
	{0xc000400000, MIB, 0, 0, GO_SPAN_STACK, false},
};

struct world {
	struct maps maps;
	struct go_spans spans;
	struct go_memstats stats;
	struct process_ledger_input input;
};

static void begin(struct world *world, const char *text, const struct go_span *spans, size_t count)
{
	*world = (struct world){0};
	assert_ok(maps_parse(text, strlen(text), &world->maps, &error));
	for (size_t i = 0; i < count; i++)
		vec_push(&world->spans.spans, spans[i]);
	world->input = (struct process_ledger_input){.maps = &world->maps,
						     .pagemap_fd = -1,
						     .exe_path = "/usr/bin/app",
						     .spans = &world->spans,
						     .stats = &world->stats};
}

static void end(struct world *world)
{
	go_spans_deinit(&world->spans);
	maps_deinit(&world->maps);
}

static struct ledger build(const struct world *world)
{
	struct ledger ledger;
	const char *broken = NULL;
	assert_ok(process_ledger_build(&world->input, &ledger, &error));
	if (!ledger_sums(&ledger, &broken))
		fail_msg("%s does not sum", broken);
	return ledger;
}

static void check_rows(const struct ledger *ledger, const char *const *keys, const int64_t *kib,
		       size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ledger_bytes(ledger, keys[i]) != kib[i] * 1024)
			fail_msg("%s: %ld KiB, not %ld", keys[i],
				 (long)ledger_bytes(ledger, keys[i]) / 1024, (long)kib[i]);
}

static const char *const keys[] = {
	"go.heap.objects", "go.heap.free_slots", "go.heap.idle", "go.stacks",
	"go.metadata",     "anon.malloc",        "anon.stack",   "anon.other",
	"files.binary",    "files.libraries",    "files.data",   "shmem",
};
enum { KEYS = sizeof keys / sizeof *keys };

// The runtime's counters say what is its own beside the named mapping of 100 KiB.
static void every_mapping_has_its_row(void **state)
{
	(void)state;
	static const int64_t kib[KEYS] = {1536, 512, 3072, 1024, 150, 64,
					  16,   150, 1792, 308,  40,  32};
	struct world world;
	begin(&world, smaps, example_spans, 3);
	world.stats.gc_sys = 30 << 10;
	world.stats.mspan_sys = 20 << 10;
	struct ledger ledger = build(&world);
	check_rows(&ledger, keys, kib, KEYS);
	assert_int_equal((1024 + 512 + 256 + 64 + 6144 + 200 + 100 + 300 + 40 + 20 + 12 + 16 + 8) *
				 1024,
			 ledger.total_bytes);
	// Without a pagemap it is the runtime's counts that split the heap.
	assert_true(ledger_find(&ledger, "go.heap.objects")->flags & LEDGER_ESTIMATED);
	assert_true(ledger_find(&ledger, "go.metadata")->flags & LEDGER_ESTIMATED);
	ledger_deinit(&ledger);
	end(&world);
}

static void metadata_is_no_more_than_there_is(void **state)
{
	(void)state;
	struct world world;
	begin(&world, smaps, example_spans, 3);
	world.stats.gc_sys = UINT32_MAX;
	struct ledger ledger = build(&world);
	assert_int_equal(300 << 10, ledger_bytes(&ledger, "go.metadata"));
	assert_int_equal(0, ledger_bytes(&ledger, "anon.other"));
	ledger_deinit(&ledger);
	world.input.stats = NULL; // not known: only what has the runtime's name
	ledger = build(&world);
	assert_int_equal(100 << 10, ledger_bytes(&ledger, "go.metadata"));
	assert_int_equal(200 << 10, ledger_bytes(&ledger, "anon.other"));
	ledger_deinit(&ledger);
	end(&world);
}

static void without_a_runtime_nothing_is_gos(void **state)
{
	(void)state;
	struct world world;
	begin(&world, smaps, NULL, 0);
	world.input.spans = NULL;
	world.input.stats = NULL;
	struct ledger ledger = build(&world);
	assert_int_equal((6144 + 200) << 10, ledger_bytes(&ledger, "anon.other"));
	assert_int_equal(0, ledger_bytes(&ledger, "go.heap.objects"));
	ledger_deinit(&ledger);
	end(&world);
}

static void spans_that_make_no_sense_still_sum(void **state)
{
	(void)state;
	static const struct go_span odd[] = {
		{0, 8192, 8, 8, GO_SPAN_IN_USE, false},
		{0xbfffffe000, 4 * MIB, 8, 8, GO_SPAN_IN_USE, false}, // starts before the mapping
		{0xc000000000, 1ull << 43, 8, 65535, GO_SPAN_IN_USE, false},
		{0xc000000001, 8191, 1, 5, GO_SPAN_IN_USE, false},
		{0xc000000001, 8191, 1, 5, GO_SPAN_IN_USE, false}, // twice
		{0xc000100000, 7 * MIB, 7 * MIB, 1, GO_SPAN_IN_USE, false},
		{0xc000200000, 6 * MIB, 0, 0, GO_SPAN_STACK, false},
		{0xc0007fe000, 2 * MIB, 8, 8, GO_SPAN_IN_USE, false}, // ends behind it
		{UINT64_MAX - 8191, 1ull << 43, 8, 8, GO_SPAN_IN_USE, false},
	};
	struct world world;
	for (size_t count = 0; count <= sizeof odd / sizeof *odd; count++) {
		begin(&world, smaps, odd, count);
		struct ledger ledger = build(&world);
		VEC_FOREACH (row, &ledger.rows)
			assert_true(row->bytes > 0);
		ledger_deinit(&ledger);
		end(&world);
	}
}

// A mapping of an arena of the heap is the heap's even where no span lies in it; far away it is
// not.
static void arenas_belong_to_the_heap(void **state)
{
	(void)state;
	static const char text[] =
		"c000000000-c000001000 rw-p 00000000 00:00 0 \nRss: 4 kB\n"
		"c003fff000-c004000000 rw-p 00000000 00:00 0 \nRss: 8 kB\n"
		"c004000000-c004001000 rw-p 00000000 00:00 0 \nRss: 16 kB\n" // the next arena
		"c010000000-c010001000 rw-p 00000000 00:00 0 \nRss: 32 kB\n"
		"c018000000-c018001000 rw-p 00000000 00:00 0 \nRss: 64 kB\n";
	static const struct go_span spans[] = {
		{0xc001000000, 8192, 8, 8, GO_SPAN_IN_USE, false},
		{0xc00e000000, 64 * MIB, 64 * MIB, 1, GO_SPAN_IN_USE, false}, // into the next one
	};
	struct world world;
	begin(&world, text, spans, 2);
	struct ledger ledger = build(&world);
	// The one page inside the span that begins in another mapping is that span's.
	assert_int_equal((4 + 8 + 32 - 4) << 10, ledger_bytes(&ledger, "go.heap.idle"));
	assert_int_equal(4 << 10, ledger_bytes(&ledger, "go.heap.objects"));
	assert_int_equal((16 + 64) << 10, ledger_bytes(&ledger, "anon.other"));
	ledger_deinit(&ledger);
	end(&world);
}

static void without_residency_there_is_no_account(void **state)
{
	(void)state;
	struct world world;
	struct ledger ledger = {.total_bytes = 77};
	begin(&world, "00400000-00600000 r-xp 00000000 fe:00 7 /usr/bin/app\n", NULL, 0);
	assert_error(ERROR_UNSUPPORTED, process_ledger_build(&world.input, &ledger, &error));
	assert_int_equal(77, ledger.total_bytes);
	end(&world);
}

// The test's own pages: of the two spans only what was touched counts.
static void the_pagemap_tells_what_is_there(void **state)
{
	(void)state;
	size_t size = 4 * MIB;
	uint64_t page = pagemap_page_bytes();
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	madvise(memory, size, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < MIB; at += page)
		memory[at] = 1; // all of the first span
	for (size_t i = 0; i < 10; i++)
		memory[2 * MIB + i * 3 * page] = 1; // ten pages of the second
	for (size_t i = 0; i < 5; i++)
		memory[3 * MIB + 2 * i * page] = 1; // five of what is idle
	uint64_t start = (uintptr_t)memory;
	const struct go_span spans[] = {
		{start, MIB, MIB, 1, GO_SPAN_IN_USE, false},
		{start + 2 * MIB, MIB, MIB, 1, GO_SPAN_IN_USE, false},
	};
	struct strbuf text = {0};
	strbuf_addf(&text, "%lx-%lx rw-p 00000000 00:00 0 \nRss: %lu kB\n", (unsigned long)start,
		    (unsigned long)(start + size), (unsigned long)(MIB / page + 15) * page / 1024);
	struct world world;
	begin(&world, text.text, spans, 2);
	world.input.pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct ledger ledger = build(&world);
	assert_int_equal(MIB + 10 * page, ledger_bytes(&ledger, "go.heap.objects"));
	assert_int_equal(5 * page, ledger_bytes(&ledger, "go.heap.idle"));
	assert_false(ledger_find(&ledger, "go.heap.objects")->flags & LEDGER_ESTIMATED);
	ledger_deinit(&ledger);
	close(world.input.pagemap_fd);
	end(&world);
	strbuf_deinit(&text);
	munmap(memory, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mapping_has_its_row),
		cmocka_unit_test(metadata_is_no_more_than_there_is),
		cmocka_unit_test(without_a_runtime_nothing_is_gos),
		cmocka_unit_test(spans_that_make_no_sense_still_sum),
		cmocka_unit_test(arenas_belong_to_the_heap),
		cmocka_unit_test(without_residency_there_is_no_account),
		cmocka_unit_test(the_pagemap_tells_what_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
