// SPDX-License-Identifier: Apache-2.0
/*
 * The whole reading of a Go runtime, over the recorded memory of a real program
 * (tests/targets/allocs at rest). An input is a list of 16-byte changes to that memory:
 *
 *     how (1 byte), which (1), word (2, little-endian), page (4), value (8)
 *
 * how & 3: a word of any page / a word behind a runtime's variable / a word behind what that
 * variable points to / of what the next level points to. how & 4: flip the bits of value, else
 * write it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "golang/go_lab.h"

#include "base/reader.h"
#include "golang/buckets.h"
#include "golang/goroutines.h"
#include "golang/metrics.h"
#include "golang/reach.h"
#include "golang/settings.h"
#include "golang/span_classes.h"
#include "golang/verify.h"
#include "snapshot/heap_profile.h"

enum { CHANGES_MAX = 64, WORDS_A_PAGE = 512, NOT_BUILT = 77 };

static struct go_lab lab;
static taddr_t symbols[GO_SYMBOL_COUNT];

static void record(void)
{
	const char *targets = getenv("WHYOOM_TARGETS");
	char path[4096];
	struct go_runtime runtime;
	struct error failure;
	snprintf(path, sizeof path, "%s/go1.26.8/allocs", targets ? targets : "build-targets");
	if (access(path, X_OK) != 0) {
		fprintf(stderr, "%s is not there: run tests/targets/build\n", path);
		exit(NOT_BUILT);
	}
	if (!targets)
		setenv("WHYOOM_TARGETS", "build-targets", 1);
	setenv("GODEBUG", "memprofilerate=65536", 1); // fewer buckets, more runs
	go_lab_start(&lab, "1.26.8", "allocs");
	struct target *target = go_lab_target(&lab);
	if (!go_runtime_open(target, lab.image, &lab.info, &runtime, &failure)) {
		fprintf(stderr, "%s: %s\n", path, failure.message);
		abort();
	}
	memcpy(symbols, runtime.symbols, sizeof symbols);
	go_runtime_deinit(&runtime);
	target_free(target);
}

static uint8_t *place_of(unsigned int how, unsigned int which, uint16_t word, uint32_t page)
{
	if ((how & 3) == 0)
		return lab.memory + lab.pages.items[page % lab.pages.count] +
		       word % WORDS_A_PAGE * 8;
	taddr_t at = symbols[which % GO_SYMBOL_COUNT];
	for (unsigned int level = 1; level < (how & 3); level++) {
		const uint8_t *pointer = go_lab_at(&lab, at);
		if (!pointer)
			return NULL;
		memcpy(&at, pointer, 8);
	}
	uint8_t *place = go_lab_at(&lab, at + (uint64_t)word * 8);
	return place && place + 8 <= lab.memory + lab.memory_bytes ? place : NULL;
}

static void apply(struct reader *reader)
{
	uint8_t how = reader_u8(reader), which = reader_u8(reader);
	uint16_t word = reader_u16(reader);
	uint32_t page = reader_u32(reader);
	uint64_t value = reader_u64(reader), before;
	uint8_t *place = place_of(how, which, word, page);
	if (!reader_ok(reader) || !place)
		return;
	memcpy(&before, place, 8);
	go_lab_change(&lab, (size_t)(place - lab.memory), how & 4 ? before ^ value : value);
}

static void read_profile(const struct go_runtime *runtime)
{
	struct go_buckets buckets;
	struct profile *profile = NULL;
	if (!go_buckets_read(runtime, &buckets, NULL))
		return;
	struct heap_profile_source source = {.buckets = &buckets,
					     .functab = runtime->functab,
					     .default_sample_type = HEAP_INUSE_SPACE,
					     .executable = {.file = "", .build_id = ""}};
	if (heap_profile_build(&source, &profile, NULL))
		profile_free(profile);
	go_buckets_deinit(&buckets);
}

static void read_statistics(const struct go_runtime *runtime)
{
	struct go_memstats stats;
	struct go_spans spans;
	struct go_scheduler scheduler;
	struct go_gc_state gc;
	struct go_settings settings;
	struct go_metrics metrics;
	struct go_span_classes classes;
	if (go_scheduler_read(runtime, &scheduler, NULL))
		go_scheduler_deinit(&scheduler);
	if (!go_spans_read(runtime, &spans, NULL))
		return;
	go_span_classes_sum(&spans, &classes);
	if (go_memstats_read(runtime, &spans, &stats, NULL)) {
		go_gc_state_read(runtime, &stats, &gc);
		go_settings_read(runtime, &stats, &settings);
		go_metrics_compute(runtime, &stats, &gc, NULL, &metrics);
	}
	go_spans_deinit(&spans);
}

static void read_goroutines(const struct go_runtime *runtime)
{
	struct go_goroutines goroutines;
	struct go_blocks blocks;
	struct go_spans spans;
	struct go_reach reach;
	if (!go_goroutines_read(runtime, &goroutines, NULL))
		return;
	if (go_blocks_read(runtime, &goroutines, &blocks, NULL)) {
		if (go_spans_read(runtime, &spans, NULL)) {
			if (go_reach_find(runtime, &goroutines, &blocks, &spans, &reach, NULL))
				go_reach_deinit(&reach);
			go_spans_deinit(&spans);
		}
		go_blocks_deinit(&blocks);
	}
	go_goroutines_deinit(&goroutines);
}

static void read_all(const struct go_runtime *runtime)
{
	read_profile(runtime);
	read_statistics(runtime);
	read_goroutines(runtime);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader reader = reader_over(data, size);
	struct go_runtime runtime;
	if (!lab.memory)
		record();
	for (int i = 0; i < CHANGES_MAX && reader.offset < size; i++)
		apply(&reader);
	struct target *target = go_lab_target(&lab);
	if (go_runtime_open(target, lab.image, &lab.info, &runtime, NULL)) {
		read_all(&runtime);
		go_runtime_deinit(&runtime);
	}
	target_free(target);
	go_lab_undo(&lab);
	return 0;
}
