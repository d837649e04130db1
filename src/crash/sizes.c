// SPDX-License-Identifier: Apache-2.0
// In: notes of the runtime and arguments of its functions. Out: sizes, where they are certain.
#include "crash/sizes.h"

#include "base/i18n.h"

enum { PAGE_BYTES = 8192, REGISTERS_SINCE = 17, MARKS_SINCE = 18 };

enum what { WHAT_ASKED, WHAT_GREW, WHAT_GREW_PAGES };

// Which argument of which function of the runtime is a size. The first row that has one counts, so
// the surest come first. runtime/malloc.go, mheap.go, mcache.go, mem_linux.go, string.go.
static const struct {
	const char *function;
	enum what what;
	int argument;  // from 0, words, without braces
	int low, high; // minor versions that have it so
} rows[] = {
	{"runtime.largeAlloc", WHAT_ASKED, 0, 0, 16},
	{"runtime.mallocgc", WHAT_ASKED, 0, 0, 99},
	{"runtime.(*mcache).allocLarge", WHAT_ASKED, 1, 16, 99},
	{"runtime.mallocgcLarge", WHAT_ASKED, 0, 24, 99},
	{"runtime.rawbyteslice", WHAT_ASKED, 0, 0, 99},
	{"runtime.rawstring", WHAT_ASKED, 0, 0, 99},
	{"runtime.sysMap", WHAT_GREW, 1, 0, 99},
	{"runtime.sysMapOS", WHAT_GREW, 1, 19, 99},
	{"runtime.SysMap", WHAT_GREW, 1, 0, 4},
	{"runtime.(*mheap).sysAlloc", WHAT_GREW, 1, 10, 99},
	{"runtime.(*mheap).grow", WHAT_GREW_PAGES, 1, 8, 99},
};

static bool find_argument(const char *arguments, int index, uint64_t *value, bool *marked)
{
	struct span rest = span_of(arguments);
	while (rest.length) {
		char c = rest.at[0];
		if (c == '.' || c == '_')
			return false; // what follows cannot be counted
		if (span_skip(&rest, SPAN("0x"))) {
			if (!span_take_hex(&rest, value))
				return false;
			if (index-- == 0) {
				*marked = rest.length && rest.at[0] == '?';
				return true;
			}
			continue;
		}
		rest = span_from(rest, 1);
	}
	return false;
}

static struct crash_size size_of(struct crash_log *log, const struct crash *crash,
				 const struct crash_frame *frame, size_t row)
{
	struct crash_size size = {.from = ""};
	uint64_t value;
	bool marked;
	int high = crash->version.high ? crash->version.high : 99;
	if (high < rows[row].low || crash->version.low > rows[row].high ||
	    !find_argument(frame->arguments, rows[row].argument, &value, &marked) || !value)
		return size;
	if (rows[row].what == WHAT_GREW_PAGES &&
	    __builtin_mul_overflow(value, (uint64_t)PAGE_BYTES, &value))
		return size;
	// Marks came a version later than registers did.
	bool no_marks = crash->version.low < MARKS_SINCE && high >= REGISTERS_SINCE;
	size.bytes = known(value);
	size.uncertain = marked || no_marks;
	size.from = crash_text(log, span_of(rows[row].function));
	return size;
}

static void look(struct crash *crash, struct crash_log *log, const struct crash_group *group)
{
	for (size_t row = 0; group && row < sizeof rows / sizeof *rows; row++) {
		struct crash_size *out =
			rows[row].what == WHAT_ASKED ? &crash->asked : &crash->grew;
		for (size_t i = 0; i < group->depth && (!out->bytes.known || out->uncertain); i++) {
			if (strcmp(group->frames[i].function, rows[row].function) != 0)
				continue;
			struct crash_size size = size_of(log, crash, &group->frames[i], row);
			if (size.bytes.known && !(out->bytes.known && size.uncertain))
				*out = size;
		}
	}
}

static bool take_between(struct span note, struct span front, struct span *rest, uint64_t *value)
{
	size_t at = span_find(note, front);
	if (at == SPAN_NONE)
		return false;
	*rest = span_from(note, at + front.length);
	return span_take_u64(rest, value);
}

// "runtime: out of memory: cannot allocate 34359738368-byte block (3932160 in use)", on Windows
// also "runtime: VirtualAlloc of 34359738368 bytes failed with errno=1455"
static void look_at_note(struct crash *crash, struct span note)
{
	static const char from[] = N_("the runtime's message");
	struct span rest;
	uint64_t grew, in_use;
	if (take_between(note, SPAN("VirtualAlloc of "), &rest, &grew) &&
	    span_starts(rest, SPAN(" bytes failed")))
		crash->grew = (struct crash_size){known(grew), from, false};
	if (!take_between(note, SPAN("cannot allocate "), &rest, &grew) ||
	    !span_skip(&rest, SPAN("-byte block (")) || !span_take_u64(&rest, &in_use))
		return;
	crash->grew = (struct crash_size){known(grew), from, false};
	crash->in_use = (struct crash_size){known(in_use), from, false};
}

// What makes a buffer larger: function, and what it is in words.
static const struct {
	const char *function, *what;
} growers[] = {
	{"bytes.makeSlice", N_("a bytes.Buffer")},
	{"bytes.growSlice", N_("a bytes.Buffer")},
	{"bytes.(*Buffer).grow", N_("a bytes.Buffer")},
	{"strings.(*Builder).grow", N_("a strings.Builder")},
	{"io.ReadAll", N_("the slice of io.ReadAll")},
	{"io/ioutil.readAll", N_("the slice of ioutil.ReadAll")},
	{"runtime.concatstrings", N_("a string that others are added to")},
	{"runtime.growslice", N_("a slice that is appended to")},
	{"runtime.hashGrow", N_("a map")},
	{"internal/runtime/maps.(*Map).growToTable", N_("a map")},
	{"internal/runtime/maps.(*table).grow", N_("a map")},
};

static void find_growing(struct crash *crash)
{
	for (size_t row = 0; crash->fault && row < sizeof growers / sizeof *growers; row++)
		for (size_t i = 0; i < crash->fault->depth && !crash->growing[0]; i++)
			if (strcmp(crash->fault->frames[i].function, growers[row].function) == 0)
				crash->growing = growers[row].what;
}

void sizes_find(struct crash *crash, struct crash_log *log)
{
	crash->growing = "";
	crash->asked.from = crash->grew.from = crash->in_use.from = "";
	VEC_FOREACH (note, &crash->notes)
		look_at_note(crash, span_of(*note));
	struct crash_size stated = crash->grew;
	look(crash, log, crash->runtime);
	look(crash, log, crash->fault);
	if (stated.bytes.known)
		crash->grew = stated;
	find_growing(crash);
}
