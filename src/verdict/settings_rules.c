// SPDX-License-Identifier: Apache-2.0
// The collector's settings against the limit, and memory that is kept although it holds nothing.
#include "verdict/rules.h"

#define SETTING .subject = RULE_PROCESS, .status = VERDICT_CAUSE
#define HEAP    .classes = CLASS_BIT(CLASS_HEAP)

static const struct rule rules[] = {
	{
		.name = "gogc-off",
		SETTING,
		HEAP,
		.when = {"gc.percent < 0", "gc.memory_limit_set == 0", "limit.used >= 70%",
			 "?heap.marked < 0.5 heap.alloc"},
		.surer = {"killed == 1", "heap.marked < 0.3 heap.alloc"},
		.sentence =
			N_("{command}: the collector is switched off (GOGC=off) and no GOMEMLIMIT "
			   "is set, so nothing is ever collected: {heap.alloc} in the heap, after "
			   "{gc.cycles} collections."),
		.proof = {N_("live at the last collection: {heap.marked}"),
			  N_("GOGC comes from the environment: {gc.environment}")},
		.refuted_by = N_("a heap as large with GOGC=100"),
		.fix = N_("unset GOGC, or set GOMEMLIMIT to some 90% of the limit beside it"),
		.relief =
			N_("whyoom relieve --memory-limit auto makes the runtime collect at once"),
	},
	{
		.name = "memory-limit-too-high",
		SETTING,
		HEAP,
		.when = {"gc.memory_limit_set == 1", "gc.memory_limit >= 0.97 limit",
			 "limit.used >= 70%", "go.heap.live < 0.62 limit"},
		.surer = {"killed == 1", "heap.kept < 0.5 limit", "heap.unknown < 0.2 heap.alloc"},
		.sentence =
			N_("{command}: GOMEMLIMIT ({gc.memory_limit}) leaves nothing of the limit "
			   "({limit}) for what is not Go's heap, so the collector begins too "
			   "late."),
		.proof = {N_("live at the last collection: {heap.marked}; in the heap: "
			     "{heap.alloc}"),
			  N_("the Go runtime holds {go.held}; the charge is {memory}")},
		.refuted_by = N_("a kill with GOMEMLIMIT at 80% of the limit"),
		.fix = N_("set GOMEMLIMIT to the limit less what is not Go's, and 10% less"),
		.relief = N_("whyoom relieve --memory-limit auto"),
	},
	{
		.name = "gc-death-spiral",
		SETTING,
		HEAP,
		.even_flat = true,
		.when = {"gc.limited == 1", "heap.marked >= 0.75 gc.memory_limit",
			 "gc.cycles.grown >= 5", "?gc.cpu_now >= 20%", "?gc.cpu >= 5%",
			 "?heap.marked.grown < 0.1 heap.marked"},
		.surer = {"gc.cpu_now >= 20%"},
		.sentence = N_("{command}: what is live ({heap.marked}) has reached GOMEMLIMIT "
			       "({gc.memory_limit}), so the collector runs all the time: "
			       "{gc.cycles.grown} collections in {interval}."),
		.proof = {N_("share of the CPU that the collector had meanwhile: {gc.cpu_now}"),
			  N_("share of the collector since the start: {gc.cpu}")},
		.refuted_by = N_("a live heap far below GOMEMLIMIT"),
		.fix = N_("raise the limit and GOMEMLIMIT, or keep less live: see who holds it"),
		.relief = N_(
			"raise GOMEMLIMIT from outside (whyoom relieve --memory-limit SIZE) where "
			"the cgroup has room"),
	},
	{
		.name = "gogc-headroom",
		SETTING,
		HEAP,
		.when = {"gc.percent >= 50", "gc.memory_limit_set == 0", "limit.used >= 70%",
			 "heap.kept < 0.62 limit", "heap.unknown < 0.2 heap.alloc",
			 "heap.goal >= 0.85 limit", "gc.cycles >= 3", "go.heap.live < 0.55 limit",
			 "?goroutines.before >= 0.5 goroutines",
			 "?heap.marked.grown < 0.5 heap.marked"},
		.surer = {"killed == 1", "heap.kept < 0.5 limit"},
		.sentence =
			N_("{command}: with GOGC={gc.percent} and no GOMEMLIMIT the heap may grow "
			   "to {heap.goal} before it is collected, more than the limit of {limit} "
			   "has room for; some {heap.kept} of it are kept."),
		.proof = {N_("live at the baseline: {heap.marked.before}; at the last collection: "
			     "{heap.marked}; where that goes on growing under an even load it is a "
			     "leak, and a limit for the runtime only delays the kill"),
			  N_("in the heap now: {heap.alloc}, garbage included")},
		.rejects =
			{{"heap.kept >= 0",
			  N_("a leak: of what was allocated by the same stacks so far, most was let "
			     "go again; {heap.kept} of {heap.alloc} would be kept")}},
		.refuted_by = N_("a kill although GOMEMLIMIT is set to 90% of the limit"),
		.fix = N_(
			"set GOMEMLIMIT to some 90% of the limit; the collector then runs earlier "
			"when it gets tight"),
		.relief = N_("whyoom relieve --memory-limit auto sets it in the running process"),
	},
	{
		.name = "gogc-high",
		SETTING,
		HEAP,
		.when = {"gc.percent >= 200", "gc.memory_limit_set == 0", "limit.used >= 70%",
			 "go.heap.live < 0.4 limit", "heap.goal >= 0.95 limit",
			 "go.heap.live < 0.4 heap.alloc"},
		.sentence =
			N_("{command}: GOGC={gc.percent} lets the heap grow to {heap.goal} before "
			   "it is collected, more than the limit of {limit}; the last collection "
			   "found {go.heap.live} live, and nobody knows how much of the rest is "
			   "garbage."),
		.proof = {N_("allocated since the last collection: {go.heap.young}")},
		.refuted_by =
			N_("a kill although GOMEMLIMIT is set to 90% of the limit: then it is a "
			   "leak, and the largest site is whom to look at"),
		.fix = N_("set GOMEMLIMIT to some 90% of the limit beside GOGC"),
		.relief = N_("whyoom relieve --memory-limit auto sets it in the running process"),
	},
	{
		.name = "fragmentation",
		SETTING,
		HEAP,
		.explains = "go.heap.free_slots",
		.when = {"go.heap.free_slots >= 16MiB", "go.heap.free_slots >= 0.5 heap.resident"},
		.sentence = N_("{command}: most of the Go heap is free slots inside spans that "
			       "something small keeps: {go.heap.free_slots} of {heap.resident}."),
		.proof = {N_("objects: {go.heap.objects}; idle: {go.heap.idle}")},
		.refuted_by = N_("free slots that go away after two collections"),
		.fix = N_(
			"do not allocate what lives long among what lives short: build the long-lived "
			"first, copy it out, or keep it in one large slice"),
		.relief = N_("none: the runtime cannot move objects; only a restart packs them"),
	},
	{
		.name = "huge-pages",
		SETTING,
		HEAP,
		.explains = "heap.back",
		.when = {"go.huge >= 16MiB", "heap.back >= 16MiB", "heap.back >= 0.3 heap.resident",
			 "go.huge >= 0.7 heap.back"},
		.surer = {"heap.back >= 0.5 heap.resident"},
		.sentence =
			N_("{command}: the kernel makes huge pages of the Go heap ({go.huge}), so "
			   "{heap.back} that Go gave back are there again; in use are "
			   "{go.heap.objects}."),
		.proof = {N_("Go itself says that it keeps {heap.retained} idle; {go.heap.idle} "
			     "of what is idle are resident")},
		.refuted_by = N_("as much memory with transparent huge pages switched off"),
		.fix = N_("set transparent huge pages to madvise, or "
			  "khugepaged/max_ptes_none to 0; leave Go 1.21, whose heap asks for them "
			  "(GODEBUG=disablethp=1 from 1.21.6 on)"),
		.relief = N_("echo 0 > /sys/kernel/mm/transparent_hugepage/khugepaged/"
			     "max_ptes_none stops the growth"),
	},
	{
		.name = "profiler-buckets",
		SETTING,
		.classes = CLASS_BIT(CLASS_RUNTIME),
		.when = {"go.metadata.buckets >= 16MiB", "go.metadata.buckets >= 0.4 go.metadata"},
		.sentence =
			N_("{command}: the runtime's own profiler holds {go.metadata.buckets}: one "
			   "record for each different stack, never given back."),
		.proof = {N_("MemProfileRate: {profile.rate} for each sample")},
		.refuted_by = N_("records that do not grow with the number of different stacks"),
		.fix = N_(
			"set runtime.MemProfileRate higher (the default is 512 KiB), and block and "
			"mutex profiles off; bound recursion, which makes every stack different"),
		.relief = N_("whyoom profiler off PID stops the growth; what is there stays"),
	},
	{
		.name = "procs-above-quota",
		SETTING,
		.classes = CLASS_BIT(CLASS_HEAP) | CLASS_BIT(CLASS_STACKS),
		.explains = "procs.keeps",
		.when = {"procs >= 16", "procs >= 6 cpu.available", "procs.keeps >= 16MiB",
			 "?pools.objects <= 4 procs"},
		.sentence = N_(
			"{command}: the runtime counts on {procs} processors (GOMAXPROCS) and may "
			"use {cpu.available}; what it and its pools keep for each of them is "
			"{procs.keeps}."),
		.proof = {N_("of it {pools.objects} objects in pools, {pools.bytes}; the runtime's "
			     "own caches {procs.caches}")},
		.refuted_by = N_("as much memory with GOMAXPROCS as large as the quota"),
		.fix = N_(
			"set GOMAXPROCS to the quota, rounded up (go.uber.org/automaxprocs, or Go "
			"1.25 and later with go 1.25 in go.mod, where nothing sets it otherwise)"),
		.relief = N_("none from outside: GOMAXPROCS is read at the start"),
	},
	{
		.name = "race-build",
		SETTING,
		.classes = CLASS_BIT(CLASS_NATIVE) | CLASS_BIT(CLASS_HEAP),
		.when = {"build.race == 1", "anon >= 0.3 memory"},
		.surer = {"build.race == 1"},
		.sentence =
			N_("{command} was built with -race: the detector's shadow memory takes "
			   "several times what the program does ({anon} outside of Go's heap)."),
		.refuted_by = N_("as much memory without -race"),
		.fix = N_("build without -race for production"),
		.relief = N_("none"),
	},
};

RULE_FAMILY(settings_family, rules);
