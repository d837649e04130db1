// SPDX-License-Identifier: Apache-2.0
// Memory of the process that is not Go's: C heaps, mappings, threads.
#include "verdict/rules.h"

#define NATIVE .subject = RULE_PROCESS, .classes = CLASS_BIT(CLASS_NATIVE), .status = VERDICT_CAUSE

static const struct rule rules[] = {
	{
		.name = "c-arenas",
		NATIVE,
		.explains = "anon.malloc.free",
		.when = {"anon.malloc.arenas.free >= 0.5 anon.malloc.arenas",
			 "anon.malloc.arenas >= 32MiB"},
		.sentence =
			N_("The C library keeps what was freed: {anon.malloc.arenas.free} of the "
			   "{anon.malloc.arenas} in its arenas hold nothing."),
		.proof = {N_("threads: {threads}; glibc makes up to eight arenas a processor")},
		.refuted_by = N_("arenas that are in use after malloc_trim"),
		.fix = N_("set MALLOC_ARENA_MAX=2, call malloc_trim from time to time, or use "
			  "jemalloc"),
		.relief = N_("none from outside"),
	},
	{
		.name = "thread-growth",
		.subject = RULE_PROCESS,
		.number = COURSE_THREADS,
		.classes = CLASS_BIT(CLASS_NATIVE) | CLASSES_GO,
		.status = VERDICT_CAUSE,
		.stack = {"runtime.cgocall|syscall...|internal/runtime/syscall...|_cgo_runtime...|"
			  "...._Cfunc_..."},
		.waits = {""},
		.when = {"threads.grown >= 50", "threads >= 100"},
		.surer = {"threads.grown >= 50"},
		.sentence = N_(
			"Threads pile up: {threads.before} -> {threads} in {interval}, each with "
			"a stack; in system calls {threads.in_syscall}, in C {threads.in_c}, "
			"locked to a goroutine {threads.locked}."),
		.proof = {N_("most of them run for goroutines at {where}")},
		.refuted_by = N_("a number of threads that stays the same under the same load"),
		.fix = N_("limit how many goroutines may be in blocking system calls or C at once; "
			  "unlock threads (runtime.UnlockOSThread)"),
		.relief = N_("none from outside: threads of Go do not end"),
	},
	{
		// in C, or asleep in the kernel: what they cost is stacks, its own and theirs
		.name = "thread-growth",
		.subject = RULE_PROCESS,
		.classes = CLASS_BIT(CLASS_NATIVE) | CLASS_BIT(CLASS_KERNEL),
		.status = VERDICT_CAUSE,
		.explains = "threads.stacks",
		.when = {"threads.grown >= 50", "threads >= 100", "threads.stacks >= 8MiB"},
		.surer = {"threads.grown >= 50"},
		.sentence = N_(
			"Threads pile up: {threads.before} -> {threads} in {interval}, each with "
			"a stack; in system calls {threads.in_syscall}, in C {threads.in_c}, "
			"locked to a goroutine {threads.locked}."),
		.proof = {N_("stacks of C threads {anon.threads}, the kernel's stacks for them "
			     "{cgroup.kernel.stacks}")},
		.refuted_by = N_("a number of threads that stays the same under the same load"),
		.fix = N_("let threads end, or keep a fixed number of them: look at what starts "
			  "threads in C, and at locked ones of Go (runtime.LockOSThread)"),
		.relief = N_("none from outside: threads of Go do not end"),
	},
	{
		.name = "c-heap",
		NATIVE,
		.explains = "anon.malloc.used",
		.when = {"anon.malloc >= 16MiB", "anon.malloc >= 0.5 anon",
			 "?anon.malloc.grown >= 0.5 anon.grown"},
		.surer = {"anon.malloc.grown >= 16MiB"},
		.sentence =
			N_("A leak outside of Go, in C (malloc): {anon.malloc.before} -> "
			   "{anon.malloc}, while the Go heap holds {heap.resident}. Which function "
			   "of Go calls the C code that keeps it is in no profile of Go."),
		.proof = {N_("C heap: {anon.malloc}, of {anon} that is not Go's"),
			  N_("the Go heap grew by {heap.resident.grown} meanwhile")},
		.refuted_by = N_("memory that falls after malloc_trim: then it was free already"),
		.fix = N_(
			"C.free what C.malloc and C.CString give, on every path; close what the C "
			"library makes; its own profiler (jemalloc, heaptrack) names the function"),
		.relief = N_("none from outside: GOMEMLIMIT does not see it"),
		.next = N_("a build with jemalloc and its profiler on"),
	},
	{
		.name = "mapped-memory",
		NATIVE,
		.explains = "anon.other",
		.when = {"anon.other >= 16MiB", "anon.other >= 0.5 anon", "build.race == 0",
			 "?anon.other.grown >= 0.5 anon.grown"},
		.surer = {"anon.other.grown >= 16MiB"},
		.sentence = N_("Memory that was mapped outside of Go's heap and C's: "
			       "{anon.other.before} -> {anon.other}, in mappings that belong to no "
			       "allocator that whyoom knows."),
		.proof = {N_("the Go heap grew by {heap.resident.grown} meanwhile")},
		.refuted_by = N_("mappings that are unmapped later"),
		.fix = N_(
			"Munmap what Mmap gave, on every path; look for allocators that keep memory "
			"outside of Go on purpose (caches, arenas)"),
		.relief = N_("none from outside: GOMEMLIMIT does not see it"),
	},
};

RULE_FAMILY(native_family, rules);
