// SPDX-License-Identifier: Apache-2.0
/*
 * What is read of pools and channels, over the recorded memory of a program that has filled some
 * (tests/targets/keeps). An input is a list of 16-byte changes to that memory:
 *
 *     how (1 byte), hops (1), word (2, little-endian), path (4 bytes), value (8)
 *
 * how & 3: a word of any page / behind the list of pools / behind that of old pools / behind the
 * channel with the largest backlog. From there, hops & 7 pointers are followed, each at the word
 * that a byte of the path names (0 behind its end). how & 4: flip the bits of value, else write it;
 * how & 8: write what another such place has, as path's bytes say.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "golang/go_lab.h"

#include "base/reader.h"
#include "golang/backlog.h"
#include "golang/pools.h"

enum { CHANGES_MAX = 64, WORDS_A_PAGE = 512, NOT_BUILT = 77 };

static struct go_lab lab;
static struct go_runtime runtime; // opened once: fuzz_runtime.c is about that
static taddr_t roots[3];          // lists of pools, a channel

static bool read_all(struct go_pools *pools, struct go_backlog *backlog)
{
	struct go_spans spans;
	target_forget(runtime.target);
	if (!go_spans_read(&runtime, &spans, NULL))
		return false;
	bool ok = go_pools_read(&runtime, &spans, pools, NULL);
	ok = go_backlog_find(&runtime, &spans, backlog, NULL) && ok;
	go_spans_deinit(&spans);
	return ok;
}

static void record(void)
{
	const char *targets = getenv("WHYOOM_TARGETS");
	char path[4096];
	struct go_pools pools;
	struct go_backlog backlog;
	snprintf(path, sizeof path, "%s/go1.26.8/keeps", targets ? targets : "build-targets");
	if (access(path, X_OK) != 0) {
		fprintf(stderr, "%s is not there: run tests/targets/build\n", path);
		exit(NOT_BUILT);
	}
	if (!targets)
		setenv("WHYOOM_TARGETS", "build-targets", 1);
	setenv("GODEBUG", "memprofilerate=0", 1);
	go_lab_start_after(&lab, "1.26.8", "keeps", "both");
	if (!go_runtime_open(go_lab_target(&lab), lab.image, &lab.info, &runtime, NULL) ||
	    !read_all(&pools, &backlog) || pools.objects < 500 || backlog.length < 500)
		abort(); // nothing to damage
	roots[0] = runtime.symbols[GO_SYMBOL_ALL_POOLS];
	roots[1] = runtime.symbols[GO_SYMBOL_OLD_POOLS];
	roots[2] = backlog.channel;
}

static uint8_t *follow(taddr_t at, unsigned int hops, const uint8_t path[4])
{
	for (unsigned int i = 0; i < hops; i++) {
		const uint8_t *pointer = go_lab_at(&lab, at + (i < 4 ? path[i] : 0) * 8UL);
		if (!pointer || pointer + 8 > lab.memory + lab.memory_bytes)
			return NULL;
		memcpy(&at, pointer, 8);
	}
	uint8_t *place = go_lab_at(&lab, at);
	return place && place + 8 <= lab.memory + lab.memory_bytes ? place : NULL;
}

static uint8_t *place_of(uint8_t how, uint8_t hops, uint16_t word, const uint8_t path[4])
{
	uint32_t page;
	memcpy(&page, path, 4);
	if ((how & 3) == 0)
		return lab.memory + lab.pages.items[page % lab.pages.count] +
		       word % WORDS_A_PAGE * 8UL;
	uint8_t *start = follow(roots[(how & 3) - 1], hops & 7, path);
	uint8_t *place = start ? start + word % WORDS_A_PAGE * 8UL : NULL;
	return place && place + 8 <= lab.memory + lab.memory_bytes ? place : NULL;
}

static void apply(struct reader *reader)
{
	uint8_t path[4];
	uint8_t how = reader_u8(reader), hops = reader_u8(reader);
	uint16_t word = reader_u16(reader);
	for (int i = 0; i < 4; i++)
		path[i] = reader_u8(reader);
	uint64_t value = reader_u64(reader), before;
	uint8_t *place = place_of(how, hops, word, path);
	if (!reader_ok(reader) || !place)
		return;
	memcpy(&before, place, 8);
	const uint8_t *other =
		how & 8 ? place_of(how >> 4 & 3, hops >> 4, (uint16_t)value, path) : NULL;
	if (other)
		memcpy(&value, other, 8);
	go_lab_change(&lab, (size_t)(place - lab.memory), how & 4 ? before ^ value : value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader reader = reader_over(data, size);
	struct go_pools pools;
	struct go_backlog backlog;
	if (!lab.memory)
		record();
	for (int i = 0; i < CHANGES_MAX && reader.offset < size; i++)
		apply(&reader);
	(void)!read_all(&pools, &backlog);
	go_lab_undo(&lab);
	return 0;
}
