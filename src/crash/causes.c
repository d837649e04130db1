// SPDX-License-Identifier: Apache-2.0
// In: the message of a crash. Out: what it means.
#include "crash/causes.h"

#include "base/i18n.h"

#define NEXT_MEMORY                                                                                     \
	N_("`whyoom watch --pid PID` on the next one: it captures the heap before the end, with every " \
	   "line that holds memory")
#define NEXT_DUMP N_("`whyoom goroutines PID` while it still runs shows what each waits for")
#define NEXT_ALL  N_("run with GOTRACEBACK=all: the log then has every goroutine")

// The first row that fits counts. Messages: runtime/panic.go, malloc.go, map.go, proc.go, stack.go.
static const struct crash_cause causes[] = {
	{"out-of-memory", CRASH_FATAL, "*out of memory",
	 N_("out of memory: the system refused memory to "
	    "the Go runtime"),
	 "", NEXT_MEMORY, true},
	{"out-of-memory", CRASH_FATAL, "*cannot allocate memory",
	 N_("out of memory: the system refused "
	    "memory to the Go runtime"),
	 "", NEXT_MEMORY, true},
	{"out-of-memory", CRASH_FATAL, "*cannot map pages in arena",
	 N_("out of memory: the system "
	    "refused memory to the Go runtime"),
	 "", NEXT_MEMORY, true},
	{"out-of-memory", CRASH_FATAL, "*failed to commit pages",
	 "out of memory: the system "
	 "refused memory to the Go runtime",
	 "", NEXT_MEMORY, true},
	{"too-many-maps", CRASH_FATAL, "*too many address space collisions",
	 N_("the runtime found no "
	    "free address space"),
	 "", N_("look at the limit of address space (ulimit -v)"), true},
	{"stack-overflow", CRASH_FATAL, "stack overflow",
	 N_("stack overflow: a goroutine's stack grew "
	    "past its limit"),
	 N_("a recursion without an end, or one as deep as its input"),
	 N_("bound the depth in the function that repeats"), true},
	{"stack-overflow", CRASH_FATAL, "*stack split at bad time",
	 N_("a stack grew where it must not"), "", "", false},
	{"concurrent-map", CRASH_FATAL, "concurrent map",
	 N_("a map was used by several goroutines at "
	    "once without a lock"),
	 N_("the runtime noticed it by chance: other goroutines may use the map "
	    "without a lock, too"),
	 N_("build with -race: it names both sides"), false},
	{"deadlock", CRASH_FATAL, "all goroutines are asleep",
	 N_("deadlock: every goroutine waits for "
	    "another"),
	 "", "", false},
	{"goexit", CRASH_FATAL, "no goroutines (main called runtime.Goexit)",
	 N_("deadlock: main ended "
	    "with runtime.Goexit and no goroutine is left"),
	 "", "", false},
	{"threads", CRASH_FATAL, "thread exhaustion",
	 N_("out of threads: more threads than the program "
	    "allows itself"),
	 N_("each goroutine that is in a blocking system call, in C or locked to its "
	    "thread has a thread of its own"),
	 N_("look at the groups in [syscall] and those locked to a thread"), true},
	{"threads", CRASH_FATAL, "*newosproc",
	 N_("out of threads: the system refused a new thread"),
	 N_("the limit of processes or of the pids cgroup, or no memory for its stack"),
	 N_("look at `ulimit -u` and pids.max"), true},
	{"threads", CRASH_FATAL, "*pthread_create",
	 N_("out of threads: the system refused a new thread"),
	 N_("the limit of processes or of the pids cgroup, or no memory for its stack"),
	 N_("look at `ulimit -u` and pids.max"), true},
	{"unexpected-signal", CRASH_FATAL, "unexpected signal during runtime",
	 N_("a fault in the "
	    "runtime or in C code"),
	 N_("as a rule memory that C, unsafe code or a data race has spoiled"),
	 N_("build with -race, and with cgo with -asan"), false},
	{"fault", CRASH_FATAL, "fault", N_("a fault at an address that no Go code should use"),
	 N_("unsafe code, memory of a file that shrank, or a spoiled pointer"), "", false},
	{"bad-pointer", CRASH_FATAL, "*bad pointer",
	 N_("the collector found a pointer that is none"),
	 N_("unsafe code or C has stored a number as a pointer"), N_("GODEBUG=invalidptr=1, -race"),
	 false},
	{"bad-pointer", CRASH_FATAL, "*bad sweepgen", N_("the heap's own data are spoiled"),
	 N_("unsafe code, C, or a data race"), N_("build with -race"), false},
	{"unlock", CRASH_FATAL, "sync: ", N_("a lock was used against its rules"), "", "", false},
	{"unlock", CRASH_FATAL, "*unlock of unlocked", N_("a lock was used against its rules"), "",
	 "", false},
	{"checkptr", CRASH_FATAL, "checkptr", N_("unsafe.Pointer was used against its rules"), "",
	 "", false},
	{"signal-cgo", CRASH_SIGNAL, "SIGSEGV", N_("a fault in C code"), "",
	 N_("build with -asan, or take "
	    "a core (GOTRACEBACK=crash): the C stack is there"),
	 false},
	{"signal-cgo", CRASH_SIGNAL, "SIGBUS", N_("a fault in C code or in a file that shrank"), "",
	 N_("take a core (GOTRACEBACK=crash)"), false},
	{"signal-abort", CRASH_SIGNAL, "SIGABRT",
	 N_("somebody asked for a dump with SIGABRT, or C code "
	    "called abort"),
	 "", "", false},
	{"signal-quit", CRASH_SIGNAL, "SIGQUIT",
	 N_("no crash of its own: somebody asked for this dump "
	    "with SIGQUIT, and the program ended with it"),
	 "", "", false},
	{"signal-cgo", CRASH_SIGNAL, "Exception 0xc0000005",
	 N_("a fault in code that is not Go's: a library of Windows, or C"), "", "", false},
	{"signal", CRASH_SIGNAL, "Exception 0x", N_("the program ended by an exception of Windows"),
	 "", "", false},
	{"signal", CRASH_SIGNAL, "SIG", N_("the program ended by a signal"), "", "", false},
	{"fatal", CRASH_FATAL, "", N_("a fatal error of the Go runtime"), "", "", false},
	{"panic-nil", CRASH_PANIC, "*nil pointer dereference", N_("panic: a nil pointer was used"),
	 "", "", false},
	{"panic-index", CRASH_PANIC, "*index out of range", N_("panic: an index was out of range"),
	 "", "", false},
	{"panic-slice", CRASH_PANIC, "*slice bounds out of range",
	 N_("panic: a slice's bounds were out "
	    "of range"),
	 "", "", false},
	{"panic-makeslice", CRASH_PANIC, "*makeslice: ",
	 N_("panic: a slice was asked for with an "
	    "impossible length"),
	 N_("a length that was negative, or larger than any memory: as a rule "
	    "computed, or decoded from input without a check"),
	 N_("check the length before make"), true},
	{"panic-growslice", CRASH_PANIC, "*growslice: ", N_("panic: a slice grew past any memory"),
	 "", "", true},
	{"panic-too-large", CRASH_PANIC, "*bytes.Buffer: too large",
	 N_("panic: a bytes.Buffer grew past "
	    "any memory"),
	 N_("all that was written to it is still in it"), NEXT_MEMORY, true},
	{"panic-nil-map", CRASH_PANIC, "*assignment to entry in nil map",
	 N_("panic: a map that was never "
	    "made was written"),
	 "", "", false},
	{"panic-divide", CRASH_PANIC, "*integer divide by zero", N_("panic: a division by zero"),
	 "", "", false},
	{"panic-conversion", CRASH_PANIC,
	 "*interface conversion: ", N_("panic: a type assertion failed"), "", "", false},
	{"panic-closed", CRASH_PANIC, "*closed channel", N_("panic: a closed channel was used"), "",
	 "", false},
	{"panic-closed", CRASH_PANIC, "*close of nil channel",
	 N_("panic: a nil channel was closed"), "", "", false},
	{"panic-waitgroup", CRASH_PANIC, "*negative WaitGroup counter",
	 N_("panic: Done was called more "
	    "often than Add"),
	 "", "", false},
	{"panic-fault", CRASH_PANIC, "*invalid memory address",
	 N_("panic: an address that is none was "
	    "used"),
	 "", "", false},
	{"panic", CRASH_PANIC, "", N_("panic"), "", "", false},
	{"race", CRASH_RACE, "",
	 N_("data race: two goroutines used the same memory without a lock, at "
	    "least one of them wrote"),
	 "", "", false},
	{"profile", CRASH_PROFILE, "", N_("a goroutine profile; nothing crashed"), "", "", false},
	{"kernel-oom", CRASH_KERNEL_OOM, "", N_("killed by the kernel for want of memory"), "",
	 NEXT_MEMORY, true},
	{"dump", CRASH_DUMP, "", N_("goroutines without a message that says why"), "", "", false},
};

static bool fits(const struct crash_cause *cause, enum crash_kind kind, struct span message)
{
	if (cause->kind != kind)
		return false;
	return cause->start[0] == '*' ? span_has(message, span_of(cause->start + 1))
				      : span_starts(message, span_of(cause->start));
}

const struct crash_cause *crash_cause_find(enum crash_kind kind, struct span message)
{
	for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
		if (fits(&causes[i], kind, message))
			return &causes[i];
	return crash_cause_by_id("dump");
}

const struct crash_cause *crash_cause_by_id(const char *id)
{
	for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
		if (strcmp(causes[i].id, id) == 0)
			return &causes[i];
	return &causes[sizeof causes / sizeof *causes - 1];
}
