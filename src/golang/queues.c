// SPDX-License-Identifier: Apache-2.0
// In: runtime.allfin, gcCleanups. Out: the finalizers and cleanups that wait to be run.
#include "golang/scheduler_priv.h"

enum {
	FIN_BLOCKS_MAX = 1 << 20, // of 4 KiB
	FIN_RUNNING_BIT = 2,      // fingRunningFinalizer in fingStatus
};

static struct go_count read_count(const struct go_runtime *runtime, enum go_symbol symbol)
{
	struct go_count count = {0};
	count.known = go_variable_u64(runtime, symbol, &count.value);
	return count;
}

// allfin links all blocks, with up to `room` finalizers each; finq is only those that the goroutine
// which runs them has not taken yet. The one that runs is counted.
static bool count_waiting(const struct go_runtime *runtime, uint64_t *waiting)
{
	const struct go_layout *layout = &runtime->layout;
	static const enum go_field needed[] = {GO_FIN_BLOCK_ALLLINK, GO_FIN_BLOCK_CNT,
					       GO_SIZEOF_FIN_BLOCK, GO_SIZEOF_FINALIZER};
	taddr_t block;
	if (!layout_require(layout, needed, sizeof needed / sizeof *needed, NULL) ||
	    !go_variable_u64(runtime, GO_SYMBOL_ALLFIN, &block))
		return false;
	uint32_t room = (uint32_t)(layout->offset[GO_SIZEOF_FIN_BLOCK] /
				   layout->offset[GO_SIZEOF_FINALIZER]);
	*waiting = 0;
	for (int steps = 0; block; steps++) {
		uint32_t count;
		if (steps == FIN_BLOCKS_MAX ||
		    !target_read_u32(runtime->target,
				     block + (uint64_t)layout->offset[GO_FIN_BLOCK_CNT], &count,
				     NULL) ||
		    count > room ||
		    !target_read_u64(runtime->target,
				     block + (uint64_t)layout->offset[GO_FIN_BLOCK_ALLLINK], &block,
				     NULL))
			return false;
		*waiting += count;
	}
	return true;
}

// Each is a record of its own, of one allocator.
static struct go_count count_set(const struct go_runtime *runtime)
{
	static const enum go_field needed[] = {GO_MHEAP_SPECIALFINALIZERALLOC, GO_FIXALLOC_SIZE,
					       GO_FIXALLOC_INUSE};
	const int *offset = runtime->layout.offset;
	taddr_t at;
	uint64_t size, bytes;
	if (!layout_require(&runtime->layout, needed, sizeof needed / sizeof *needed, NULL) ||
	    !go_runtime_symbol(runtime, GO_SYMBOL_MHEAP, &at, NULL))
		return (struct go_count){0};
	at += (uint64_t)offset[GO_MHEAP_SPECIALFINALIZERALLOC];
	if (!target_read_u64(runtime->target, at + (uint64_t)offset[GO_FIXALLOC_SIZE], &size,
			     NULL) ||
	    !target_read_u64(runtime->target, at + (uint64_t)offset[GO_FIXALLOC_INUSE], &bytes,
			     NULL) ||
	    !size)
		return (struct go_count){0};
	return (struct go_count){bytes / size, true};
}

void go_finalizers_read(const struct go_runtime *runtime, struct go_scheduler *scheduler)
{
	struct go_finalizers *finalizers = &scheduler->finalizers;
	uint32_t status;
	finalizers->waiting.known = count_waiting(runtime, &finalizers->waiting.value);
	if (!finalizers->waiting.known && runtime->symbols[GO_SYMBOL_ALLFIN])
		scheduler->failed++;
	finalizers->set = count_set(runtime);
	finalizers->queued = read_count(runtime, GO_SYMBOL_FINQUEUED);
	finalizers->executed = read_count(runtime, GO_SYMBOL_FINEXECUTED);
	finalizers->running_known = go_variable_u32(runtime, GO_SYMBOL_FING_STATUS, &status);
	finalizers->running = finalizers->running_known && (status & FIN_RUNNING_BIT);
}

void go_cleanups_read(const struct go_runtime *runtime, const go_addresses *processors,
		      struct go_scheduler *scheduler)
{
	const struct go_layout *layout = &runtime->layout;
	static const enum go_field needed[] = {GO_SIZEOF_CLEANUP_QUEUE, GO_P_CLEANUPS_QUEUED};
	struct go_struct queue = {0};
	if (!layout_require(layout, needed, sizeof needed / sizeof *needed, NULL) ||
	    !go_struct_read_symbol(runtime, GO_SYMBOL_GC_CLEANUPS, GO_SIZEOF_CLEANUP_QUEUE, &queue,
				   NULL))
		return;
	struct go_cleanups cleanups = {
		.known = true,
		.queued = record_u64(&queue.record, GO_CLEANUP_QUEUE_QUEUED),
		.executed = record_u64(&queue.record, GO_CLEANUP_QUEUE_EXECUTED),
		.goroutines = record_u32(&queue.record, GO_CLEANUP_QUEUE_NG),
		.running = record_u32(&queue.record, GO_CLEANUP_QUEUE_RUNNING),
		.asleep = record_u32(&queue.record, GO_CLEANUP_QUEUE_ASLEEP),
	};
	VEC_FOREACH (processor, processors) {
		uint64_t queued = 0;
		if (!target_read_u64(runtime->target,
				     *processor + (uint64_t)layout->offset[GO_P_CLEANUPS_QUEUED],
				     &queued, NULL))
			cleanups.known = false;
		cleanups.queued += queued;
	}
	scheduler->cleanups = cleanups;
	go_struct_deinit(&queue);
}
