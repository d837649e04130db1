// SPDX-License-Identifier: Apache-2.0
// In: mappings with what is resident, spans, pagemap. Out: rows that sum to the resident memory.
#include "ledger/process_ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "system/pagemap.h"

// Where each resident byte was put.
struct account {
	int64_t objects, free_slots, idle, stacks, metadata; // Go
	int64_t malloc_heap, thread_stacks, other_anon;      // not Go
	int64_t binary, libraries, data_files;
	int64_t shmem;
	bool split_by_counts; // pagemap was missing for at least one heap mapping
};

struct builder {
	const struct process_ledger_input *input;
	struct account account;
	size_t next_span;
	taddr_t done; // the end of what was accounted for so far
};

// Whether a span lies, as a whole or in part, from `first` to `last`.
static bool holds_span(const struct go_spans *spans, uint64_t first, uint64_t last)
{
	const struct go_span *items = spans->spans.items;
	size_t low = 0, high = spans->spans.count; // the first span at `first` or behind it
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (items[middle].start < first)
			low = middle + 1;
		else
			high = middle;
	}
	return (low < spans->spans.count && items[low].start <= last) ||
	       (low && items[low - 1].bytes > first - items[low - 1].start);
}

// The heap's arenas are Go's alone: a mapping is of the heap when there is a span in an arena that
// it reaches into.
static bool is_go_heap(const struct builder *builder, const struct mapping *mapping)
{
	if (mapping->inode || mapping->perms[3] != 'p')
		return false;
	return strncmp(mapping->name, "[anon: Go: heap", 15) == 0 ||
	       holds_span(builder->input->spans, mapping->start & ~(uint64_t)(GO_ARENA_BYTES - 1),
			  (mapping->end - 1) | (GO_ARENA_BYTES - 1));
}

static int64_t count_present(const uint8_t *bitmap, uint64_t first, uint64_t count)
{
	int64_t present = 0;
	uint64_t page = first, end = first + count;
	for (; page < end && page % 8; page++)
		present += bitmap[page / 8] >> (page % 8) & 1;
	for (; page + 8 <= end; page += 8)
		present += __builtin_popcount(bitmap[page / 8]);
	for (; page < end; page++)
		present += bitmap[page / 8] >> (page % 8) & 1;
	return present;
}

// `bytes` of a span, of which `resident` are in memory.
static void account_piece(struct account *account, const struct go_span *span, uint64_t bytes,
			  int64_t resident)
{
	uint64_t objects = span->object_count * span->object_size;
	if (span->state == GO_SPAN_STACK) {
		account->stacks += resident;
		return;
	}
	if (bytes != span->bytes)
		objects = (uint64_t)((double)objects * ((double)bytes / (double)span->bytes));
	int64_t of_objects = resident < (int64_t)objects ? resident : (int64_t)objects;
	account->objects += of_objects;
	account->free_slots += resident - of_objects;
}

static taddr_t max_address(taddr_t left, taddr_t right)
{
	return left > right ? left : right;
}

static taddr_t min_address(taddr_t left, taddr_t right)
{
	return left < right ? left : right;
}

// The spans of one heap mapping; what is resident outside of them is idle. Spans are sorted, and
// so are mappings: next_span moves on.
static void account_heap_mapping(struct builder *builder, const struct mapping *mapping)
{
	const struct go_spans *spans = builder->input->spans;
	struct account *account = &builder->account;
	uint64_t page = pagemap_page_bytes(), pages = (mapping->end - mapping->start) / page;
	_cleanup_free_ uint8_t *bitmap = alloc_try_array(pages / 8 + 1, 1);
	bool known = bitmap && builder->input->pagemap_fd >= 0 &&
		     pagemap_fill_present(builder->input->pagemap_fd, mapping->start, mapping->end,
					  bitmap, NULL);
	int64_t left = (int64_t)mapping->rss_bytes.value;
	account->split_by_counts |= !known;
	while (builder->next_span < spans->spans.count) {
		const struct go_span *span = &spans->spans.items[builder->next_span];
		if (span->start >= mapping->end)
			break;
		// The kernel may have split the heap's mapping inside a span: then this is a piece.
		taddr_t start =
			max_address(max_address(span->start, mapping->start), builder->done);
		taddr_t end = min_address(span->start + span->bytes, mapping->end);
		if (start < end) { // else it overlaps: it moved while it was read, or is a lie
			int64_t resident =
				known ? count_present(bitmap, (start - mapping->start) / page,
						      (end - start) / page) *
						(int64_t)page
				      : (int64_t)(end - start);
			resident = resident > left ? left : resident;
			left -= resident;
			account_piece(account, span, end - start, resident);
			builder->done = end;
		}
		if (span->start + span->bytes > mapping->end)
			break; // the rest is in the next mapping
		builder->next_span++;
	}
	account->idle += left;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);
	return length >= tail && strcmp(text + length - tail, end) == 0;
}

static bool is_library(const char *name)
{
	return strstr(name, ".so.") || ends_with(name, ".so");
}

static void account_file(struct builder *builder, const struct mapping *mapping)
{
	struct account *account = &builder->account;
	int64_t rss = (int64_t)mapping->rss_bytes.value;
	const char *exe = builder->input->exe_path;
	if (strcmp(mapping->name, exe) == 0)
		account->binary += rss;
	else if (is_library(mapping->name))
		account->libraries += rss;
	else
		account->data_files += rss;
}

static void account_anonymous(struct builder *builder, const struct mapping *mapping)
{
	struct account *account = &builder->account;
	int64_t rss = (int64_t)mapping->rss_bytes.value;
	if (strcmp(mapping->name, "[heap]") == 0)
		account->malloc_heap += rss;
	else if (strncmp(mapping->name, "[stack", 6) == 0)
		account->thread_stacks += rss;
	else if (strncmp(mapping->name, "[v", 2) == 0) // vdso, vvar
		account->libraries += rss;
	else if (strncmp(mapping->name, "[anon: Go:", 10) == 0)
		account->metadata += rss;
	else
		account->other_anon += rss;
}

static void account_mapping(struct builder *builder, const struct mapping *mapping,
			    const struct mapping *before)
{
	if (builder->input->spans && is_go_heap(builder, mapping))
		account_heap_mapping(builder, mapping);
	else if (mapping->perms[3] == 's' && !mapping->inode)
		builder->account.shmem += (int64_t)mapping->rss_bytes.value;
	else if (mapping->inode && mapping->perms[3] == 's' &&
		 (strncmp(mapping->name, "/dev/shm/", 9) == 0 ||
		  strncmp(mapping->name, "/memfd:", 7) == 0))
		builder->account.shmem += (int64_t)mapping->rss_bytes.value;
	else if (mapping->inode)
		account_file(builder, mapping);
	else if (before && before->inode && before->end == mapping->start &&
		 strcmp(before->name, builder->input->exe_path) == 0)
		builder->account.binary += (int64_t)mapping->rss_bytes.value; // its .bss
	else
		account_anonymous(builder, mapping);
}

// The runtime's own counters say how much of the memory that nobody else claims is its own; a
// program can have mapped the rest itself.
static void split_metadata(struct builder *builder)
{
	const struct go_memstats *stats = builder->input->stats;
	struct account *account = &builder->account;
	if (!builder->input->spans)
		return;
	int64_t counted = stats ? (int64_t)(stats->mspan_sys + stats->mcache_sys +
					    stats->buckhash_sys + stats->gc_sys + stats->other_sys)
				: 0;
	int64_t metadata = counted < account->other_anon ? counted : account->other_anon;
	account->metadata += metadata;
	account->other_anon -= metadata;
}

static void write_rows(const struct builder *builder, struct ledger *ledger)
{
	const struct account *a = &builder->account;
	unsigned int slots = LEDGER_ESTIMATED;
	unsigned int heap = a->split_by_counts ? LEDGER_ESTIMATED : 0;
	ledger_add(ledger, 0, "go", "Go runtime",
		   a->objects + a->free_slots + a->idle + a->stacks + a->metadata, 0, "");
	ledger_add(ledger, 1, "go.heap.objects", "heap objects", a->objects, heap,
		   "live, and garbage not swept yet");
	ledger_add(ledger, 1, "go.heap.free_slots", "free slots inside spans", a->free_slots, slots,
		   "");
	ledger_add(ledger, 1, "go.heap.idle", "heap idle, not returned to the OS", a->idle, heap,
		   "");
	ledger_add(ledger, 1, "go.stacks", "goroutine stacks", a->stacks, heap, "");
	ledger_add(ledger, 1, "go.metadata", "runtime metadata", a->metadata, LEDGER_ESTIMATED,
		   "spans, caches, profiler, GC");
	const char *anonymous = builder->input->spans ? "anonymous memory that is not Go's"
						      : "anonymous memory, not told apart";
	ledger_add(ledger, 0, "anon", anonymous, a->malloc_heap + a->thread_stacks + a->other_anon,
		   0, "");
	ledger_add(ledger, 1, "anon.malloc", "C heap ([heap])", a->malloc_heap, 0, "");
	ledger_add(ledger, 1, "anon.stack", "main thread's stack", a->thread_stacks, 0, "");
	ledger_add(ledger, 1, "anon.other", "other", a->other_anon, 0, "");
	ledger_add(ledger, 0, "files", "mapped files", a->binary + a->libraries + a->data_files, 0,
		   "");
	ledger_add(ledger, 1, "files.binary", "the program: code and data", a->binary, 0, "");
	ledger_add(ledger, 1, "files.libraries", "libraries", a->libraries, 0, "");
	ledger_add(ledger, 1, "files.data", "other files", a->data_files, 0, "");
	ledger_add(ledger, 0, "shmem", "shared memory", a->shmem, 0, "");
}

bool process_ledger_build(const struct process_ledger_input *input, struct ledger *out,
			  struct error *error)
{
	struct builder builder = {.input = input};
	struct ledger ledger = {.total_key = "rss",
				.total_label = "resident memory of the process"};
	for (size_t i = 0; i < input->maps->list.count; i++) {
		const struct mapping *mapping = &input->maps->list.items[i];
		if (!mapping->rss_bytes.known)
			return error_set(error, ERROR_UNSUPPORTED,
					 "the kernel does not tell what each mapping holds");
		account_mapping(&builder, mapping, i ? mapping - 1 : NULL);
		ledger.total_bytes += (int64_t)mapping->rss_bytes.value;
	}
	split_metadata(&builder);
	write_rows(&builder, &ledger);
	*out = ledger;
	return true;
}
