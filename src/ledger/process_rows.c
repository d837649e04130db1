// SPDX-License-Identifier: Apache-2.0
// In: resident bytes by account, mappings and files. Out: the rows of the process's ledger.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "ledger/process_ledger_priv.h"

enum { MEMBERS_SHOWN = 5, KEY_MAX = 160, ESTIMATED_SHARE = 100 };

struct row {
	int depth;
	const char *key, *label, *note;
	enum account first, last;
	bool needs_marks; // only where the objects are told apart
};

static const struct row rows[] = {
	{0, "go", "Go runtime", "", ACCOUNT_LIVE, ACCOUNT_METADATA_LAST, false},
	{1, "go.heap.objects", "heap objects", "live, and garbage not swept yet", ACCOUNT_LIVE,
	 ACCOUNT_GARBAGE, false},
	{2, "go.heap.live", "live", "at the last collection", ACCOUNT_LIVE, ACCOUNT_LIVE, true},
	{2, "go.heap.young", "allocated since", "the next collection decides", ACCOUNT_YOUNG,
	 ACCOUNT_YOUNG, true},
	{2, "go.heap.garbage", "garbage, not swept yet", "", ACCOUNT_GARBAGE, ACCOUNT_GARBAGE,
	 true},
	{1, "go.heap.free_slots", "free slots inside spans", "", ACCOUNT_FREE_SLOTS,
	 ACCOUNT_FREE_SLOTS, false},
	{1, "go.heap.idle", "heap idle, not returned to the OS", "", ACCOUNT_IDLE, ACCOUNT_IDLE,
	 false},
	{1, "go.heap.lazyfree", "heap returned, but not taken yet",
	 "MADV_FREE: the kernel takes it when it needs it", ACCOUNT_LAZY_FREE, ACCOUNT_LAZY_FREE,
	 false},
	{1, "go.stacks", "goroutine stacks", "", ACCOUNT_STACKS_INUSE, ACCOUNT_STACKS_FREE, false},
	{2, "go.stacks.inuse", "in use", "", ACCOUNT_STACKS_INUSE, ACCOUNT_STACKS_INUSE, false},
	{2, "go.stacks.free", "free, kept for new goroutines", "", ACCOUNT_STACKS_FREE,
	 ACCOUNT_STACKS_FREE, false},
	{1, "go.metadata", "runtime metadata", "spans, caches, profiler, GC", ACCOUNT_METADATA,
	 ACCOUNT_METADATA_LAST, false},
	{2, "go.metadata.spans", "spans (mspan)", "", ACCOUNT_METADATA + GO_OWN_SPANS,
	 ACCOUNT_METADATA + GO_OWN_SPANS, false},
	{2, "go.metadata.caches", "processors' caches (mcache)", "",
	 ACCOUNT_METADATA + GO_OWN_CACHES, ACCOUNT_METADATA + GO_OWN_CACHES, false},
	{2, "go.metadata.buckets", "profiler", "", ACCOUNT_METADATA + GO_OWN_BUCKETS,
	 ACCOUNT_METADATA + GO_OWN_BUCKETS, false},
	{2, "go.metadata.gc", "GC", "bitmaps, work buffers, page allocator",
	 ACCOUNT_METADATA + GO_OWN_GC, ACCOUNT_METADATA + GO_OWN_GC, false},
	{2, "go.metadata.other", "other", "", ACCOUNT_METADATA + GO_OWN_OTHER,
	 ACCOUNT_METADATA + GO_OWN_OTHER, false},
	{0, "anon", NULL, "", ACCOUNT_MALLOC_MAIN_USED, ACCOUNT_OTHER, false},
	{1, "anon.malloc", N_("C heap (malloc)"), "", ACCOUNT_MALLOC_MAIN_USED,
	 ACCOUNT_MALLOC_MMAPPED, false},
	{2, "anon.malloc.main", "main heap ([heap])", "", ACCOUNT_MALLOC_MAIN_USED,
	 ACCOUNT_MALLOC_MAIN, false},
	{3, "anon.malloc.main.used", "in use", N_("whole pages count"), ACCOUNT_MALLOC_MAIN_USED,
	 ACCOUNT_MALLOC_MAIN_USED, false},
	{3, "anon.malloc.main.free", "free, not given back", "", ACCOUNT_MALLOC_MAIN_FREE,
	 ACCOUNT_MALLOC_MAIN_FREE, false},
	{3, "anon.malloc.main.rest", "not told apart", "", ACCOUNT_MALLOC_MAIN, ACCOUNT_MALLOC_MAIN,
	 false},
	{2, "anon.malloc.arenas", "arenas of threads", "", ACCOUNT_MALLOC_ARENAS_USED,
	 ACCOUNT_MALLOC_ARENAS, false},
	{3, "anon.malloc.arenas.used", "in use", N_("whole pages count"),
	 ACCOUNT_MALLOC_ARENAS_USED, ACCOUNT_MALLOC_ARENAS_USED, false},
	{3, "anon.malloc.arenas.free", "free, not given back", "", ACCOUNT_MALLOC_ARENAS_FREE,
	 ACCOUNT_MALLOC_ARENAS_FREE, false},
	{3, "anon.malloc.arenas.rest", "not told apart", "", ACCOUNT_MALLOC_ARENAS,
	 ACCOUNT_MALLOC_ARENAS, false},
	{2, "anon.malloc.mmapped", "large chunks, each with a mapping of its own", "",
	 ACCOUNT_MALLOC_MMAPPED, ACCOUNT_MALLOC_MMAPPED, false},
	{1, "anon.threads", "stacks of C threads", "", ACCOUNT_THREADS, ACCOUNT_THREADS, false},
	{1, "anon.stack", "main thread's stack", "", ACCOUNT_STACK, ACCOUNT_STACK, false},
	{1, "anon.vdso", "the kernel's code for clocks (vdso)", "", ACCOUNT_VDSO, ACCOUNT_VDSO,
	 false},
	{1, "anon.other", "other", "", ACCOUNT_OTHER, ACCOUNT_OTHER, false},
	{0, "files", "mapped files", "", ACCOUNT_BINARY, ACCOUNT_DATA, false},
	{1, "files.binary", "the program: code and data", "", ACCOUNT_BINARY, ACCOUNT_BINARY,
	 false},
	{1, "files.libraries", "libraries", "", ACCOUNT_LIBRARIES, ACCOUNT_LIBRARIES, false},
	{1, "files.data", "other files", "", ACCOUNT_DATA, ACCOUNT_DATA, false},
	{0, "shmem", "shared memory", "", ACCOUNT_SHMEM, ACCOUNT_SHMEM, false},
	{0, "unexplained", "unexplained", "moved while it was read", ACCOUNT_UNEXPLAINED,
	 ACCOUNT_UNEXPLAINED, false},
};

static int by_name(const void *a, const void *b)
{
	const struct member *left = a, *right = b;
	if (left->account != right->account)
		return left->account < right->account ? -1 : 1;
	int names = left->of_file ? strcmp(left->name, right->name) : 0;
	return names ? names : (left->start > right->start) - (left->start < right->start);
}

static int by_bytes(const void *a, const void *b)
{
	const struct member *left = a, *right = b;
	if (left->account != right->account)
		return left->account < right->account ? -1 : 1;
	if (left->bytes != right->bytes)
		return left->bytes < right->bytes ? 1 : -1;
	return by_name(a, b);
}

// The mappings of one file as one; the largest of each account first.
static void order_members(struct builder *builder)
{
	struct member *items = builder->members.items;
	size_t count = builder->members.count, kept = 0;
	if (!count)
		return;
	qsort(items, count, sizeof *items, by_name);
	for (size_t i = 1; i < count; i++) {
		struct member *last = &items[kept];
		const struct member *next = &items[i];
		if (next->of_file && next->account == last->account &&
		    strcmp(next->name, last->name) == 0) {
			last->bytes += next->bytes;
			last->private_bytes += next->private_bytes;
			last->dirty_bytes += next->dirty_bytes;
		} else {
			items[++kept] = *next;
		}
	}
	builder->members.count = kept + 1;
	qsort(items, builder->members.count, sizeof *items, by_bytes);
}

static void add_parts_of_file(struct ledger *ledger, int depth, const char *key,
			      const struct member *member)
{
	struct strbuf part = {0};
	const struct {
		const char *name, *label;
		int64_t bytes;
		unsigned int flags;
	} parts[] = {
		{"clean", "as on disk", member->bytes - member->private_bytes - member->dirty_bytes,
		 LEDGER_RECLAIMABLE},
		{"dirty", "written, not on disk yet", member->dirty_bytes, 0},
		{"private", "written privately: anonymous memory", member->private_bytes, 0},
	};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		strbuf_clear(&part);
		strbuf_addf(&part, "%s.%s", key, parts[i].name);
		ledger_add(ledger, depth, part.text, parts[i].label, parts[i].bytes, parts[i].flags,
			   "");
	}
	strbuf_deinit(&part);
}

static void add_member(struct ledger *ledger, const struct row *row, const struct member *member)
{
	struct strbuf key = {0}, label = {0};
	char range[64];
	snprintf(range, sizeof range, "0x%" PRIx64 "-0x%" PRIx64, member->start, member->end);
	if (member->of_file) {
		strbuf_addf(&key, "%s.%s", row->key, member->name);
		strbuf_add(&label, member->name);
	} else {
		strbuf_addf(&key, "%s.0x%" PRIx64, row->key, member->start);
		strbuf_addf(&label, "%s%s%s", range, member->name[0] ? " " : "", member->name);
	}
	ledger_add(ledger, row->depth + 1, key.text, label.text, member->bytes, 0, "");
	if (member->of_file && member->account != ACCOUNT_SHMEM && member->bytes)
		add_parts_of_file(ledger, row->depth + 2, key.text, member);
	strbuf_deinit(&key);
	strbuf_deinit(&label);
}

// The largest in a row each, the others in one.
static void add_members(const struct builder *builder, struct ledger *ledger, const struct row *row)
{
	size_t first = 0, count = 0, shown;
	int64_t rest = 0;
	char key[KEY_MAX], label[KEY_MAX];
	VEC_FOREACH (member, &builder->members) {
		first += member->account < row->first;
		count += member->account == row->first;
	}
	if (row->first != row->last || !count)
		return;
	if (row->first == ACCOUNT_BINARY && count == 1) { // its path is known
		add_parts_of_file(ledger, row->depth + 1, row->key, &builder->members.items[first]);
		return;
	}
	shown = count > MEMBERS_SHOWN + 1 ? MEMBERS_SHOWN : count;
	for (size_t i = 0; i < shown; i++)
		add_member(ledger, row, &builder->members.items[first + i]);
	for (size_t i = shown; i < count; i++)
		rest += builder->members.items[first + i].bytes;
	snprintf(key, sizeof key, "%s.rest", row->key);
	snprintf(label, sizeof label, "%zu smaller ones", count - shown);
	ledger_add(ledger, row->depth + 1, key, label, rest, 0, "");
}

// "98.2 MiB in use, 1.7 MiB free"; false where the C heap was not looked into.
static bool describe_malloc(const struct builder *builder, char *note, size_t capacity)
{
	const int64_t *bytes = builder->bytes;
	int64_t used = bytes[ACCOUNT_MALLOC_MAIN_USED] + bytes[ACCOUNT_MALLOC_ARENAS_USED] +
		       bytes[ACCOUNT_MALLOC_MMAPPED];
	int64_t free = bytes[ACCOUNT_MALLOC_MAIN_FREE] + bytes[ACCOUNT_MALLOC_ARENAS_FREE];
	int64_t rest = bytes[ACCOUNT_MALLOC_MAIN] + bytes[ACCOUNT_MALLOC_ARENAS];
	if (!used && !free)
		return false;
	if (rest)
		snprintf(note, capacity, _("%s in use, %s free, not told apart %s"),
			 human_bytes(used).text, human_bytes(free).text, human_bytes(rest).text);
	else
		snprintf(note, capacity, _("%s in use, %s free"), human_bytes(used).text,
			 human_bytes(free).text);
	return true;
}

static void add_row(const struct builder *builder, struct ledger *ledger, const struct row *row)
{
	int64_t bytes = 0, uncertain = 0;
	unsigned int flags = row->first == ACCOUNT_UNEXPLAINED ? LEDGER_UNEXPLAINED : 0;
	char own_note[128] = "";
	const char *label = row->label, *note = row->note;
	for (int account = row->first; account <= (int)row->last; account++) {
		bytes += builder->bytes[account];
		uncertain += builder->uncertain[account];
	}
	if (row->depth > 0 && uncertain > bytes / ESTIMATED_SHARE)
		flags |= LEDGER_ESTIMATED;
	if (!label)
		label = builder->input->spans    ? "anonymous memory that is not Go's"
			: builder->input->native ? "anonymous memory"
						 : "anonymous memory, not told apart";
	if (row->first == ACCOUNT_THREADS) {
		snprintf(own_note, sizeof own_note, "%zu", builder->threads);
		note = own_note;
	}
	if (row->first == ACCOUNT_MALLOC_MAIN_USED && row->last == ACCOUNT_MALLOC_MMAPPED &&
	    describe_malloc(builder, own_note, sizeof own_note))
		note = own_note;
	if (row->first == ACCOUNT_LAZY_FREE && row->last == ACCOUNT_LAZY_FREE)
		flags |= LEDGER_RECLAIMABLE;
	ledger_add(ledger, row->depth, row->key, label, bytes, flags, note);
	if (bytes)
		add_members(builder, ledger, row);
}

struct beside {
	int64_t huge, lazy_free, swap, locked, pss, hugetlb;
};

static struct beside sum_beside(const struct maps *maps)
{
	struct beside sums = {0};
	VEC_FOREACH (mapping, &maps->list) {
		sums.huge += known_or_zero(mapping->anon_huge_bytes);
		sums.lazy_free += known_or_zero(mapping->lazy_free_bytes);
		sums.swap += known_or_zero(mapping->swap_bytes);
		sums.locked += known_or_zero(mapping->locked_bytes);
		sums.pss += known_or_zero(mapping->pss_bytes);
		sums.hugetlb += known_or_zero(mapping->shared_hugetlb_bytes) +
				known_or_zero(mapping->private_hugetlb_bytes);
	}
	return sums;
}

static void write_untouched(const struct builder *builder, struct ledger *ledger)
{
	char key[64], label[64];
	if (builder->untouched_bytes < UNTOUCHED_SHOWN_MIN)
		return;
	ledger_add_beside(ledger, "go.heap.untouched",
			  "objects, or parts of them, that were never touched",
			  builder->untouched_bytes, 0, "not resident");
	for (int i = 0; i < UNTOUCHED_SIZES; i++) {
		const struct untouched *size = &builder->untouched[i];
		if (size->bytes < UNTOUCHED_SHOWN_MIN)
			continue;
		snprintf(key, sizeof key, "go.heap.untouched.%" PRIu64, size->object_size);
		snprintf(label, sizeof label, "of these, objects of %s",
			 human_bytes((int64_t)size->object_size).text);
		ledger_add_beside(ledger, key, label, size->bytes, 0, "not resident");
	}
}

static void write_beside(const struct builder *builder, struct ledger *ledger)
{
	const struct process_ledger_input *input = builder->input;
	struct beside sums = sum_beside(input->maps);
	int64_t returned = input->stats ? (int64_t)input->stats->heap_released : 0;
	ledger_add_beside(ledger, "go.heap.returned", "heap returned to the OS",
			  returned - min_bytes(builder->bytes[ACCOUNT_LAZY_FREE], returned), 0,
			  "not resident");
	write_untouched(builder, ledger);
	ledger_add_beside(ledger, "go.huge", "huge pages in the Go heap", builder->go_huge, 0,
			  "part of the above");
	ledger_add_beside(ledger, "huge", "anonymous huge pages", sums.huge, 0,
			  "part of the above");
	ledger_add_beside(ledger, "lazyfree", "given back with MADV_FREE outside of the Go heap",
			  sums.lazy_free - builder->go_lazy_claimed, LEDGER_RECLAIMABLE,
			  "part of the above");
	ledger_add_beside(ledger, "swap", "swapped out", sums.swap, 0, "not resident");
	ledger_add_beside(ledger, "locked", "locked in memory", sums.locked, 0,
			  "part of the above");
	ledger_add_beside(ledger, "hugetlb", "hugetlb pages", sums.hugetlb, 0,
			  "not in the resident memory of any process");
	ledger_add_beside(ledger, "pss", "with shared pages by share (Pss)", sums.pss, 0, "");
	if (input->status_rss_bytes.known)
		ledger_add_beside(ledger, "vmrss", "VmRSS as /proc/PID/status says",
				  (int64_t)input->status_rss_bytes.value, 0,
				  "counted by the kernel in batches");
}

void write_process_rows(struct builder *builder, struct ledger *ledger)
{
	order_members(builder);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!rows[i].needs_marks || builder->input->marks)
			add_row(builder, ledger, &rows[i]);
	write_beside(builder, ledger);
}
