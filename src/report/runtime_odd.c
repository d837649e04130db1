// SPDX-License-Identifier: Apache-2.0
// In: the runtime part of a snapshot. Out: sentences about what is out of the ordinary in it.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/i18n.h"
#include "base/units.h"
#include "report/runtime.h"

// From where on a number is worth a sentence: rough, and none of them alone explains a kill.
enum {
	GC_SHARE_PERCENT = 25,        // of the CPU: the limiter steps in at 50
	LIMITER_CYCLES = 10,          // the limiter was at work that few collections ago
	FREE_SLOTS_PERCENT = 30,      // of the spans in use
	HELD_PERCENT = 50,            // idle but not released, of the heap in use
	LARGE_ENOUGH = 64 << 20,      // bytes below which waste is no matter
	QUEUE_LONG = 1000,            // finalizers or cleanups that wait
	RUN_QUEUE_PER_PROCESSOR = 50, // goroutines that wait for each processor
};

__attribute__((format(printf, 2, 3))) static void say(struct runtime_oddities *odd,
						      const char *format, ...)
{
	if (odd->count == RUNTIME_ODDITIES_MAX)
		return;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(odd->text[odd->count++], RUNTIME_ODDITY_BYTES, format, arguments);
	va_end(arguments);
}

static void find_in_limits(const struct go_settings *settings, const struct go_gc_state *gc,
			   const struct go_memstats *stats, struct runtime_oddities *odd)
{
	if (settings->gc_percent < 0 && settings->memory_limit == INT64_MAX)
		say(odd, _("GOGC=off and no GOMEMLIMIT: nothing starts a collection"));
	if (gc->limited && stats->heap_live >= gc->goal)
		say(odd,
		    _("GOMEMLIMIT sets the goal and the heap is at it: collections run back to "
		      "back"));
	else if (gc->limited)
		say(odd, _("GOMEMLIMIT sets the heap goal, below what GOGC would give"));
	if (gc->limiter.known && gc->limiter.enabled)
		say(odd, _("the CPU limiter is on: the heap may grow past GOMEMLIMIT"));
	else if (gc->limiter.known && gc->limiter.last_enabled_cycle &&
		 stats->num_gc < gc->limiter.last_enabled_cycle + (uint64_t)LIMITER_CYCLES)
		say(odd, _("the CPU limiter was on in collection %llu"),
		    (unsigned long long)gc->limiter.last_enabled_cycle);
	if (stats->gc_cpu_fraction * 100 >= GC_SHARE_PERCENT)
		say(odd, _("the collector takes %s of the CPU"),
		    human_percent(stats->gc_cpu_fraction).text);
}

static void find_in_environment(const struct go_settings *settings, struct runtime_oddities *odd)
{
	const struct {
		const char *name;
		const struct go_environment_value *value;
	} rows[] = {{"GOGC", &settings->gogc},
		    {"GOMEMLIMIT", &settings->gomemlimit},
		    {"GOMAXPROCS", &settings->gomaxprocs_variable}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!rows[i].value->known || !rows[i].value->differs)
			continue;
		if (rows[i].value->set)
			say(odd, _("%s=%.64s in the environment is not what is in force"),
			    rows[i].name, rows[i].value->text);
		else
			say(odd, _("the program itself set %s"), rows[i].name);
	}
}

static void find_in_heap(const struct go_span_classes *classes, const struct go_memstats *stats,
			 struct runtime_oddities *odd)
{
	const struct go_span_class *total = &classes->total;
	uint64_t held = stats->heap_idle - stats->heap_released;
	if (total->free_bytes >= LARGE_ENOUGH &&
	    total->free_bytes / FREE_SLOTS_PERCENT >= total->span_bytes / 100)
		say(odd, _("%s of free slots inside spans that are in use: fragmentation"),
		    human_bytes((int64_t)total->free_bytes).text);
	if (held >= LARGE_ENOUGH && held / HELD_PERCENT >= stats->heap_inuse / 100)
		say(odd, _("%s of the heap are idle and not given back to the kernel"),
		    human_bytes((int64_t)held).text);
}

static void find_in_queues(const struct go_scheduler *scheduler, struct runtime_oddities *odd)
{
	const struct go_cleanups *cleanups = &scheduler->cleanups;
	uint64_t runnable = scheduler->global_run_queue + scheduler->local_run_queues;
	if (scheduler->finalizers.waiting.known &&
	    scheduler->finalizers.waiting.value >= QUEUE_LONG)
		say(odd, _("%llu finalizers wait: their objects cannot be freed"),
		    (unsigned long long)scheduler->finalizers.waiting.value);
	if (cleanups->known && cleanups->queued >= cleanups->executed + QUEUE_LONG)
		say(odd, _("%llu cleanups wait to be run"),
		    (unsigned long long)(cleanups->queued - cleanups->executed));
	if (runnable > (uint64_t)RUN_QUEUE_PER_PROCESSOR * scheduler->processors.count)
		say(odd, _("%llu goroutines wait for a processor"), (unsigned long long)runnable);
}

void report_find_oddities(const struct snapshot *snapshot, struct runtime_oddities *out)
{
	const struct snapshot_runtime *runtime = &snapshot->runtime;
	const struct go_memstats *stats = &snapshot->go.stats;
	out->count = 0;
	find_in_limits(&runtime->settings, &runtime->gc, stats, out);
	find_in_heap(&runtime->classes, stats, out);
	find_in_queues(&runtime->scheduler, out);
	find_in_environment(&runtime->settings, out);
	if (!stats->consistent)
		say(out, _("the heap changed while it was read: numbers may not fit together"));
	if (runtime->scheduler.failed || stats->held.failed)
		say(out, _("%llu structures of the runtime could not be read"),
		    (unsigned long long)(runtime->scheduler.failed + stats->held.failed));
}
