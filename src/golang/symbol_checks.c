// SPDX-License-Identifier: Apache-2.0
// In: an address that code gave. Out: whether what is there can be the variable.
// Source: Go 1.18 to 1.27, runtime/mprof.go, proc.go, mheap.go, runtime2.go.
#include "golang/symbol_checks.h"

#include <string.h>

#include "golang/bucket_scan.h"

enum {
	PROCESSORS_MAX = 1 << 16,
	SLICE_MAX = 1 << 28,
	WAIT_REASON_MAX = 64, // bytes of its text
	STRING_BYTES = 16,
	NEW_GOROUTINES_MAX = 1 << 16,
	GC_PHASE_MAX = 2, // _GCmarktermination
	STACK_MAX = 1 << 30,
};

static bool read_u64(const struct go_runtime *runtime, taddr_t address, uint64_t *value)
{
	return target_read_u64(runtime->target, address, value, NULL);
}

static bool is_small(const struct go_runtime *runtime, taddr_t address, uint64_t max)
{
	uint64_t value;
	return read_u64(runtime, address, &value) && value <= max;
}

static bool is_bool(const struct go_runtime *runtime, taddr_t address)
{
	uint8_t value;
	return target_read(runtime->target, address, &value, 1, NULL) && value <= 1;
}

static bool is_processor_count(const struct go_runtime *runtime, taddr_t address)
{
	uint32_t value;
	return target_read_u32(runtime->target, address, &value, NULL) && value >= 1 &&
	       value <= PROCESSORS_MAX;
}

// A slice of at least one pointer, the first of which leads somewhere.
static bool is_pointer_slice(const struct go_runtime *runtime, taddr_t address)
{
	uint64_t array, count, capacity, first, word;
	return read_u64(runtime, address, &array) && read_u64(runtime, address + 8, &count) &&
	       read_u64(runtime, address + 16, &capacity) && count > 0 && count <= capacity &&
	       capacity <= SLICE_MAX && read_u64(runtime, array, &first) &&
	       read_u64(runtime, first, &word);
}

// As many as the slice of all goroutines has, but for those that begin right now.
static bool is_goroutine_count(const struct go_runtime *runtime, taddr_t address)
{
	uint64_t count, length;
	taddr_t allgs = runtime->symbols[GO_SYMBOL_ALLGS];
	return allgs && read_u64(runtime, address, &count) &&
	       read_u64(runtime, allgs + 8, &length) && count > 0 &&
	       (count < length ? length - count : count - length) <= NEW_GOROUTINES_MAX;
}

static bool is_u32_up_to(const struct go_runtime *runtime, taddr_t address, uint32_t max)
{
	uint32_t value;
	return target_read_u32(runtime->target, address, &value, NULL) && value <= max;
}

static bool is_bucket_list(const struct go_runtime *runtime, taddr_t address,
			   enum go_bucket_type type)
{
	uint64_t first;
	return read_u64(runtime, address, &first) &&
	       (!first || bucket_is_sound(runtime, first, type));
}

static bool is_pointer(const struct go_runtime *runtime, taddr_t address, bool may_be_null)
{
	uint64_t value, word;
	return read_u64(runtime, address, &value) &&
	       (value ? read_u64(runtime, value, &word) : may_be_null);
}

static bool is_heap(const struct go_runtime *runtime, taddr_t address)
{
	int allspans = runtime->layout.offset[GO_MHEAP_ALLSPANS];
	return allspans < 0 || is_pointer_slice(runtime, address + (taddr_t)allspans);
}

// The second reason is "GC assist marking"; all that is asked is a short text.
static bool are_wait_reasons(const struct go_runtime *runtime, taddr_t address)
{
	uint64_t text, length;
	char bytes[WAIT_REASON_MAX];
	if (!read_u64(runtime, address + STRING_BYTES, &text) ||
	    !read_u64(runtime, address + STRING_BYTES + 8, &length) || length == 0 ||
	    length > sizeof bytes || !target_read(runtime->target, text, bytes, length, NULL))
		return false;
	for (size_t i = 0; i < length; i++)
		if (bytes[i] < ' ' || bytes[i] > '~')
			return false;
	return true;
}

bool symbol_holds(const struct go_runtime *runtime, enum go_symbol symbol, taddr_t address)
{
	switch (symbol) {
	case GO_SYMBOL_MBUCKETS:
		return is_bucket_list(runtime, address, GO_BUCKET_MEMORY);
	case GO_SYMBOL_BBUCKETS:
		return is_bucket_list(runtime, address, GO_BUCKET_BLOCK);
	case GO_SYMBOL_XBUCKETS:
		return is_bucket_list(runtime, address, GO_BUCKET_MUTEX);
	case GO_SYMBOL_MEM_PROFILE_RATE:
	case GO_SYMBOL_BLOCK_PROFILE_RATE:
	case GO_SYMBOL_MUTEX_PROFILE_RATE:
		return is_small(runtime, address, INT64_MAX);
	case GO_SYMBOL_DISABLE_MEM_PROFILING:
		return is_bool(runtime, address);
	case GO_SYMBOL_MHEAP:
		return is_heap(runtime, address);
	case GO_SYMBOL_ALLGS:
	case GO_SYMBOL_ALLP:
		return is_pointer_slice(runtime, address);
	case GO_SYMBOL_ALLM:
		return is_pointer(runtime, address, false);
	case GO_SYMBOL_FINQ:
	case GO_SYMBOL_ALLFIN:
		return is_pointer(runtime, address, true);
	case GO_SYMBOL_ALLGLEN:
		return is_goroutine_count(runtime, address);
	case GO_SYMBOL_GCPHASE:
		return is_u32_up_to(runtime, address, GC_PHASE_MAX);
	case GO_SYMBOL_STARTING_STACK_SIZE:
		return is_u32_up_to(runtime, address, STACK_MAX);
	case GO_SYMBOL_WAIT_REASONS:
		return are_wait_reasons(runtime, address);
	case GO_SYMBOL_GOMAXPROCS:
		return is_processor_count(runtime, address);
	default:
		return true;
	}
}
