// SPDX-License-Identifier: Apache-2.0
// Nothing is wrong, and why. Asked when no cause fits, or when a process that was looked at twice
// neither grows nor is near its limit. The special reasons first: each explains all of it.
#include "verdict/rules.h"

#define HEALTHY .subject = RULE_PROCESS, .status = VERDICT_HEALTHY
#define LIVES   "killed == 0", "killed.other == 0"
// What is left when a wave is over became no more.
#define LOW_STAYS "?between.heap.low_rises == 0"

#define PLATEAU         N_("Healthy: what is kept did not grow in {interval}; the memory is {memory}.")
#define PLATEAU_REFUTED N_("growth over a longer time: whyoom why --for 10m")

// It did not grow; there are several ways to know.
#define PLATEAU_IF(...)                                                                        \
	{                                                                                      \
		.name = "healthy-plateau", HEALTHY, .classes = CLASSES_ALL, .generic = true,   \
		.when = {LIVES,     "interval > 0", "?limit.used < 70%", "?anon.grown < 8MiB", \
			 LOW_STAYS, __VA_ARGS__},                                              \
		.sentence = PLATEAU, .refuted_by = PLATEAU_REFUTED                             \
	}

static const struct rule rules[] = {
	{
		.name = "healthy-page-cache",
		HEALTHY,
		.classes = CLASS_BIT(CLASS_CACHE),
		.when = {LIVES, "cgroup.cache >= 16MiB", "cgroup.cache >= 0.4 memory"},
		.sentence = N_(
			"Healthy: {cgroup.cache} of the {memory} is page cache, which the kernel "
			"takes back before it kills; the process itself holds {rss}."),
		.refuted_by = N_("a kill for want of memory while the page cache is as large"),
		.fix = N_(
			"no leak: look at anonymous memory instead of the whole charge; rotate large "
			"logs"),
	},
	{
		.name = "healthy-mapped-files",
		HEALTHY,
		.classes = CLASS_BIT(CLASS_FILES),
		.when = {LIVES, "files >= 16MiB", "files >= 0.4 rss"},
		.sentence = N_("Healthy: {files} of the {rss} are pages of mapped files, which the "
			       "kernel takes back when it needs them."),
		.refuted_by = N_("a kill for want of memory while they are as large"),
	},
	{
		.name = "healthy-lazy-free",
		HEALTHY,
		.classes = CLASSES_ALL,
		.when = {LIVES, "go.heap.lazyfree >= 16MiB", "go.heap.lazyfree >= 0.4 rss",
			 "?heap.marked.grown < 0.3 heap.marked"},
		.sentence = N_(
			"Healthy: {go.heap.lazyfree} of the {rss} were given back by Go and count "
			"until the kernel needs them (MADV_FREE, as Go 1.12 to 1.15 give back); in "
			"use are {go.heap.objects}."),
		.refuted_by = N_("a kill for want of memory while they are as large"),
		.fix = N_("nothing to fix; GODEBUG=madvdontneed=1 makes the figures tell it at "
			  "once"),
	},
	{
		.name = "healthy-ballast",
		HEALTHY,
		.classes = CLASSES_ALL,
		.when = {LIVES, "go.heap.untouched >= 64MiB", "go.heap.untouched >= 0.5 heap.alloc",
			 "?limit.used < 70%", "?memory.grown < 32MiB"},
		.sentence = N_("Healthy: of the {heap.alloc} that the Go heap counts, "
			       "{go.heap.untouched} were never touched and take no memory (a "
			       "ballast, or a buffer or channel made too large); the memory is "
			       "{memory}."),
		.refuted_by = N_("resident memory that comes near to what the runtime counts"),
		.fix = N_("GOMEMLIMIT does what a ballast is for, without the strange numbers "
			  "(Go 1.19 and later)"),
	},
	{
		.name = "healthy-idle-heap",
		HEALTHY,
		.classes = CLASSES_ALL,
		.when = {LIVES, "go.heap.idle >= 16MiB", "go.heap.idle >= 0.4 heap.resident",
			 "?limit.used < 90%", "?heap.back < 0.5 go.heap.idle", LOW_STAYS},
		.sentence = N_(
			"Healthy: a peak is over. {go.heap.idle} of the Go heap are empty and are "
			"given back to the kernel little by little; in use are "
			"{go.heap.objects}."),
		.refuted_by = N_("peaks that become higher each time"),
	},
	{
		.name = "healthy-garbage",
		HEALTHY,
		.classes = CLASSES_ALL,
		.when = {LIVES, "heap.marked < 0.6 heap.alloc", "heap.alloc >= 16MiB",
			 "?limit.used < 70%", "interval > 0",
			 "?heap.marked.grown < 0.2 heap.marked", LOW_STAYS},
		.sentence = N_(
			"Healthy: the heap goes up and down between collections (live "
			"{heap.marked}, now {heap.alloc}, collected at {heap.goal}); what is kept "
			"does not grow."),
		.refuted_by = N_("a live heap that is larger after each collection"),
	},
	{
		.name = "healthy-waves",
		HEALTHY,
		.classes = CLASS_BIT(CLASS_HEAP) | CLASS_BIT(CLASS_STACKS),
		.when = {LIVES, "?limit.used < 70%", "?anon.grown < 8MiB",
			 "between.heap.low_grown < 0.1 between.heap.low",
			 "between.heap.low_grown < 0.05 between.heap.high",
			 "between.heap.high >= 1.3 between.heap.low",
			 "heap.marked < 1.2 between.heap.high",
			 "?between.goroutines.low_rises == 0"},
		.sentence = N_(
			"Healthy: what is kept comes and goes. In {interval} collections found up to "
			"{between.heap.most} live; the least, {between.heap.low} in the last half of "
			"it, does not become more."),
		.refuted_by = N_("a low that rises over a longer time: whyoom why --for 10m"),
	},
	PLATEAU_IF("gc.cycles.grown >= 1", "heap.marked.grown < 0.3 heap.marked"),
	// Without a collection in between nobody knows what of the new will be kept.
	PLATEAU_IF("?heap.alloc.grown < 8MiB"),
	// what is new was never written to so far
	PLATEAU_IF("go.heap.objects.grown < 8MiB", "memory.grown < 8MiB"),
	// what is new is of stacks whose objects were let go so far
	PLATEAU_IF("heap.coverage >= 60%", "heap.unknown < 0.1 heap.alloc",
		   "heap.kept.grown < 0.05 heap.kept", "memory.grown < 32MiB"),
	// no collection in between, and the last one kept little of what was new to it
	PLATEAU_IF("gc.cycles.grown == 0", "heap.last_kept < 20%"),
	// the collection between the two looks was the first to see what was there before
	PLATEAU_IF("heap.coverage >= 60%", "heap.profiled.grown < 0.05 heap.profiled",
		   "memory.grown < 32MiB"),
	{
		.name = "healthy-tight",
		HEALTHY,
		.classes = CLASSES_ALL,
		.generic = true,
		.when = {LIVES, "interval > 0", "limit.used >= 70%", "memory.grown < 0.05 memory"},
		.sentence = N_(
			"Healthy, but tight: {limit.used} of the limit of {limit} is used, and it "
			"did not grow in {interval}."),
		.fix = N_(
			"more room: a higher limit, or GOMEMLIMIT at 90% of it so that garbage goes "
			"earlier"),
		.refuted_by = N_("growth over a longer time: whyoom why --for 10m"),
	},
};

RULE_FAMILY(healthy_family, rules);
