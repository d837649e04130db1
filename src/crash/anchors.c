// SPDX-License-Identifier: Apache-2.0
// In: bytes of a log. Out: where the next crash may begin.
//
// Sixteen bytes at a time: for each place two bytes of each anchor are compared, at distances where
// together they are rare in ordinary text; what passes is compared in full.
#include "crash/anchors.h"

#include <endian.h>

typedef unsigned char block __attribute__((vector_size(16)));
typedef long long halves __attribute__((vector_size(16)));

// `second` bytes behind its start, an anchor has `b`; at its start `a`.
#define ANCHORS(ROW)                                  \
	ROW('g', 't', 5, "goroutine ", 10)            \
	ROW('f', 'l', 4, "fatal error: ", 13)         \
	ROW('p', 'c', 4, "panic: ", 7)                \
	ROW('p', 'c', 4, "panic serving ", 14)        \
	ROW('r', ':', 7, "runtime: ", 9)              \
	ROW('r', 'k', 12, "runtime stack:", 14)       \
	ROW('D', 'R', 5, "DATA RACE", 9)              \
	ROW('o', '-', 3, "oom-kill", 8)               \
	ROW('i', 'k', 12, "invoked oom-kill", 16)     \
	ROW('O', 'm', 7, "Out of memory: Killed", 21) \
	ROW('o', 'm', 7, "out of memory: Killed", 21) \
	ROW('S', 'G', 2, "SIG", 3)                    \
	ROW('E', 'x', 11, "Exception 0x", 12)         \
	ROW('[', 'n', 4, "[signal ", 8)               \
	ROW('u', 'f', 11, "unexpected fault ", 17)    \
	ROW('c', 'b', 8, "created by ", 11)           \
	ROW('M', '[', 9, "MESSAGE\":[", 10)           \
	ROW('.', ':', 3, ".go:", 4)

enum { FARTHEST = 12, BLOCK_BYTES = 16 };

static block load(const char *at)
{
	block value;
	memcpy(&value, at, sizeof value);
	return value;
}

// "SIG" and ".go:" are in many a log; more has to follow.
static bool is_whole(struct span rest)
{
	if (span_skip(&rest, SPAN("SIG"))) {
		size_t i = 0;
		while (i < rest.length && rest.at[i] >= 'A' && rest.at[i] <= 'Z')
			i++;
		return i >= 3 && span_starts(span_from(rest, i), SPAN(": "));
	}
	if (span_skip(&rest, SPAN(".go:"))) {
		uint64_t line;
		return span_take_u64(&rest, &line) && span_starts(rest, SPAN(" +0x"));
	}
	return true;
}

static bool matches(struct span rest)
{
#define ROW(a, b, second, literal, size)                                            \
	if (rest.length >= (size) && rest.at[0] == (a) && rest.at[second] == (b) && \
	    memcmp(rest.at, literal, size) == 0)                                    \
		return is_whole(rest);
	ANCHORS(ROW)
#undef ROW
	return false;
}

static block candidates(const char *at)
{
	block here = load(at), found = {0};
#define ROW(a, b, second, literal, size) \
	found |= (block)((here == (a)) & (load(at + (second)) == (b)));
	ANCHORS(ROW)
#undef ROW
	return found;
}

// The first whole anchor at one of the marked bytes of eight; 8: there is none.
static size_t check_half(struct span text, size_t at, uint64_t half)
{
	while (half) {
		size_t j = (size_t)__builtin_ctzll(half) / 8;
		if (matches(span_from(text, at + j)))
			return j;
		half &= ~((uint64_t)0xff << j * 8);
	}
	return 8;
}

size_t crash_find_anchor(struct span text)
{
	size_t i = 0;
	for (; i + BLOCK_BYTES + FARTHEST <= text.length; i += BLOCK_BYTES) {
		halves found = (halves)candidates(text.at + i);
		if (!(found[0] | found[1]))
			continue;
		for (int half = 0; half < 2; half++) {
			size_t at = i + (size_t)half * 8;
			size_t j = check_half(text, at, le64toh((uint64_t)found[half]));
			if (j < 8)
				return at + j;
		}
	}
	for (; i < text.length; i++)
		if (matches(span_from(text, i)))
			return i;
	return SPAN_NONE;
}
