// SPDX-License-Identifier: Apache-2.0
// In: a runtime, once; then its memory, again and again. Out: live heap and goroutines.
#include "golang/gauge.h"

#include <endian.h>
#include <string.h>
#include <unistd.h>

enum {
	PROCESSORS_MAX = 1024,
	AT_ONCE = 64,
	CONTROLLER_BYTES_MAX = 4096,
	HEADROOM_PERCENT = 3,
	HEADROOM_PERCENT_SINCE = 21, // Go 1.21, as in pacer.c
};

// ---- where they are ----

static taddr_t place_of(const struct go_runtime *runtime, enum go_symbol symbol,
			enum go_field field)
{
	const struct go_layout *layout = &runtime->layout;
	if (!runtime->symbols[symbol] || !layout_has(layout, field))
		return 0;
	return runtime->symbols[symbol] + (uint64_t)layout->offset[field];
}

static void find_heap(const struct go_runtime *runtime, struct go_gauge_places *places)
{
	bool has_pacer = layout_has(&runtime->layout, GO_GC_CONTROLLER_STATE_HEAP_LIVE);
	enum go_symbol holder = has_pacer ? GO_SYMBOL_GC_CONTROLLER : GO_SYMBOL_MEMSTATS;
	places->heap_live =
		place_of(runtime, holder,
			 has_pacer ? GO_GC_CONTROLLER_STATE_HEAP_LIVE : GO_MSTATS_HEAP_LIVE);
	places->heap_marked =
		place_of(runtime, holder,
			 has_pacer ? GO_GC_CONTROLLER_STATE_HEAP_MARKED : GO_MSTATS_HEAP_MARKED);
}

static void find_goal(const struct go_runtime *runtime, struct go_gauge_places *places)
{
	static const enum go_field fields[GO_GAUGE_GOALS] = {
		[GO_GAUGE_PERCENT_GOAL] = GO_GC_CONTROLLER_STATE_GC_PERCENT_HEAP_GOAL,
		[GO_GAUGE_MEMORY_LIMIT] = GO_GC_CONTROLLER_STATE_MEMORY_LIMIT,
		[GO_GAUGE_MAPPED_READY] = GO_GC_CONTROLLER_STATE_MAPPED_READY,
		[GO_GAUGE_HEAP_FREE] = GO_GC_CONTROLLER_STATE_HEAP_FREE,
		[GO_GAUGE_TOTAL_ALLOC] = GO_GC_CONTROLLER_STATE_TOTAL_ALLOC,
		[GO_GAUGE_TOTAL_FREE] = GO_GC_CONTROLLER_STATE_TOTAL_FREE,
		[GO_GAUGE_SWEEP_DIST] = GO_GC_CONTROLLER_STATE_SWEEP_DIST_MIN_TRIGGER,
		[GO_GAUGE_TRIGGERED] = GO_GC_CONTROLLER_STATE_TRIGGERED,
	};
	const struct go_layout *layout = &runtime->layout;
	places->heap_goal =
		place_of(runtime, GO_SYMBOL_GC_CONTROLLER, GO_GC_CONTROLLER_STATE_HEAP_GOAL);
	if (!places->heap_goal)
		places->heap_goal = place_of(runtime, GO_SYMBOL_MEMSTATS, GO_MSTATS_NEXT_GC);
	if (places->heap_goal || !layout_has(layout, GO_GC_CONTROLLER_STATE_MEMORY_LIMIT))
		return;
	places->controller = runtime->symbols[GO_SYMBOL_GC_CONTROLLER];
	places->headroom_percent = layout->minor >= HEADROOM_PERCENT_SINCE ? HEADROOM_PERCENT : 0;
	for (int i = 0; i < GO_GAUGE_GOALS; i++) {
		places->goal_offsets[i] = layout->offset[fields[i]];
		if (places->goal_offsets[i] < 0 ||
		    places->goal_offsets[i] > CONTROLLER_BYTES_MAX - 8)
			places->controller = 0; // nothing, rather than a wrong goal
	}
}

static void find_goroutines(const struct go_runtime *runtime, struct go_gauge_places *places)
{
	static const enum go_field reusable[GO_GAUGE_REUSABLE] = {
		GO_SCHEDT_GFREE_COUNT, GO_SCHEDT_GFREE_STACK_COUNT, GO_SCHEDT_GFREE_NO_STACK_COUNT};
	places->all_count = runtime->symbols[GO_SYMBOL_ALLGLEN];
	if (!places->all_count && runtime->symbols[GO_SYMBOL_ALLGS])
		places->all_count = runtime->symbols[GO_SYMBOL_ALLGS] + 8; // the slice's length
	places->system_count = place_of(runtime, GO_SYMBOL_SCHED, GO_SCHEDT_NGSYS);
	for (int i = 0; i < GO_GAUGE_REUSABLE; i++)
		places->reusable_counts[i] = place_of(runtime, GO_SYMBOL_SCHED, reusable[i]);
	places->processors = runtime->symbols[GO_SYMBOL_ALLP];
	places->reusable_in_processor = runtime->layout.offset[GO_P_GFREE_COUNT];
	if (!places->system_count || places->reusable_in_processor < 0 || !places->processors)
		places->all_count = 0; // nothing, rather than a part of the sum
}

void go_gauge_places_find(const struct go_runtime *runtime, struct go_gauge_places *places)
{
	*places = (struct go_gauge_places){0};
	find_heap(runtime, places);
	find_goal(runtime, places);
	find_goroutines(runtime, places);
}

bool go_gauge_places_any(const struct go_gauge_places *places)
{
	return places->heap_live || places->all_count;
}

// ---- reading ----

static bool read_bytes(int mem, taddr_t address, void *bytes, size_t size)
{
	return address <= INT64_MAX && pread(mem, bytes, size, (off_t)address) == (ssize_t)size;
}

static bool read_u64(int mem, taddr_t address, uint64_t *value)
{
	uint64_t raw;
	if (!read_bytes(mem, address, &raw, sizeof raw))
		return false;
	*value = le64toh(raw);
	return true;
}

// Adds a count of four bytes.
static bool add_u32(int mem, taddr_t address, uint64_t *sum)
{
	uint32_t raw;
	if (!read_bytes(mem, address, &raw, sizeof raw))
		return false;
	*sum += le32toh(raw);
	return true;
}

static bool add_processors(int mem, const struct go_gauge_places *places, uint64_t *sum)
{
	uint64_t table, count, addresses[AT_ONCE];
	if (!read_u64(mem, places->processors, &table) ||
	    !read_u64(mem, places->processors + 8, &count) || count > PROCESSORS_MAX)
		return false;
	for (uint64_t first = 0; first < count; first += AT_ONCE) {
		uint64_t some = count - first < AT_ONCE ? count - first : AT_ONCE;
		if (!read_bytes(mem, table + 8 * first, addresses, 8 * some))
			return false;
		for (uint64_t i = 0; i < some; i++)
			if (!add_u32(mem,
				     le64toh(addresses[i]) +
					     (uint64_t)places->reusable_in_processor,
				     sum))
				return false;
	}
	return true;
}

static bool read_goroutines(int mem, const struct go_gauge_places *places, uint64_t *goroutines)
{
	uint64_t all, others = 0;
	if (!places->all_count || !read_u64(mem, places->all_count, &all) ||
	    !add_u32(mem, places->system_count, &others) || !add_processors(mem, places, &others))
		return false;
	for (int i = 0; i < GO_GAUGE_REUSABLE; i++)
		if (places->reusable_counts[i] &&
		    !add_u32(mem, places->reusable_counts[i], &others))
			return false;
	if (others > all || all > UINT32_MAX)
		return false;
	*goroutines = all - others;
	return true;
}

static uint64_t goal_part(const uint8_t *bytes, const struct go_gauge_places *places,
			  enum go_gauge_goal part)
{
	uint64_t raw;
	memcpy(&raw, bytes + places->goal_offsets[part], sizeof raw);
	return le64toh(raw);
}

// One read for all of them; the heap that was marked is known.
static bool compute_goal(int mem, const struct go_gauge_places *places, struct go_gauges *gauges)
{
	uint8_t bytes[CONTROLLER_BYTES_MAX];
	size_t size = 0;
	for (int i = 0; i < GO_GAUGE_GOALS; i++) {
		int32_t offset = places->goal_offsets[i]; // told by one who saw hostile bytes
		if (offset < 0 || offset > CONTROLLER_BYTES_MAX - 8)
			return false;
		if ((size_t)offset + 8 > size)
			size = (size_t)offset + 8;
	}
	if (!read_bytes(mem, places->controller, bytes, size))
		return false;
	struct go_pacer pacer = {
		.has_limit = true,
		.heap_marked = gauges->heap_marked,
		.headroom_percent = places->headroom_percent,
		.gc_percent_goal = goal_part(bytes, places, GO_GAUGE_PERCENT_GOAL),
		.memory_limit = (int64_t)goal_part(bytes, places, GO_GAUGE_MEMORY_LIMIT),
		.mapped_ready = goal_part(bytes, places, GO_GAUGE_MAPPED_READY),
		.heap_free = goal_part(bytes, places, GO_GAUGE_HEAP_FREE),
		.total_alloc = goal_part(bytes, places, GO_GAUGE_TOTAL_ALLOC),
		.total_free = goal_part(bytes, places, GO_GAUGE_TOTAL_FREE),
		.sweep_dist_min_trigger = goal_part(bytes, places, GO_GAUGE_SWEEP_DIST),
		.triggered = goal_part(bytes, places, GO_GAUGE_TRIGGERED),
	};
	gauges->heap_goal = go_pacer_goal(&pacer, NULL);
	return true;
}

static bool read_goal(int mem, const struct go_gauge_places *places, struct go_gauges *gauges)
{
	if (!gauges->has_heap)
		return false;
	return places->heap_goal ? read_u64(mem, places->heap_goal, &gauges->heap_goal)
				 : places->controller && compute_goal(mem, places, gauges);
}

void go_gauges_read(int mem, const struct go_gauge_places *places, struct go_gauges *out)
{
	struct go_gauges gauges = {0};
	gauges.has_heap = places->heap_live && places->heap_marked &&
			  read_u64(mem, places->heap_live, &gauges.heap_live) &&
			  read_u64(mem, places->heap_marked, &gauges.heap_marked) &&
			  gauges.heap_live < (uint64_t)1 << 48 &&
			  gauges.heap_marked < (uint64_t)1 << 48;
	gauges.has_goal = read_goal(mem, places, &gauges);
	gauges.has_goroutines = read_goroutines(mem, places, &gauges.goroutines);
	*out = gauges;
}
