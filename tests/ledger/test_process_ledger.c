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

// 1 MiB objects, 1 MiB with half its slots free, 1 MiB of stacks of which half are free: 3 of 6
// MiB; 32 KiB of the collector's buffers. The rest is idle.
static const struct go_span example_spans[] = {
	{0xc000000000, MIB, 1024, 1024, GO_SPAN_IN_USE, false},
	{0xc000100000, MIB, 1024, 512, GO_SPAN_IN_USE, false},
	{0xc000400000, MIB, 2048, 256, GO_SPAN_STACK, false},
	{0xc000500000, 32 << 10, 0, 0, GO_SPAN_STACK, false},
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
	"go.heap.objects", "go.heap.free_slots", "go.heap.idle",      "go.stacks",
	"go.metadata",     "anon.malloc",        "anon.stack",        "anon.other",
	"files.binary",    "files.libraries",    "files.data",        "shmem",
	"go.stacks.inuse", "go.stacks.free",     "go.metadata.spans", "go.metadata.gc",
	"anon.vdso",       "unexplained",
};
enum { KEYS = sizeof keys / sizeof *keys };

// The runtime's counters say what is its own beside the named mapping of 100 KiB.
static void every_mapping_has_its_row(void **state)
{
	(void)state;
	static const int64_t kib[KEYS] = {1536, 512, 3040, 1024, 182, 64, 16,  150, 1792,
					  300,  40,  32,   512,  512, 20, 162, 8,   0};
	struct world world;
	begin(&world, smaps, example_spans, 4);
	world.stats.gc_misc_sys = 130 << 10; // the named ones among them
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
	begin(&world, smaps, example_spans, 4);
	world.stats.gc_misc_sys = UINT32_MAX;
	struct ledger ledger = build(&world);
	assert_int_equal(332 << 10, ledger_bytes(&ledger, "go.metadata"));
	assert_int_equal(0, ledger_bytes(&ledger, "anon.other"));
	ledger_deinit(&ledger);
	world.input.stats = NULL; // not known: only what has the runtime's name
	ledger = build(&world);
	assert_int_equal(132 << 10, ledger_bytes(&ledger, "go.metadata"));
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
	assert_int_equal((6144 + 200 + 100) << 10, ledger_bytes(&ledger, "anon.other"));
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
		assert_null(ledger_find(&ledger, "unexplained"));
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

// Marks and counts of spans that are there as a whole give exact numbers.
static void objects_are_told_apart_by_their_marks(void **state)
{
	(void)state;
	static const char text[] = "c000000000-c000300000 rw-p 00000000 00:00 0 \nRss: 3072 kB\n";
	const struct go_span spans[] = {
		{.start = 0xc000000000,
		 .bytes = MIB,
		 .object_size = 1024,
		 .object_count = 1024,
		 .state = GO_SPAN_IN_USE,
		 .marked_count = 256},
		{.start = 0xc000100000,
		 .bytes = MIB,
		 .object_size = 1024,
		 .object_count = 512,
		 .state = GO_SPAN_IN_USE,
		 .marked_count = 128,
		 .unswept = true},
		{.start = 0xc000200000,
		 .bytes = MIB,
		 .object_size = MIB,
		 .object_count = 1,
		 .state = GO_SPAN_IN_USE,
		 .marked_count = 7}, // more than there are: live
	};
	static const char *const names[] = {"go.heap.live", "go.heap.young", "go.heap.garbage",
					    "go.heap.free_slots", "go.heap.idle"};
	static const int64_t kib[] = {256 + 128 + 1024, 768, 384, 512, 0};
	struct go_span_marks marks = {0};
	struct world world;
	begin(&world, text, spans, 3);
	world.input.marks = &marks;
	world.input.own = &(struct go_own_memory){0};
	struct ledger ledger = build(&world);
	check_rows(&ledger, names, kib, 5);
	ledger_deinit(&ledger);
	marks.collected = true; // marks of two collections
	ledger = build(&world);
	assert_true(ledger_find(&ledger, "go.heap.young")->flags & LEDGER_ESTIMATED);
	ledger_deinit(&ledger);
	world.input.marks = NULL;
	ledger = build(&world);
	assert_null(ledger_find(&ledger, "go.heap.live"));
	assert_int_equal((1024 + 512 + 1024) << 10, ledger_bytes(&ledger, "go.heap.objects"));
	ledger_deinit(&ledger);
	end(&world);
}

// What was given back with MADV_FREE is no more than what is idle.
static void returned_pages_that_are_still_there(void **state)
{
	(void)state;
	static const char text[] =
		"c000000000-c000400000 rw-p 00000000 00:00 0 \n"
		"Rss: 4096 kB\nLazyFree: 2048 kB\nAnonHugePages: 2048 kB\nSwap: 4 kB\n"
		"7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n"
		"Rss: 100 kB\nPss: 50 kB\nLazyFree: 40 kB\nLocked: 8 kB\n"
		"7f0000200000-7f0000400000 rw-s 00000000 00:0f 3 /anon_hugepage (deleted)\n"
		"Rss: 0 kB\nPrivate_Hugetlb: 2048 kB\nShared_Hugetlb: 0 kB\n";
	static const struct go_span spans[] = {{0xc000000000, MIB, MIB, 1, GO_SPAN_IN_USE, false}};
	static const char *const names[] = {
		"go.heap.lazyfree", "go.heap.idle", "lazyfree", "go.huge",          "huge", "swap",
		"locked",           "pss",          "hugetlb",  "go.heap.returned", "vmrss"};
	static const int64_t kib[] = {2048, 1024, 40, 2048, 2048, 4, 8, 50, 2048, 952, 4200};
	struct world world;
	begin(&world, text, spans, 1);
	world.stats.heap_released = 3000 << 10;
	world.input.status_rss_bytes = known(4200 << 10);
	struct ledger ledger = build(&world);
	check_rows(&ledger, names, kib, sizeof names / sizeof *names);
	assert_true(ledger_find(&ledger, "go.heap.lazyfree")->flags & LEDGER_RECLAIMABLE);
	ledger_deinit(&ledger);
	end(&world);
}

static void own_structures_have_their_kinds(void **state)
{
	(void)state;
	static const char text[] =
		"c000000000-c000100000 rw-p 00000000 00:00 0 \nRss: 1024 kB\n"
		"7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \nRss: 1024 kB\n"
		"7f0001000000-7f0001100000 rw-p 00000000 00:00 0 \nRss: 512 kB\n" // not the
										  // runtime's
		"7f0002000000-7f0002100000 ---p 00000000 00:00 0 \nRss: 0 kB\n"
		"7f0002100000-7f0002101000 rw-p 00000000 00:00 0 \nRss: 4 kB\n" // part of a table
		"7f0003000000-7f0003010000 rw-p 00000000 00:00 0 [anon: Go: allspans array]\n"
		"Rss: 64 kB\n"
		"7f0004000000-7f0004010000 rw-p 00000000 00:00 0 [anon: Go: immortal metadata]\n"
		"Rss: 64 kB\n";
	static const struct go_span spans[] = {{0xc000000000, MIB, MIB, 1, GO_SPAN_IN_USE, false}};
	struct go_own_range ranges[] = {
		{0x7f0000000000, 0x7f0000010000, GO_OWN_SPANS, false},
		{0x7f0000010000, 0x7f0000020001, GO_OWN_GC, false},
		{0x7f0002000000, 0x7f0003000000, GO_OWN_GC, true},
	};
	struct go_own_memory own = {.ranges = {ranges, 3, 3}};
	static const char *const names[] = {"go.metadata.spans", "go.metadata.gc",
					    "go.metadata.buckets", "anon.other.0x7f0000000000",
					    "anon.other.0x7f0001000000"};
	struct world world;
	begin(&world, text, spans, 1);
	world.input.own = &own;
	world.stats.mspan_sys = 80 << 10; // 16 KiB between structures
	world.stats.buckhash_sys = 200 << 10;
	struct ledger ledger = build(&world);
	// 64 KiB without a table are the runtime's by their name: 16 of them and 200 from the
	// counters.
	static const int64_t kib[] = {80, 68, 200};
	assert_int_equal(1, ledger_bytes(&ledger, "go.metadata.gc") % 1024);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(kib[i], ledger_bytes(&ledger, names[i]) / 1024);
	assert_int_equal(512 << 10, ledger_bytes(&ledger, names[4]));
	assert_int_equal((1024 - 128 - 216 + 64) * 1024 - 1, ledger_bytes(&ledger, names[3]));
	assert_int_equal(64 << 10, ledger_bytes(&ledger, "go.metadata.other"));
	ledger_deinit(&ledger);
	end(&world);
}

static void threads_and_arenas_of_c_are_told(void **state)
{
	(void)state;
	static const char text[] =
		"7ffe00000000-7ffe00400000 rw-p 00000000 00:00 0 \nRss: 100 kB\n" // an arena
		"7ffe00400000-7ffe04001000 ---p 00000000 00:00 0 \nRss: 0 kB\n"   // and a guard
		"7ffe04001000-7ffe04801000 rw-p 00000000 00:00 0 \nRss: 8 kB\n"   // no: too far
		"7ffe05000000-7ffe05001000 ---p 00000000 00:00 0 \nRss: 0 kB\n"
		"7ffe05001000-7ffe05801000 rw-p 00000000 00:00 0 \nRss: 16 kB\n" // a stack
		"7ffe05801000-7ffe05802000 ---p 00000000 00:00 0 \nRss: 0 kB\n"
		"7ffe05802000-7ffe06002000 rw-p 00000000 00:00 0 \nRss: 32 kB\n"  // another
		"7ffe08000000-7ffe0c000000 rw-p 00000000 00:00 0 \nRss: 200 kB\n" // full
		"7ffe0d000000-7ffe0d100000 rw-p 00000000 00:00 0 [stack:77]\nRss: 64 kB\n"
		"7ffe0e000000-7ffe0e100000 rw-p 00000000 00:00 0 \nRss: 128 kB\n" // by the runtime
		"7fff00000000-7fff00021000 rw-p 00000000 00:00 0 [stack]\nRss: 4 kB\n";
	static const char *const names[] = {"anon.malloc.arenas", "anon.threads", "anon.other",
					    "anon.stack"};
	static const int64_t before[] = {300, 112, 136, 4}, after[] = {300, 240, 8, 4};
	taddr_t stacks[] = {0x7ffe0e0ffff0};
	struct go_own_memory own = {.thread_stacks = {stacks, 1, 1}};
	struct world world;
	begin(&world, text, NULL, 0);
	world.input.own = NULL;
	world.input.spans = NULL;
	world.input.stats = NULL;
	struct ledger ledger = build(&world);
	check_rows(&ledger, names, before, 4);
	assert_string_equal("3", ledger_find(&ledger, "anon.threads")->note);
	ledger_deinit(&ledger);
	world.input.own = &own;
	ledger = build(&world);
	check_rows(&ledger, names, after, 4);
	ledger_deinit(&ledger);
	end(&world);
}

static void files_say_what_is_written(void **state)
{
	(void)state;
	static const char text[] =
		"7f0001000000-7f0001100000 r--p 00000000 fe:00 9  /lib/libx.so\n"
		"Rss: 100 kB\nShared_Clean: 80 kB\nPrivate_Clean: 20 kB\n"
		"7f0001100000-7f0001200000 rw-p 00100000 fe:00 9  /lib/libx.so\n"
		"Rss: 50 kB\nPrivate_Clean: 10 kB\nPrivate_Dirty: 40 kB\nAnonymous: 40 kB\n"
		"7f0001200000-7f0001210000 rw-p 00000000 00:00 0 \nRss: 8 kB\n" // its .bss
		"7f0002000000-7f0002100000 rw-s 00000000 fe:00 10 /data/table.db\n"
		"Rss: 64 kB\nShared_Dirty: 20 kB\nPrivate_Dirty: 4 kB\n"
		"7f0003000000-7f0003100000 rw-s 00000000 00:01 11 /memfd:ring (deleted)\nRss: 20 kB\n"
		"7f0004000000-7f0004100000 rw-s 00000000 00:01 12 /SYSV00001234 (deleted)\nRss: 30 kB\n"
		"7f0005000000-7f0005100000 rw-s 00000000 00:01 13 /dev/zero (deleted)\nRss: 40 kB\n";
	static const char *const names[] = {
		"files.libraries./lib/libx.so",
		"files.libraries./lib/libx.so.clean",
		"files.libraries./lib/libx.so.dirty",
		"files.libraries./lib/libx.so.private",
		"files.data./data/table.db.clean",
		"files.data./data/table.db.dirty",
		"shmem./memfd:ring",
		"shmem./SYSV00001234",
		"shmem.anonymous",
	};
	static const int64_t kib[] = {158, 110, 0, 48, 40, 24, 20, 30, 40};
	struct world world;
	begin(&world, text, NULL, 0);
	struct ledger ledger = build(&world);
	check_rows(&ledger, names, kib, sizeof names / sizeof *names);
	assert_true(ledger_find(&ledger, names[1])->flags & LEDGER_RECLAIMABLE);
	ledger_deinit(&ledger);
	end(&world);
}

static void the_largest_have_a_row_each(void **state)
{
	(void)state;
	struct strbuf text = {0};
	for (int i = 0; i < 9; i++)
		strbuf_addf(&text,
			    "7f000%d000000-7f000%d100000 rw-p 00000000 00:00 0 \nRss: %d kB\n", i,
			    i, (i * 5 % 9 + 1) * 4);
	static const char *const names[] = {"anon.other", "anon.other.0x7f0007000000",
					    "anon.other.0x7f0004000000", "anon.other.rest"};
	static const int64_t kib[] = {180, 36, 0, 40};
	struct world world;
	begin(&world, text.text, NULL, 0);
	world.input.spans = NULL;
	struct ledger ledger = build(&world);
	check_rows(&ledger, names, kib, 4);
	assert_string_equal("4 smaller ones", ledger_find(&ledger, "anon.other.rest")->label);
	ledger_deinit(&ledger);
	end(&world);
	strbuf_deinit(&text);
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
	for (size_t i = 0; i < 7; i++)
		(void)*(volatile char *)&memory[3 * MIB + (20 + i) * page]; // pages of zeros
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
	// The runtime counts no idle memory: it may be of spans that were made meanwhile.
	assert_true(ledger_find(&ledger, "go.heap.idle")->flags & LEDGER_ESTIMATED);
	ledger_deinit(&ledger);
	world.stats.heap_idle = 5 * page;
	ledger = build(&world);
	assert_false(ledger_find(&ledger, "go.heap.idle")->flags & LEDGER_ESTIMATED);
	ledger_deinit(&ledger);
	// Had it moved since smaps was read, that would show.
	world.maps.list.items[0].rss_bytes.value += 3 * page;
	ledger = build(&world);
	bool zeros_told = false;
	uint8_t first = 0;
	assert_ok(pagemap_fill_resident(world.input.pagemap_fd, start, start + page, &first,
					&zeros_told, &error));
	if (zeros_told) // else it may as well have been pages of zeros
		assert_int_equal(3 * page, ledger_bytes(&ledger, "unexplained"));
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
		cmocka_unit_test(objects_are_told_apart_by_their_marks),
		cmocka_unit_test(returned_pages_that_are_still_there),
		cmocka_unit_test(own_structures_have_their_kinds),
		cmocka_unit_test(threads_and_arenas_of_c_are_told),
		cmocka_unit_test(files_say_what_is_written),
		cmocka_unit_test(the_largest_have_a_row_each),
		cmocka_unit_test(the_pagemap_tells_what_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
