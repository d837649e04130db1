// SPDX-License-Identifier: Apache-2.0
// In: the code of the runtime's functions. Out: the addresses of the variables it works on.
// Source: Go 1.18 to 1.27; the file of runtime/ is with each rule. Tests compare every address
// with the symbol table, for each version and form of build.
// Rules of one symbol are for other versions, or for code that was not optimized (-N -l), where
// small functions and methods are called instead of inlined.
#include "golang/symbol_rules.h"

#include <string.h>

#include "base/cleanup.h"
#include "golang/bucket_scan.h"
#include "golang/code_operands.h"
#include "golang/symbol_checks.h"

// How one address is told from the others that a function works on. There must be one left.
enum pick {
	PICK_ONLY,         // the only one
	PICK_FIRST,        // the first of several
	PICK_SECOND,       // the second
	PICK_SLICE,        // X, where X + 8 is there as well
	PICK_OTHER_SLICE,  // the same, and not the slice `known`, which may stand right before it
	PICK_ALSO_IN,      // that function `other` has, too
	PICK_ALSO_ADDRESS, // whose address is taken, too
	PICK_OTHER_THAN,   // that is not the variable `known`
	PICK_BEFORE_CALL,  // the last one before a call of `other`
	PICK_BEFORE_STORE, // the last one before `known` is stored
	PICK_NEXT,         // the first new one behind `known`
};

enum { SLICE_BYTES = 24, NO_FIELD = -1, CANDIDATES_MAX = 32, FUNCTIONS_MAX = 128 };

struct rule {
	enum go_symbol symbol;
	const char *function;
	enum pick pick;
	unsigned int kinds, width; // of the operands that count; width 0: any
	int field;                 // the operand is this field of the variable
	const char *other;
	enum go_symbol known;
};

#define LOAD    OPERAND_LOAD
#define STORE   OPERAND_STORE
#define ADDRESS OPERAND_ADDRESS
#define ANY     (OPERAND_LOAD | OPERAND_STORE | OPERAND_ADDRESS)

// clang-format off
static const struct rule rules[] = {
	// mprof.go
	{GO_SYMBOL_MBUCKETS, "runtime.mProf_FlushLocked", PICK_ONLY, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_MBUCKETS, "runtime.memProfileInternal", PICK_ONLY, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_MBUCKETS, "runtime.MemProfile", PICK_ONLY, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_MBUCKETS, "runtime.mProf_FlushLocked", PICK_ALSO_IN, ADDRESS, 0, NO_FIELD,
	 "runtime.stkbucket"},
	{GO_SYMBOL_MPROF_CYCLE, "runtime.mProf_Flush", PICK_ALSO_IN, LOAD, 4, NO_FIELD,
	 "runtime.mProf_Free"},
	{GO_SYMBOL_MPROF_CYCLE, "runtime.mProf_Flush", PICK_ONLY, LOAD, 4, NO_FIELD},
	{GO_SYMBOL_MPROF_CYCLE, "runtime.mProf_NextCycle", PICK_BEFORE_CALL, ADDRESS, 0, NO_FIELD,
	 "runtime.(*mProfCycleHolder).increment"},
	{GO_SYMBOL_MPROF, "runtime.mProf_NextCycle", PICK_ONLY, LOAD, 4, NO_FIELD},
	{GO_SYMBOL_MPROF, "runtime.mProf_FlushLocked", PICK_ONLY, LOAD, 4, NO_FIELD},
	{GO_SYMBOL_XBUCKETS, "runtime.mutexProfileInternal", PICK_ONLY, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_XBUCKETS, "runtime.MutexProfile", PICK_ONLY, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_XBUCKETS, "runtime.mutexProfileInternal", PICK_ALSO_IN, ADDRESS, 0, NO_FIELD,
	 "runtime.stkbucket"},
	{GO_SYMBOL_XBUCKETS, "runtime.MutexProfile", PICK_ALSO_IN, ADDRESS, 0, NO_FIELD,
	 "runtime.stkbucket"},
	{GO_SYMBOL_XBUCKETS, "runtime.stkbucket", PICK_NEXT, ADDRESS, 0, NO_FIELD,
	 .known = GO_SYMBOL_MBUCKETS},
	{GO_SYMBOL_BBUCKETS, "runtime.blockProfileInternal", PICK_ONLY, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_BBUCKETS, "runtime.BlockProfile", PICK_ONLY, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_BBUCKETS, "runtime.blockProfileInternal", PICK_ALSO_IN, ADDRESS, 0, NO_FIELD,
	 "runtime.stkbucket"},
	{GO_SYMBOL_BBUCKETS, "runtime.BlockProfile", PICK_ALSO_IN, ADDRESS, 0, NO_FIELD,
	 "runtime.stkbucket"},
	{GO_SYMBOL_BBUCKETS, "runtime.stkbucket", PICK_NEXT, ADDRESS, 0, NO_FIELD,
	 .known = GO_SYMBOL_XBUCKETS},
	{GO_SYMBOL_BLOCK_PROFILE_RATE, "runtime.SetBlockProfileRate", PICK_ONLY, ADDRESS, 0, NO_FIELD},
	// chan.go, sema.go, lock_*.go
	{GO_SYMBOL_BLOCK_PROFILE_RATE, "runtime.chansend", PICK_ONLY, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_BLOCK_PROFILE_RATE, "runtime.chanrecv", PICK_ONLY, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_MUTEX_PROFILE_RATE, "runtime.semacquire1", PICK_OTHER_THAN, LOAD, 8, NO_FIELD,
	 .known = GO_SYMBOL_BLOCK_PROFILE_RATE},
	{GO_SYMBOL_MUTEX_PROFILE_RATE, "runtime.unlock2", PICK_ONLY, LOAD, 8, NO_FIELD},
	// mcache.go, malloc.go: nextSample is inlined. Then proc.go, and mprof.go before 1.20
	{GO_SYMBOL_MEM_PROFILE_RATE, "runtime.allocmcache", PICK_ONLY, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_MEM_PROFILE_RATE, "runtime.nextSample", PICK_ONLY, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_DISABLE_MEM_PROFILING, "runtime.schedinit", PICK_BEFORE_STORE, LOAD, 1, NO_FIELD,
	 .known = GO_SYMBOL_MEM_PROFILE_RATE},
	{GO_SYMBOL_DISABLE_MEM_PROFILING, "runtime.init", PICK_BEFORE_STORE, LOAD, 1, NO_FIELD,
	 .known = GO_SYMBOL_MEM_PROFILE_RATE},
	{GO_SYMBOL_DISABLE_MEM_PROFILING, "runtime.defaultMemProfileRate", PICK_ONLY, LOAD, 1,
	 NO_FIELD},
	// malloc.go, mgcwork.go, mbitmap.go, mheap.go
	{GO_SYMBOL_MHEAP, "runtime.mallocinit", PICK_BEFORE_CALL, ADDRESS, 0, NO_FIELD,
	 "runtime.(*mheap).init"},
	{GO_SYMBOL_MHEAP, "runtime.getempty.func1", PICK_ONLY, ADDRESS, 0, NO_FIELD},
	{GO_SYMBOL_MEMSTATS, "runtime.newBucket", PICK_ONLY, ADDRESS, 0, GO_MSTATS_BUCKHASH_SYS},
	{GO_SYMBOL_MEMSTATS, "runtime.recordspan", PICK_ONLY, ADDRESS, 0, GO_MSTATS_OTHER_SYS},
	// mgc.go, mgcmark.go
	{GO_SYMBOL_GC_CONTROLLER, "runtime.gcinit", PICK_BEFORE_CALL, ADDRESS, 0, NO_FIELD,
	 "runtime.(*gcControllerState).init"},
	{GO_SYMBOL_GC_CONTROLLER, "runtime.gcinit", PICK_BEFORE_CALL, ADDRESS, 0, NO_FIELD,
	 "runtime.(*gcControllerState).setGCPercent"},
	{GO_SYMBOL_GC_CONTROLLER, "runtime.gcAssistAlloc", PICK_ONLY, ADDRESS, 0,
	 GO_GC_CONTROLLER_STATE_BG_SCAN_CREDIT},
	{GO_SYMBOL_GCPERCENT, "runtime.(*gcControllerState).revise", PICK_ONLY, LOAD, 4, NO_FIELD},
	{GO_SYMBOL_GCPHASE, "runtime.(*gcWork).balance", PICK_ONLY, LOAD, 4, NO_FIELD},
	{GO_SYMBOL_GCPHASE, "runtime.freeSomeWbufs", PICK_ONLY, LOAD, 4, NO_FIELD},
	{GO_SYMBOL_GCPHASE, "runtime.stackpoolfree", PICK_ONLY, LOAD, 4, NO_FIELD},
	{GO_SYMBOL_STARTING_STACK_SIZE, "runtime.gcComputeStartingStackSize", PICK_ONLY, STORE, 4,
	 NO_FIELD},
	{GO_SYMBOL_STARTING_STACK_SIZE, "runtime.gfget.func2", PICK_ONLY, LOAD, 4, NO_FIELD},
	{GO_SYMBOL_SPAN_SET_BLOCK_POOL, "runtime.(*spanSet).pop", PICK_ONLY, ADDRESS, 0, NO_FIELD},
	{GO_SYMBOL_SPAN_SET_BLOCK_POOL, "runtime.(*spanSet).reset", PICK_ONLY, ADDRESS, 0, NO_FIELD},
	{GO_SYMBOL_WORK, "runtime.trygetfull", PICK_ONLY, ADDRESS, 0, NO_FIELD},
	{GO_SYMBOL_WORK, "runtime.putfull", PICK_ONLY, ADDRESS, 0, NO_FIELD},
	{GO_SYMBOL_WORK, "runtime.gcDrain", PICK_ONLY, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_GC_CPU_LIMITER, "runtime.(*mheap).allocSpan.func1", PICK_ONLY, LOAD, 1,
	 GO_GC_CPU_LIMITER_STATE_ENABLED},
	{GO_SYMBOL_GC_CPU_LIMITER, "runtime.(*mheap).allocSpan.func1", PICK_BEFORE_CALL, ADDRESS, 0,
	 NO_FIELD, "runtime.(*gcCPULimiterState).limiting"},
	// proc.go, runtime2.go, mstats.go, debug.go
	{GO_SYMBOL_ALLGS, "runtime.forEachG", PICK_SLICE, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_ALLGS, "runtime.allgadd", PICK_SLICE, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_ALLGLEN, "runtime.forEachGRace", PICK_FIRST, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_ALLGLEN, "runtime.atomicAllG", PICK_FIRST, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_WAIT_REASONS, "runtime.waitReason.String", PICK_ONLY, ADDRESS, 0, NO_FIELD},
	{GO_SYMBOL_WAIT_REASONS, "runtime.(*waitReason).String", PICK_ONLY, ADDRESS, 0, NO_FIELD},
	{GO_SYMBOL_GOMAXPROCS, "runtime.flushallmcaches", PICK_ONLY, LOAD, 4, NO_FIELD},
	{GO_SYMBOL_GOMAXPROCS, "runtime.GOMAXPROCS", PICK_ONLY, LOAD, 4, NO_FIELD},
	{GO_SYMBOL_SCHED, "runtime.mput", PICK_ONLY, ANY, 8, GO_SCHEDT_MIDLE},
	{GO_SYMBOL_SCHED, "runtime.mput", PICK_BEFORE_CALL, ADDRESS, 0, GO_SCHEDT_MIDLE,
	 "runtime.(*muintptr).set"},
	{GO_SYMBOL_SCHED, "runtime.mput", PICK_BEFORE_CALL, ADDRESS, 0, GO_SCHEDT_MIDLE,
	 "runtime.(*listHeadManual).push"},
	{GO_SYMBOL_ALLP, "runtime.gcMarkTinyAllocs", PICK_SLICE, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_ALLP, "runtime.(*gcControllerState).enlistWorker", PICK_SLICE, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_ALLM, "runtime.mcommoninit", PICK_ALSO_ADDRESS, LOAD, 8, NO_FIELD},
	// cpuprof.go, runtime.go; mfinal.go; mgcsweep.go; mgcscavenge.go
	{GO_SYMBOL_TICKS, "runtime.(*ticksType).init", PICK_BEFORE_CALL, ADDRESS, 0, NO_FIELD,
	 "runtime.lock2"},
	{GO_SYMBOL_TICKS, "runtime.ticksPerSecond", PICK_BEFORE_CALL, ADDRESS, 0, NO_FIELD,
	 "runtime.lock2"},
	{GO_SYMBOL_TICKS, "runtime.tickspersecond", PICK_BEFORE_CALL, ADDRESS, 0, NO_FIELD,
	 "runtime.lock2"},
	{GO_SYMBOL_TICKS, "runtime.(*ticksType).init", PICK_BEFORE_CALL, ADDRESS, 0, NO_FIELD,
	 "runtime.lock"},
	{GO_SYMBOL_TICKS, "runtime.ticksPerSecond", PICK_BEFORE_CALL, ADDRESS, 0, NO_FIELD,
	 "runtime.lock"},
	{GO_SYMBOL_TICKS, "runtime.tickspersecond", PICK_BEFORE_CALL, ADDRESS, 0, NO_FIELD,
	 "runtime.lock"},
	{GO_SYMBOL_FINQ, "runtime.queuefinalizer", PICK_FIRST, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_ALLFIN, "runtime.queuefinalizer", PICK_SECOND, STORE, 8, NO_FIELD},
	{GO_SYMBOL_FING_STATUS, "runtime.isSystemGoroutine", PICK_ONLY, LOAD, 4, NO_FIELD},
	{GO_SYMBOL_FING_STATUS, "runtime.finalizercommit", PICK_ONLY, ADDRESS, 0, NO_FIELD},
	{GO_SYMBOL_FINQUEUED, "runtime.finReadQueueStats", PICK_ALSO_IN, LOAD, 8, NO_FIELD,
	 "runtime.queuefinalizer"},
	{GO_SYMBOL_FINEXECUTED, "runtime.finReadQueueStats", PICK_OTHER_THAN, LOAD, 8, NO_FIELD,
	 .known = GO_SYMBOL_FINQUEUED},
	{GO_SYMBOL_GC_CLEANUPS, "runtime.(*activeSweep).end", PICK_BEFORE_CALL, ADDRESS, 0, NO_FIELD,
	 "runtime.(*cleanupQueue).flush"},
	{GO_SYMBOL_GC_CLEANUPS, "runtime.freeSpecial", PICK_BEFORE_CALL, ADDRESS, 0, NO_FIELD,
	 "runtime.(*cleanupQueue).enqueue"},
	{GO_SYMBOL_SCAVENGE, "runtime.gcPaceScavenger", PICK_SLICE, ADDRESS, 0, NO_FIELD},
	{GO_SYMBOL_SCAVENGE, "runtime.wakeScavenger", PICK_BEFORE_CALL, ADDRESS, 0, NO_FIELD,
	 "runtime.lock2"},
	{GO_SYMBOL_SCAVENGE, "runtime.wakeScavenger", PICK_BEFORE_CALL, ADDRESS, 0, NO_FIELD,
	 "runtime.lock"},
	// sync/pool.go
	{GO_SYMBOL_ALL_POOLS, "sync.(*Pool).pinSlow", PICK_SLICE, LOAD, 8, NO_FIELD},
	{GO_SYMBOL_OLD_POOLS, "sync.poolCleanup", PICK_OTHER_SLICE, LOAD, 8, NO_FIELD,
	 .known = GO_SYMBOL_ALL_POOLS},
};
// clang-format on

enum { RULES = sizeof rules / sizeof *rules };

// A function that rules ask for, decoded when the first one does.
struct function {
	bool decoded;
	struct code_operands operands;
};

struct evaluation {
	const struct go_moduledata *module;
	struct go_runtime *runtime;
	struct code_reader *reader;
	struct functab_query queries[FUNCTIONS_MAX];
	struct function functions[FUNCTIONS_MAX];
	size_t count;
};

// Addresses without repetition, in the order of the code.
struct candidates {
	taddr_t address[CANDIDATES_MAX];
	size_t count;
};

static void add_function(struct evaluation *evaluation, const char *name)
{
	for (size_t i = 0; i < evaluation->count; i++)
		if (strcmp(evaluation->queries[i].name, name) == 0)
			return;
	if (evaluation->count < FUNCTIONS_MAX)
		evaluation->queries[evaluation->count++].name = name;
}

static void find_functions(struct evaluation *evaluation)
{
	for (size_t i = 0; i < RULES; i++) {
		if (evaluation->runtime->symbols[rules[i].symbol])
			continue;
		add_function(evaluation, rules[i].function);
		if (rules[i].other)
			add_function(evaluation, rules[i].other);
	}
	functab_find_functions(evaluation->runtime->functab, evaluation->queries,
			       evaluation->count);
}

static const struct functab_query *find_function(const struct evaluation *evaluation,
						 const char *name)
{
	for (size_t i = 0; i < evaluation->count; i++)
		if (strcmp(evaluation->queries[i].name, name) == 0)
			return evaluation->queries[i].found ? &evaluation->queries[i] : NULL;
	return NULL;
}

// NULL when the program has no such function, or its code cannot be read.
static const struct code_operands *operands_of(struct evaluation *evaluation, const char *name)
{
	const struct functab_query *query = find_function(evaluation, name);
	if (!query)
		return NULL;
	struct function *function = &evaluation->functions[query - evaluation->queries];
	if (!function->decoded &&
	    !code_operands_read(evaluation->reader, evaluation->runtime->target, query->entry,
				query->end, &function->operands, NULL))
		return NULL;
	function->decoded = true;
	return &function->operands;
}

static bool counts(const struct evaluation *evaluation, const struct code_operand *operand,
		   unsigned int kinds, unsigned int width)
{
	return operand->kind & kinds &&
	       (operand->kind == OPERAND_ADDRESS || !width || operand->width == width) &&
	       moduledata_holds_variable(evaluation->module, operand->target, 1);
}

static bool is_among(const struct candidates *candidates, taddr_t address)
{
	for (size_t i = 0; i < candidates->count; i++)
		if (candidates->address[i] == address)
			return true;
	return false;
}

static void add_candidate(struct candidates *candidates, taddr_t address)
{
	if (candidates->count < CANDIDATES_MAX && !is_among(candidates, address))
		candidates->address[candidates->count++] = address;
}

static struct candidates collect(const struct evaluation *evaluation,
				 const struct code_operands *operands, unsigned int kinds,
				 unsigned int width)
{
	struct candidates found = {0};
	VEC_FOREACH (operand, &operands->list)
		if (counts(evaluation, operand, kinds, width))
			add_candidate(&found, operand->target);
	return found;
}

// The last operand that counts before each call of `callee`, or each store to `stored`.
static struct candidates collect_before(const struct evaluation *evaluation,
					const struct code_operands *operands,
					const struct rule *rule, taddr_t callee, taddr_t stored)
{
	struct candidates found = {0};
	taddr_t last = 0;
	VEC_FOREACH (operand, &operands->list) {
		bool calls = operand->kind == OPERAND_CALL;
		bool ends = calls ? operand->target == callee
				  : operand->kind & OPERAND_STORE && operand->target == stored;
		if (ends && last)
			add_candidate(&found, last);
		if (calls)
			last = 0;
		else if (counts(evaluation, operand, rule->kinds, rule->width))
			last = operand->target;
	}
	return found;
}

static bool keeps(const struct rule *rule, const struct candidates *all,
		  const struct candidates *others, taddr_t known, taddr_t address)
{
	switch (rule->pick) {
	case PICK_SLICE:
		return is_among(all, address + 8) && !is_among(all, address - 8);
	case PICK_OTHER_SLICE:
		return known && address != known && is_among(all, address + 8) &&
		       (!is_among(all, address - 8) || address == known + SLICE_BYTES);
	case PICK_ALSO_IN:
	case PICK_ALSO_ADDRESS:
		return is_among(others, address);
	case PICK_OTHER_THAN:
		return known && address != known;
	default:
		return true;
	}
}

static struct candidates choose(struct evaluation *evaluation, const struct rule *rule,
				const struct code_operands *operands)
{
	struct candidates others = {0}, kept = {0};
	taddr_t known = evaluation->runtime->symbols[rule->known];
	const struct code_operands *second =
		rule->pick == PICK_ALSO_IN ? operands_of(evaluation, rule->other) : NULL;
	if (second)
		others = collect(evaluation, second, rule->kinds, rule->width);
	if (rule->pick == PICK_ALSO_ADDRESS)
		others = collect(evaluation, operands, OPERAND_ADDRESS, 0);
	struct candidates all = collect(evaluation, operands, rule->kinds, rule->width);
	for (size_t i = 0; i < all.count; i++)
		if (keeps(rule, &all, &others, known, all.address[i]))
			add_candidate(&kept, all.address[i]);
	return kept;
}

// What comes behind `known`, or nothing.
static struct candidates take_next(const struct candidates *all, taddr_t known)
{
	struct candidates found = {0};
	for (size_t i = 0; known && i + 1 < all->count; i++)
		if (all->address[i] == known)
			add_candidate(&found, all->address[i + 1]);
	return found;
}

// The address that one rule gives; 0 where it does not apply or leaves more than one.
static taddr_t apply(struct evaluation *evaluation, const struct rule *rule)
{
	struct candidates found;
	int field = rule->field == NO_FIELD ? 0 : evaluation->runtime->layout.offset[rule->field];
	const struct code_operands *operands = operands_of(evaluation, rule->function);
	if (field < 0 || !operands)
		return 0;
	if (rule->pick == PICK_BEFORE_CALL) {
		const struct functab_query *callee = find_function(evaluation, rule->other);
		if (!callee)
			return 0;
		found = collect_before(evaluation, operands, rule, callee->entry, 0);
	} else if (rule->pick == PICK_BEFORE_STORE) {
		taddr_t stored = evaluation->runtime->symbols[rule->known];
		found = collect_before(evaluation, operands, rule, 0, stored);
	} else {
		found = choose(evaluation, rule, operands);
	}
	if (rule->pick == PICK_NEXT)
		found = take_next(&found, evaluation->runtime->symbols[rule->known]);
	size_t index = rule->pick == PICK_SECOND;
	bool several = rule->pick == PICK_FIRST || rule->pick == PICK_SECOND;
	if (found.count <= index || (found.count > 1 && !several))
		return 0;
	return found.address[index] - (taddr_t)field;
}

// 0 when no rule says where the symbol is, or two say different places, or what is there is not it.
static taddr_t find_symbol(struct evaluation *evaluation, enum go_symbol symbol)
{
	taddr_t address = 0;
	for (size_t i = 0; i < RULES; i++) {
		// An order of use is that of optimized code, so it counts where nothing else says.
		if (rules[i].symbol != symbol || (address && rules[i].pick == PICK_NEXT))
			continue;
		taddr_t found = apply(evaluation, &rules[i]);
		if (found && address && found != address)
			return 0;
		if (found)
			address = found;
	}
	return address && moduledata_holds_variable(evaluation->module, address, 1) &&
			       symbol_holds(evaluation->runtime, symbol, address)
		       ? address
		       : 0;
}

bool symbol_rules_apply(const struct go_moduledata *module, struct go_runtime *runtime,
			struct error *error)
{
	struct evaluation evaluation = {.module = module, .runtime = runtime};
	if (!code_reader_new(runtime->machine, &evaluation.reader, error))
		return false;
	find_functions(&evaluation);
	// A symbol that another one's rule needs stands before it in the table.
	for (size_t i = 0; i < RULES; i++) {
		enum go_symbol symbol = rules[i].symbol;
		bool first = i == 0 || rules[i - 1].symbol != symbol;
		if (first && !runtime->symbols[symbol])
			runtime->symbols[symbol] = find_symbol(&evaluation, symbol);
	}
	for (size_t i = 0; i < evaluation.count; i++)
		code_operands_deinit(&evaluation.functions[i].operands);
	code_reader_free(evaluation.reader);
	taddr_t *mbuckets = &runtime->symbols[GO_SYMBOL_MBUCKETS];
	if (!*mbuckets && !bucket_scan(module, runtime, mbuckets, NULL))
		*mbuckets = 0;
	return true;
}
