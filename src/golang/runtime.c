// SPDX-License-Identifier: Apache-2.0
// In: a target and its executable. Out: where the Go runtime's variables are.
#include "golang/runtime.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "golang/dwarf_layout.h"
#include "golang/symbol_rules.h"
#include "golang/verify.h"

static const char *const symbol_names[GO_SYMBOL_COUNT] = {
	[GO_SYMBOL_MODULEDATA] = "runtime.firstmoduledata",
	[GO_SYMBOL_MBUCKETS] = "runtime.mbuckets",
	[GO_SYMBOL_MPROF_CYCLE] = "runtime.mProfCycle",
	[GO_SYMBOL_MEM_PROFILE_RATE] = "runtime.MemProfileRate",
	[GO_SYMBOL_DISABLE_MEM_PROFILING] = "runtime.disableMemoryProfiling",
	[GO_SYMBOL_MHEAP] = "runtime.mheap_",
	[GO_SYMBOL_MEMSTATS] = "runtime.memstats",
	[GO_SYMBOL_GC_CONTROLLER] = "runtime.gcController",
	[GO_SYMBOL_ALLGS] = "runtime.allgs",
	[GO_SYMBOL_WAIT_REASONS] = "runtime.waitReasonStrings",
	[GO_SYMBOL_GOMAXPROCS] = "runtime.gomaxprocs",
	[GO_SYMBOL_MPROF] = "runtime.mProf",
	[GO_SYMBOL_GCPERCENT] = "runtime.gcpercent",
	[GO_SYMBOL_BBUCKETS] = "runtime.bbuckets",
	[GO_SYMBOL_XBUCKETS] = "runtime.xbuckets",
	[GO_SYMBOL_BLOCK_PROFILE_RATE] = "runtime.blockprofilerate",
	[GO_SYMBOL_MUTEX_PROFILE_RATE] = "runtime.mutexprofilerate",
	[GO_SYMBOL_TICKS] = "runtime.ticks",
	[GO_SYMBOL_SCHED] = "runtime.sched",
	[GO_SYMBOL_ALLP] = "runtime.allp",
	[GO_SYMBOL_ALLM] = "runtime.allm",
	[GO_SYMBOL_WORK] = "runtime.work",
	[GO_SYMBOL_GC_CPU_LIMITER] = "runtime.gcCPULimiter",
	[GO_SYMBOL_FINQ] = "runtime.finq",
	[GO_SYMBOL_GC_CLEANUPS] = "runtime.gcCleanups",
	[GO_SYMBOL_SCAVENGE] = "runtime.scavenge",
	[GO_SYMBOL_GCPHASE] = "runtime.gcphase",
	[GO_SYMBOL_ALLGLEN] = "runtime.allglen",
	[GO_SYMBOL_STARTING_STACK_SIZE] = "runtime.startingStackSize",
	[GO_SYMBOL_SPAN_SET_BLOCK_POOL] = "runtime.spanSetBlockPool",
	[GO_SYMBOL_ALLFIN] = "runtime.allfin",
	[GO_SYMBOL_ALL_POOLS] = "sync.allPools",
	[GO_SYMBOL_OLD_POOLS] = "sync.oldPools",
	[GO_SYMBOL_FING_STATUS] = "runtime.fingStatus",
	[GO_SYMBOL_FINQUEUED] = "runtime.finqueued",
	[GO_SYMBOL_FINEXECUTED] = "runtime.finexecuted",
};

const char *go_symbol_name(enum go_symbol symbol)
{
	return symbol_names[symbol];
}

size_t go_runtime_missing(const struct go_runtime *runtime, const char **names, size_t capacity)
{
	static const enum go_symbol everywhere[] = {
		GO_SYMBOL_MBUCKETS,
		GO_SYMBOL_MEM_PROFILE_RATE,
		GO_SYMBOL_MHEAP,
		GO_SYMBOL_MEMSTATS,
		GO_SYMBOL_GC_CONTROLLER,
		GO_SYMBOL_ALLGS,
		GO_SYMBOL_WAIT_REASONS,
		GO_SYMBOL_GOMAXPROCS,
		GO_SYMBOL_BLOCK_PROFILE_RATE,
		GO_SYMBOL_MUTEX_PROFILE_RATE,
		GO_SYMBOL_SCHED,
		GO_SYMBOL_ALLP,
		GO_SYMBOL_ALLM,
		GO_SYMBOL_WORK,
		GO_SYMBOL_FINQ,
	};
	size_t count = 0;
	for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++) {
		if (runtime->symbols[everywhere[i]])
			continue;
		if (count < capacity)
			names[count] = symbol_names[everywhere[i]];
		count++;
	}
	return count;
}

bool go_symbols_from_table(struct elf_image *image, uint64_t load_bias,
			   taddr_t symbols[GO_SYMBOL_COUNT], struct error *error)
{
	struct elf_symbol_query queries[GO_SYMBOL_COUNT] = {0};
	for (int i = 0; i < GO_SYMBOL_COUNT; i++)
		queries[i].name = symbol_names[i];
	if (!elf_image_symbols(image, queries, GO_SYMBOL_COUNT, error))
		return false;
	for (int i = 0; i < GO_SYMBOL_COUNT; i++)
		symbols[i] = queries[i].found ? queries[i].address + load_bias : 0;
	return true;
}

// A table without the two that every program has was cut: what it still says is not needed.
static bool find_symbols(struct elf_image *image, struct go_runtime *runtime)
{
	struct error no_table;
	if (go_symbols_from_table(image, runtime->load_bias, runtime->symbols, &no_table) &&
	    runtime->symbols[GO_SYMBOL_MODULEDATA] && runtime->symbols[GO_SYMBOL_MHEAP])
		return true;
	memset(runtime->symbols, 0, sizeof runtime->symbols);
	return false;
}

// A position-independent executable lies where the kernel put its first page.
static bool find_load_bias(const struct target *target, const struct elf_image *image,
			   uint64_t *bias, struct error *error)
{
	size_t count;
	const struct elf_segment *segments = elf_image_segments(image, &count);
	*bias = 0;
	if (!elf_image_is_relocatable(image))
		return true;
	taddr_t start = target_exe_start(target);
	for (size_t i = 0; start && i < count; i++) {
		if (segments[i].file_offset != 0)
			continue;
		*bias = start - segments[i].address;
		return true;
	}
	return error_set(error, ERROR_NOT_FOUND,
			 "the executable's first page is not mapped in the target");
}

bool go_runtime_symbol(const struct go_runtime *runtime, enum go_symbol symbol, taddr_t *address,
		       struct error *error)
{
	if (!runtime->symbols[symbol])
		return error_set(error, ERROR_NOT_FOUND, "the executable has no symbol %s%s",
				 symbol_names[symbol],
				 runtime->symbols_from == SYMBOLS_FROM_CODE
					 ? " that its code would show"
					 : "");
	*address = runtime->symbols[symbol];
	return true;
}

static bool open_functab(struct go_runtime *runtime, struct error *error)
{
	return functab_open(runtime->target, &runtime->layout,
			    runtime->symbols[GO_SYMBOL_MODULEDATA], &runtime->functab, error);
}

bool go_symbols_from_code(struct go_runtime *runtime, struct error *error)
{
	struct go_moduledata module;
	if (!moduledata_find(runtime->target, &module, error))
		return false;
	runtime->symbols[GO_SYMBOL_MODULEDATA] = module.address;
	if (!open_functab(runtime, error))
		return false;
	if (symbol_rules_apply(&module, runtime, error))
		return true;
	go_runtime_deinit(runtime);
	return false;
}

// Everything that depends on the layout.
static bool open_with_layout(struct go_runtime *runtime, struct elf_image *image,
			     struct error *error)
{
	if (find_symbols(image, runtime)) {
		runtime->symbols_from = SYMBOLS_FROM_TABLE;
		return open_functab(runtime, error);
	}
	runtime->symbols_from = SYMBOLS_FROM_CODE;
	return go_symbols_from_code(runtime, error) ||
	       error_wrap(error, "the executable is stripped");
}

// Where the executable's own data is in memory: it is never read from the file.
static void mark_data(struct target *target, const struct elf_image *image, uint64_t bias)
{
	size_t count;
	taddr_t start = UINT64_MAX, end = 0;
	const struct elf_segment *segments = elf_image_segments(image, &count);
	for (size_t i = 0; i < count; i++) {
		taddr_t first = segments[i].address + bias;
		if (!segments[i].writable)
			continue;
		start = first < start ? first : start;
		end = first + segments[i].memory_size > end ? first + segments[i].memory_size : end;
	}
	if (start < end)
		target_set_exe_data(target, start, end);
}

static bool open_verified(struct go_runtime *runtime, struct elf_image *image, struct error *error)
{
	if (!open_with_layout(runtime, image, error))
		return false;
	if (go_runtime_verify(runtime, error))
		return true;
	go_runtime_deinit(runtime);
	return false;
}

// A version that the table lacks: its own DWARF, else layouts of the table, if they hold. For a
// minor version after the last one the newest are tried, for unknown experiments those of the same
// minor version, for no version at all each. `error` says already what is not known.
static bool open_unknown(struct go_runtime *runtime, struct elf_image *image,
			 const struct go_buildinfo *info, struct error *error)
{
	struct error last = {0};
	struct go_layout newest;
	size_t count = layout_count();
	layout_get(count - 1, &newest);
	if (info->version_known && info->version.minor < newest.minor &&
	    !info->version.experiments[0])
		return false;
	if (dwarf_layout_read(elf_image_fd(image), &newest, &runtime->layout, &last) &&
	    open_verified(runtime, image, &last))
		return true;
	for (size_t i = count; i-- > 0;) {
		layout_get(i, &runtime->layout);
		int wanted =
			info->version.minor < newest.minor ? info->version.minor : newest.minor;
		if (layout_is_of(&runtime->layout, runtime->machine) &&
		    (!info->version_known || runtime->layout.minor == wanted) &&
		    open_verified(runtime, image, &last))
			return true;
	}
	return error_hint(error,
			  "update whyoom, or build the program with DWARF (no -w); what was "
			  "tried last: %s",
			  last.message);
}

bool go_runtime_open(struct target *target, struct elf_image *image,
		     const struct go_buildinfo *info, struct go_runtime *out, struct error *error)
{
	struct go_runtime runtime = {.target = target, .machine = elf_image_machine(image)};
	struct error unknown = {0};
	if (runtime.machine != ELF_MACHINE_AMD64 && runtime.machine != ELF_MACHINE_ARM64)
		return error_set(error, ERROR_UNSUPPORTED,
				 "ELF machine %u: whyoom reads Go on amd64 and arm64",
				 runtime.machine);
	if (!find_load_bias(target, image, &runtime.load_bias, error))
		return false;
	mark_data(target, image, runtime.load_bias);
	if (!info->version_known)
		error_set(&unknown, ERROR_UNSUPPORTED,
			  "unknown Go version \"%.60s\" (an obfuscated build?)",
			  info->version_text);
	else if (layout_find(&info->version, runtime.machine, &runtime.layout, &unknown)) {
		if (!open_with_layout(&runtime, image, error))
			return false;
		*out = runtime;
		return true;
	}
	if (!open_unknown(&runtime, image, info, &unknown)) {
		if (error)
			*error = unknown;
		return false;
	}
	target_reset_counters(target); // other layouts led nowhere
	*out = runtime;
	return true;
}

void go_runtime_deinit(struct go_runtime *runtime)
{
	functab_free(runtime->functab);
	runtime->functab = NULL;
}
