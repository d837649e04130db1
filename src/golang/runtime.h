// SPDX-License-Identifier: Apache-2.0
/*
 * One Go runtime in a target: its version, its layouts, where its variables are. Everything else
 * in golang/ starts from here.
 *
 * The symbol table says where the variables are; in a stripped program the code that uses them does
 * (symbol_rules.h). For amd64 and arm64.
 */
#pragma once

#include "golang/buildinfo.h"
#include "golang/functab.h"
#include "golang/layout.h"
#include "target/elf_image.h"
#include "target/target.h"

enum go_symbol {
	GO_SYMBOL_MODULEDATA,
	GO_SYMBOL_MBUCKETS,
	GO_SYMBOL_MPROF_CYCLE,
	GO_SYMBOL_MEM_PROFILE_RATE,
	GO_SYMBOL_DISABLE_MEM_PROFILING, // absent where the linker dropped it
	GO_SYMBOL_MHEAP,
	GO_SYMBOL_MEMSTATS,
	GO_SYMBOL_GC_CONTROLLER,
	GO_SYMBOL_ALLGS,
	GO_SYMBOL_WAIT_REASONS,
	GO_SYMBOL_GOMAXPROCS,
	GO_SYMBOL_MPROF,     // Go 1.18 and earlier: holds the cycle
	GO_SYMBOL_GCPERCENT, // Go 1.16 and earlier: GOGC
	GO_SYMBOL_BBUCKETS,  // block profile
	GO_SYMBOL_XBUCKETS,  // mutex profile
	GO_SYMBOL_BLOCK_PROFILE_RATE,
	GO_SYMBOL_MUTEX_PROFILE_RATE,
	GO_SYMBOL_TICKS, // what cycles of the block profile are measured by
	GO_SYMBOL_SCHED,
	GO_SYMBOL_ALLP,
	GO_SYMBOL_ALLM,
	GO_SYMBOL_WORK,
	GO_SYMBOL_GC_CPU_LIMITER,
	GO_SYMBOL_FINQ,
	GO_SYMBOL_GC_CLEANUPS, // Go 1.25 and later
	GO_SYMBOL_SCAVENGE,
	GO_SYMBOL_GCPHASE,
	GO_SYMBOL_ALLGLEN,
	GO_SYMBOL_STARTING_STACK_SIZE, // Go 1.19 and later
	GO_SYMBOL_ALLFIN,
	GO_SYMBOL_SPAN_SET_BLOCK_POOL,
	GO_SYMBOL_FING_STATUS, // Go 1.20 and later
	GO_SYMBOL_FINQUEUED,   // Go 1.25 and later
	GO_SYMBOL_FINEXECUTED, // Go 1.25 and later
	GO_SYMBOL_ALL_POOLS,   // of package sync, where the program has it
	GO_SYMBOL_OLD_POOLS,   // likewise; Go 1.13 and later
	GO_SYMBOL_COUNT
};

enum go_symbols_from { SYMBOLS_FROM_TABLE, SYMBOLS_FROM_CODE };

struct go_runtime {
	struct target *target; // borrowed
	enum elf_machine machine;
	struct go_layout layout;
	struct functab *functab;
	uint64_t load_bias; // of a position-independent executable
	enum go_symbols_from symbols_from;
	taddr_t symbols[GO_SYMBOL_COUNT]; // 0: not in this binary, or not found
};

/*
 * `info` is what go_buildinfo_read said of the same image. A version that the table of layouts does
 * not know is read by the executable's own DWARF, else by the newest layouts of the table; both
 * only if go_runtime_verify finds nothing wrong, and `layout.trust` says which.
 */
bool go_runtime_open(struct target *target, struct elf_image *image,
		     const struct go_buildinfo *info, struct go_runtime *runtime,
		     struct error *error) must_check;
void go_runtime_deinit(struct go_runtime *runtime);
// The names of up to `capacity` variables that every program has and that were not found in this
// one; returns how many there are.
size_t go_runtime_missing(const struct go_runtime *runtime, const char **names, size_t capacity);
// "runtime.mheap_"
const char *go_symbol_name(enum go_symbol symbol);
// The symbols as each of the two ways gives them, for go_runtime_open and to compare them. The
// second fills those of `runtime` and its functab; it needs the target, the machine and the layout.
bool go_symbols_from_table(struct elf_image *image, uint64_t load_bias,
			   taddr_t symbols[GO_SYMBOL_COUNT], struct error *error) must_check;
bool go_symbols_from_code(struct go_runtime *runtime, struct error *error) must_check;
// The address of a variable, or ERROR_NOT_FOUND with its name.
bool go_runtime_symbol(const struct go_runtime *runtime, enum go_symbol symbol, taddr_t *address,
		       struct error *error) must_check;
