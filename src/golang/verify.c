// SPDX-License-Identifier: Apache-2.0
// In: a runtime and a layout that may be wrong. Out: whether its structures agree with each other.
// Source: runtime/mgc.go (gcMarkTermination), mstats.go (readmemstats_m's own check), proc.go.
#include "golang/verify.h"

#include <inttypes.h>

#include "base/clock.h"
#include "golang/buckets.h"
#include "golang/goroutines.h"
#include "golang/memstats.h"
#include "golang/spans.h"

enum {
	ATTEMPTS_MAX = 3, // a live runtime may move between two reads
	PROCESSORS_MAX = 1 << 16,
	GC_PERCENT_MAX = 1 << 20,
	PAUSES = 256,
};
static const int64_t YEAR_2010_NS = 1262304000LL * 1000000000, DAY_NS = 86400LL * 1000000000;

static bool wrong(struct error *error, const char *what)
{
	return error_set(error, ERROR_UNSUPPORTED, "with that layout %s", what);
}

// Equal but for what the target may have done meanwhile.
static bool nearly_equal(uint64_t a, uint64_t b)
{
	uint64_t low = a < b ? a : b, high = a < b ? b : a;
	return high - low <= high / 16 + (4 << 20);
}

// The end of the last pause is noted twice.
static bool check_last_pause(const struct go_runtime *runtime, const struct go_memstats *stats,
			     struct error *error)
{
	const int *offset = runtime->layout.offset;
	taddr_t memstats;
	uint64_t end;
	if (!go_runtime_symbol(runtime, GO_SYMBOL_MEMSTATS, &memstats, error))
		return false;
	if (stats->num_gc == 0)
		return stats->last_gc_unix_ns == 0 ||
		       wrong(error, "there was no collection but a last one");
	if (stats->last_gc_unix_ns < YEAR_2010_NS ||
	    stats->last_gc_unix_ns > clock_unix_ns() + DAY_NS)
		return wrong(error, "the last collection was at no time that makes sense");
	taddr_t slot = memstats + offset[GO_MSTATS_PAUSE_END] + (stats->num_gc - 1) % PAUSES * 8;
	return target_read_u64(runtime->target, slot, &end, error) &&
	       (end == (uint64_t)stats->last_gc_unix_ns ||
		wrong(error, "the two times of the last collection differ"));
}

static bool statistics_fit(const struct go_runtime *runtime, const struct go_memstats *stats,
			   struct error *error)
{
	if (stats->gomaxprocs < 1 || stats->gomaxprocs > PROCESSORS_MAX || stats->gc_percent < -1 ||
	    stats->gc_percent > GC_PERCENT_MAX || stats->memory_limit <= 0)
		return wrong(error, "GOGC, GOMEMLIMIT or GOMAXPROCS make no sense");
	if (stats->pacer.has_accounts &&
	    !nearly_equal(stats->pacer.mapped_ready, stats->sys - stats->heap_released))
		return wrong(error, "the memory that is mapped is not the sum of its parts");
	return check_last_pause(runtime, stats, error);
}

static bool check_statistics(const struct go_runtime *runtime, struct error *error)
{
	struct go_memstats stats;
	struct go_spans spans;
	if (!go_spans_read(runtime, &spans, error))
		return false;
	bool ok = go_memstats_read(runtime, &spans, &stats, error);
	bool sums = !spans.failed && ok && nearly_equal(spans.heap_inuse, stats.heap_inuse);
	go_spans_deinit(&spans);
	if (ok && !sums)
		return wrong(error, "the heap is not the sum of its spans");
	return ok && statistics_fit(runtime, &stats, error);
}

static bool is_sane(const struct go_runtime *runtime, const struct go_goroutine *goroutine)
{
	taddr_t creator = goroutine->created_by_pc;
	return goroutine->id > 0 && go_goroutine_stack_bytes(goroutine) > 0 &&
	       goroutine->status <= GO_STATUS_DEAD_EXTRA && goroutine->start_pc &&
	       functab_entry(runtime->functab, goroutine->start_pc) == goroutine->start_pc &&
	       (!creator || functab_entry(runtime->functab, creator));
}

// Every goroutine but those that belong to C threads starts in a function of its own.
static bool check_goroutines(const struct go_runtime *runtime, struct error *error)
{
	struct go_goroutines goroutines;
	size_t odd = 0, walked = 0;
	if (!go_goroutines_read(runtime, &goroutines, error))
		return false;
	VEC_FOREACH (goroutine, &goroutines.list) {
		odd += !is_sane(runtime, goroutine);
		walked += goroutine->stack != NULL;
	}
	size_t count = goroutines.list.count;
	bool ok = count && odd <= count / 100 && walked > goroutines.stacks_failed;
	go_goroutines_deinit(&goroutines);
	return ok || wrong(error, "the goroutines make no sense");
}

// A count of bytes that is not the objects' is that of another layout.
static bool counts_fit(const struct go_bucket *bucket, const struct go_counts *counts)
{
	int64_t size = (int64_t)bucket->object_size;
	return counts->alloc_objects >= counts->free_objects &&
	       counts->alloc_bytes == counts->alloc_objects * size &&
	       counts->free_bytes == counts->free_objects * size;
}

// What the samples hold is in the heap.
static bool profile_fits(const struct go_buckets *buckets, const struct go_memstats *stats)
{
	uint64_t held = 0;
	VEC_FOREACH (bucket, &buckets->buckets) {
		if (!counts_fit(bucket, &bucket->now) || !counts_fit(bucket, &bucket->published))
			return false;
		held += (uint64_t)(bucket->now.alloc_bytes - bucket->now.free_bytes);
	}
	return held <= stats->heap_inuse || nearly_equal(held, stats->heap_inuse);
}

static bool check_profile(const struct go_runtime *runtime, struct error *error)
{
	struct go_memstats stats;
	struct go_buckets buckets;
	struct error reason = {0};
	if (!go_buckets_read(runtime, &buckets, &reason)) {
		if (reason.code == ERROR_UNSUPPORTED)
			return true; // it keeps none
		*error = reason;
		return false;
	}
	bool whole = !buckets.damaged;
	bool ok = whole && go_memstats_read(runtime, NULL, &stats, error);
	bool fits = ok && profile_fits(&buckets, &stats);
	go_buckets_deinit(&buckets);
	if (!whole)
		return wrong(error, "the heap profile's stacks do not have their hashes");
	return ok && (fits || wrong(error, "the heap profile's counts make no sense"));
}

bool go_runtime_verify(const struct go_runtime *runtime, struct error *error)
{
	static const enum go_field needed[] = {
		GO_MSTATS_PAUSE_END, GO_MSTATS_NUMGC, GO_MHEAP_ALLSPANS,
		GO_G_GOID,           GO_G_STARTPC,    GO_MEM_RECORD_FUTURE,
	};
	if (!layout_require(&runtime->layout, needed, sizeof needed / sizeof *needed, error))
		return false;
	for (int attempt = 1;; attempt++) {
		struct error reason = {0};
		target_forget(runtime->target);
		if (check_statistics(runtime, &reason) && check_goroutines(runtime, &reason) &&
		    check_profile(runtime, &reason))
			return true;
		if (attempt == ATTEMPTS_MAX) {
			*error = reason;
			return false;
		}
	}
}
