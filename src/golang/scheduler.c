// SPDX-License-Identifier: Apache-2.0
// In: runtime.sched, allp. Out: the processors, their queues and timers.
#include "golang/scheduler_priv.h"

enum { RUN_QUEUE_MAX = 256 + 1 /* runnext */, TIMERS_MAX = 1 << 28 };

const char *go_processor_status_name(enum go_processor_status status)
{
	static const char *const names[] = {"idle", "running", "syscall", "gcstop", "dead", "?"};
	return names[status < GO_PROCESSOR_STATUSES ? status : GO_PROCESSOR_STATUSES];
}

void go_scheduler_deinit(struct go_scheduler *scheduler)
{
	vec_deinit(&scheduler->processors);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a && b ? (a < b ? a : b) : (a ? a : b);
}

static void fill_timers(const struct go_record *record, struct go_processor *processor)
{
	const struct go_layout *layout = record->layout;
	enum go_field count = GO_P_NUM_TIMERS, deleted = GO_P_DELETED_TIMERS;
	enum go_field when = GO_P_TIMER0_WHEN, modified = GO_P_TIMER_MODIFIED_EARLIEST;
	struct go_record timers = *record;
	if (layout_has(layout, GO_SIZEOF_TIMERS)) { // Go 1.23 and later: a structure of their own
		timers = record_at(record, (size_t)layout->offset[GO_P_TIMERS],
				   (size_t)layout->offset[GO_SIZEOF_TIMERS]);
		count = GO_TIMERS_LEN;
		deleted = GO_TIMERS_ZOMBIES;
		when = GO_TIMERS_MIN_WHEN_HEAP;
		modified = GO_TIMERS_MIN_WHEN_MODIFIED;
	}
	processor->timers = record_u32(&timers, count);
	processor->deleted_timers = record_u32(&timers, deleted);
	if (processor->timers)
		processor->next_timer_ns = earlier((int64_t)record_u64(&timers, when),
						   (int64_t)record_u64(&timers, modified));
}

static bool fill_processor(const struct go_record *record, struct go_processor *processor)
{
	uint32_t status = record_u32(record, GO_P_STATUS);
	uint32_t queue = record_u32(record, GO_P_RUNQTAIL) - record_u32(record, GO_P_RUNQHEAD);
	*processor = (struct go_processor){
		.id = (int32_t)record_u32(record, GO_P_ID),
		.status = status,
		.run_queue = queue + (record_u64(record, GO_P_RUNNEXT) != 0),
	};
	fill_timers(record, processor);
	return status < GO_PROCESSOR_STATUSES && processor->run_queue <= RUN_QUEUE_MAX &&
	       processor->timers <= TIMERS_MAX && processor->deleted_timers <= processor->timers;
}

static void add_processor(struct go_scheduler *scheduler, const struct go_processor *processor)
{
	struct go_timers *timers = &scheduler->timers;
	vec_push(&scheduler->processors, *processor);
	scheduler->statuses[processor->status]++;
	scheduler->local_run_queues += processor->run_queue;
	timers->total += processor->timers;
	timers->deleted += processor->deleted_timers;
	timers->next_ns = earlier(timers->next_ns, processor->next_timer_ns);
}

// What gcount subtracts: goroutines that have ended and wait for reuse.
static uint64_t read_processors(const struct go_runtime *runtime, const go_addresses *addresses,
				struct go_scheduler *scheduler)
{
	uint64_t reusable = 0;
	VEC_FOREACH (address, addresses) {
		struct go_struct structure = {0};
		struct go_processor processor;
		if (!go_struct_read(runtime, *address, GO_SIZEOF_P, &structure, NULL)) {
			scheduler->failed++;
			continue;
		}
		if (fill_processor(&structure.record, &processor))
			add_processor(scheduler, &processor);
		else
			scheduler->failed++;
		reusable += record_u32(&structure.record, GO_P_GFREE_COUNT);
		go_struct_deinit(&structure);
	}
	scheduler->timers.known = layout_has(&runtime->layout, GO_SIZEOF_TIMERS) ||
				  layout_has(&runtime->layout, GO_P_NUM_TIMERS);
	return reusable;
}

static void count_goroutines(const struct go_runtime *runtime, const struct go_record *sched,
			     uint64_t reusable, struct go_scheduler *scheduler)
{
	uint64_t all;
	if (!go_variable_u64(runtime, GO_SYMBOL_ALLGLEN, &all))
		return;
	reusable += record_u32(sched, GO_SCHEDT_GFREE_COUNT) +
		    record_u32(sched, GO_SCHEDT_GFREE_STACK_COUNT) +
		    record_u32(sched, GO_SCHEDT_GFREE_NO_STACK_COUNT);
	uint64_t system = record_u32(sched, GO_SCHEDT_NGSYS);
	if (reusable + system > all) {
		scheduler->failed++;
		return;
	}
	scheduler->goroutines_with_system = (struct go_count){all - reusable, true};
	scheduler->goroutines = (struct go_count){all - reusable - system, true};
}

static void fill_sched(const struct go_record *sched, struct go_scheduler *scheduler)
{
	struct go_threads *threads = &scheduler->threads;
	scheduler->global_run_queue = record_u32(sched, GO_SCHEDT_RUNQ_COUNT);
	threads->idle = (struct go_count){record_u32(sched, GO_SCHEDT_NMIDLE), true};
	threads->created = (struct go_count){record_u64(sched, GO_SCHEDT_MNEXT), true};
	threads->ended = (struct go_count){record_u64(sched, GO_SCHEDT_NMFREED), true};
}

bool go_scheduler_read(const struct go_runtime *runtime, struct go_scheduler *out,
		       struct error *error)
{
	static const enum go_field needed[] = {GO_SIZEOF_P, GO_SIZEOF_M, GO_SCHEDT_RUNQ_COUNT};
	struct go_struct sched = {0};
	struct go_scheduler scheduler = {0};
	go_addresses processors = {0};
	bool ok =
		layout_require(&runtime->layout, needed, sizeof needed / sizeof *needed, error) &&
		go_struct_read_symbol(runtime, GO_SYMBOL_SCHED, GO_SIZEOF_SCHEDT, &sched, error) &&
		go_processors_find(runtime, &processors, error);
	if (ok) {
		fill_sched(&sched.record, &scheduler);
		uint64_t reusable = read_processors(runtime, &processors, &scheduler);
		count_goroutines(runtime, &sched.record, reusable, &scheduler);
		go_threads_read(runtime, &scheduler);
		go_finalizers_read(runtime, &scheduler);
		go_cleanups_read(runtime, &processors, &scheduler);
		*out = scheduler;
	}
	vec_deinit(&processors);
	go_struct_deinit(&sched);
	return ok || error_wrap(error, "scheduler");
}
