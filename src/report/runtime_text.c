// SPDX-License-Identifier: Apache-2.0
// In: the runtime part of a snapshot. Out: text, the answer first and the tables after it.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/runtime.h"
#include "report/text_priv.h"

enum { CLASSES_SHOWN = 8 };

static const char *bytes_or(uint64_t bytes, const char *otherwise, struct human *text)
{
	if (bytes > INT64_MAX)
		return otherwise;
	*text = human_bytes((int64_t)bytes);
	return text->text;
}

static void write_limits(const struct go_settings *settings, struct strbuf *out)
{
	if (settings->gc_percent < 0)
		strbuf_add(out, "GOGC=off");
	else
		strbuf_addf(out, "GOGC=%d", settings->gc_percent);
	if (settings->memory_limit == INT64_MAX)
		strbuf_add(out, ", no GOMEMLIMIT");
	else
		strbuf_addf(out, ", GOMEMLIMIT=%s", human_bytes(settings->memory_limit).text);
	strbuf_addf(out, ", GOMAXPROCS=%d", settings->gomaxprocs);
}

static void write_answer(const struct snapshot *snapshot, struct report_style style,
			 struct strbuf *out)
{
	const struct go_memstats *stats = &snapshot->go.stats;
	const struct go_gc_state *gc = &snapshot->runtime.gc;
	struct runtime_oddities odd;
	struct human goal;
	text_title(out, style, "RUNTIME");
	strbuf_add_safe(out, snapshot->identity.go_version);
	strbuf_add(out, "; ");
	write_limits(&snapshot->runtime.settings, out);
	strbuf_addf(out,
		    "\n  heap        %s in use; live after the last collection %s; goal %s%s\n",
		    human_bytes((int64_t)stats->heap_alloc).text,
		    human_bytes((int64_t)stats->heap_marked).text,
		    bytes_or(gc->goal, "none", &goal), gc->limited ? ", by GOMEMLIMIT" : "");
	strbuf_addf(out, "  from the OS %s; idle %s, of it %s given back\n",
		    human_bytes((int64_t)stats->sys).text,
		    human_bytes((int64_t)stats->heap_idle).text,
		    human_bytes((int64_t)stats->heap_released).text);
	strbuf_addf(out, "  collector   %s collections, %s of the CPU\n",
		    human_count((int64_t)stats->num_gc).text,
		    human_percent(stats->gc_cpu_fraction).text);
	report_find_oddities(snapshot, &odd);
	for (size_t i = 0; i < odd.count; i++) {
		strbuf_addf(out, "  %-12s", i ? "" : "odd");
		strbuf_add_safe(out, odd.text[i]);
		strbuf_add(out, "\n");
	}
}

static void write_last_collection(const struct snapshot *snapshot, struct strbuf *out)
{
	const struct go_memstats *stats = &snapshot->go.stats;
	const struct go_gc_pauses *pauses = &snapshot->runtime.gc.pauses;
	if (!stats->num_gc) {
		strbuf_add(out, "  last        none yet\n");
		return;
	}
	int64_t ago = snapshot->quality.taken_unix_ns - stats->last_gc_unix_ns;
	strbuf_addf(out, "  last        %s, %s ago; %" PRIu64 " of them asked for\n",
		    human_time(stats->last_gc_unix_ns).text, human_duration(ago > 0 ? ago : 0).text,
		    stats->num_forced_gc);
	strbuf_addf(out, "  pauses      last %s, median %s, longest %s of %zu; %s in all\n",
		    human_duration((int64_t)pauses->last_ns).text,
		    human_duration((int64_t)pauses->median_ns).text,
		    human_duration((int64_t)pauses->max_ns).text, pauses->count,
		    human_duration((int64_t)stats->pause_total_ns).text);
}

static void write_gc(const struct snapshot *snapshot, struct report_style style, struct strbuf *out)
{
	const struct go_memstats *stats = &snapshot->go.stats;
	const struct go_gc_state *gc = &snapshot->runtime.gc;
	struct human trigger, goal;
	text_title(out, style, "COLLECTOR");
	strbuf_addf(out, "phase %s\n", go_gc_phase_name(gc->phase));
	write_last_collection(snapshot, out);
	strbuf_addf(out, "  next        starts at %s, to end at %s; counted as live now %s\n",
		    bytes_or(gc->trigger, "never", &trigger), bytes_or(gc->goal, "none", &goal),
		    human_bytes((int64_t)stats->heap_live).text);
	strbuf_addf(out, "  scans       heap %s, stacks %s, globals %s\n",
		    human_bytes((int64_t)stats->pacer.heap_scan).text,
		    human_bytes((int64_t)stats->pacer.last_stack_scan).text,
		    human_bytes((int64_t)stats->pacer.globals_scan).text);
	if (gc->cpu.known && gc->cpu.total)
		strbuf_addf(
			out,
			"  CPU         collector %s, scavenger %s, program %s, idle %s of %s, as "
			"of the last collection\n",
			human_duration(gc->cpu.gc_total).text,
			human_duration(gc->cpu.scavenge_total).text,
			human_duration(gc->cpu.user).text, human_duration(gc->cpu.idle).text,
			human_duration(gc->cpu.total).text);
	if (gc->limiter.known)
		strbuf_addf(out,
			    "  limiter     %s, filled %s of %s; last on in collection %" PRIu32
			    "\n",
			    gc->limiter.enabled ? "on" : "off",
			    human_duration((int64_t)gc->limiter.fill_ns).text,
			    human_duration((int64_t)gc->limiter.capacity_ns).text,
			    gc->limiter.last_enabled_cycle);
}

static void write_memory_row(struct strbuf *out, const char *label, uint64_t bytes,
			     const char *note)
{
	strbuf_addf(out, "  %11s  %s%s\n", human_bytes((int64_t)bytes).text, label, note);
}

static void write_memory(const struct go_memstats *stats, struct report_style style,
			 struct strbuf *out)
{
	uint64_t held = stats->heap_idle - stats->heap_released;
	text_title(out, style, "MEMORY");
	strbuf_addf(out, "%s from the OS, as runtime.MemStats has it: the sum of these\n",
		    human_bytes((int64_t)stats->sys).text);
	write_memory_row(out, "heap objects", stats->heap_alloc, "");
	write_memory_row(out, "free slots and garbage in the spans around them",
			 stats->heap_inuse - stats->heap_alloc, "");
	write_memory_row(out, "heap idle, held", held, "");
	write_memory_row(out, "heap idle, given back", stats->heap_released, " (not resident)");
	write_memory_row(out, "stacks", stats->stack_sys, "");
	write_memory_row(out, "spans' structures", stats->mspan_sys, "");
	write_memory_row(out, "processors' caches", stats->mcache_sys, "");
	write_memory_row(out, "profiling buckets", stats->buckhash_sys, "");
	write_memory_row(out, "collector", stats->gc_sys, "");
	write_memory_row(out, "other", stats->other_sys, "");
	if (stats->has_counters)
		strbuf_addf(out, "  since the start: %s in %s objects allocated, %s freed\n",
			    human_bytes((int64_t)stats->total_alloc).text,
			    human_count((int64_t)stats->mallocs).text,
			    human_count((int64_t)stats->frees).text);
}

static int by_free_bytes(const void *a, const void *b)
{
	const struct go_span_class *left = *(const struct go_span_class *const *)a,
				   *right = *(const struct go_span_class *const *)b;
	return (left->free_bytes < right->free_bytes) - (left->free_bytes > right->free_bytes);
}

static void write_class(const struct go_span_class *row, struct strbuf *out)
{
	double used = row->span_bytes ? (double)row->objects_bytes / (double)row->span_bytes : 0;
	strbuf_addf(out, "  %8s %-6s %9s %11s %12s %11s %6s %11s\n",
		    row->object_bytes ? human_bytes((int64_t)row->object_bytes).text : "large",
		    row->has_pointers ? "scan" : "noscan", human_count((int64_t)row->spans).text,
		    human_bytes((int64_t)row->span_bytes).text,
		    human_count((int64_t)row->objects).text,
		    human_bytes((int64_t)row->objects_bytes).text, human_percent(used).text,
		    human_bytes((int64_t)row->free_bytes).text);
}

static void write_classes(const struct go_span_classes *classes, bool all,
			  struct report_style style, struct strbuf *out)
{
	const struct go_span_class *rows[GO_SPAN_CLASSES];
	size_t count = 0;
	for (size_t i = 0; i < GO_SPAN_CLASSES; i++)
		if (classes->rows[i].spans)
			rows[count++] = &classes->rows[i];
	if (!all)
		qsort(rows, count, sizeof *rows, by_free_bytes);
	text_title(out, style, "SPANS");
	strbuf_addf(out, "%s in %s spans; free slots %s; behind the last slots %s%s\n",
		    human_bytes((int64_t)classes->total.span_bytes).text,
		    human_count((int64_t)classes->total.spans).text,
		    human_bytes((int64_t)classes->total.free_bytes).text,
		    human_bytes((int64_t)classes->total.tail_bytes).text,
		    all ? "" : "; size classes with most free first");
	strbuf_addf(out, "  %8s %-6s %9s %11s %12s %11s %6s %11s\n", "size", "", "spans", "bytes",
		    "objects", "in use", "", "free slots");
	for (size_t i = 0; i < count && (all || i < CLASSES_SHOWN); i++)
		write_class(rows[i], out);
	if (!all && count > CLASSES_SHOWN)
		strbuf_addf(out, "  ... %zu more size classes: --classes\n", count - CLASSES_SHOWN);
}

static void write_timers(const struct snapshot_runtime *runtime, struct strbuf *out)
{
	const struct go_timers *timers = &runtime->scheduler.timers;
	int64_t due_in = timers->next_ns - runtime->taken_monotonic_ns;
	if (!timers->known)
		return;
	strbuf_addf(out, "  timers      %s", human_count((int64_t)timers->total).text);
	if (timers->deleted)
		strbuf_addf(out, ", of them %s stopped",
			    human_count((int64_t)timers->deleted).text);
	if (timers->next_ns)
		strbuf_addf(out, "; the next in %s", human_duration(due_in > 0 ? due_in : 0).text);
	strbuf_add(out, "\n");
}

static void write_queues(const struct go_scheduler *scheduler, struct strbuf *out)
{
	const struct go_finalizers *finalizers = &scheduler->finalizers;
	const struct go_cleanups *cleanups = &scheduler->cleanups;
	strbuf_addf(out, "  run queues  %" PRIu64 " global, %" PRIu64 " at processors\n",
		    scheduler->global_run_queue, scheduler->local_run_queues);
	if (finalizers->waiting.known)
		strbuf_addf(out, "  finalizers  %" PRIu64 " wait%s\n", finalizers->waiting.value,
			    finalizers->running ? "; one runs" : "");
	if (cleanups->known)
		strbuf_addf(out,
			    "  cleanups    %" PRIu64 " wait, %" PRIu64 " done; %u goroutines for "
			    "them, %u at work\n",
			    cleanups->queued - cleanups->executed, cleanups->executed,
			    cleanups->goroutines, cleanups->running);
}

static void write_scheduler(const struct snapshot_runtime *runtime, struct report_style style,
			    struct strbuf *out)
{
	const struct go_scheduler *scheduler = &runtime->scheduler;
	const struct go_threads *threads = &scheduler->threads;
	text_title(out, style, "SCHEDULER");
	strbuf_addf(out, "%s goroutines, %" PRIu64 " threads, %zu processors\n",
		    human_count((int64_t)scheduler->goroutines.value).text, threads->total,
		    scheduler->processors.count);
	strbuf_addf(out,
		    "  threads     %" PRIu64 " run Go, %" PRIu64 " in system calls, %" PRIu64
		    " in C, %" PRIu64 " parked, %" PRIu64 " other; %" PRIu64 " locked, %" PRIu64
		    " spinning\n",
		    threads->running, threads->in_syscall, threads->in_c, threads->parked,
		    threads->other, threads->locked, threads->spinning);
	strbuf_add(out, "  processors ");
	for (int i = 0; i < GO_PROCESSOR_STATUSES; i++)
		if (scheduler->statuses[i])
			strbuf_addf(out, " %" PRIu64 " %s", scheduler->statuses[i],
				    go_processor_status_name((enum go_processor_status)i));
	strbuf_add(out, "\n");
	write_queues(scheduler, out);
	write_timers(runtime, out);
}

static void write_settings(const struct go_settings *settings, struct report_style style,
			   struct strbuf *out)
{
	const struct {
		const char *name;
		const struct go_environment_value *value;
	} rows[] = {{"GOGC", &settings->gogc},
		    {"GOMEMLIMIT", &settings->gomemlimit},
		    {"GOMAXPROCS", &settings->gomaxprocs_variable},
		    {"GODEBUG", &settings->godebug}};
	text_title(out, style, "SETTINGS");
	write_limits(settings, out);
	strbuf_add(out, ", as in force\n");
	if (!settings->mem_profile_linked)
		strbuf_add(out, "  profiles    no heap profile is linked into this program\n");
	else
		strbuf_addf(out, "  profiles    heap: one sample each %s; block: %s; mutex: %s\n",
			    human_bytes(settings->mem_profile_rate).text,
			    settings->block_profile_rate > 0 ? "on" : "off",
			    settings->mutex_profile_rate > 0 ? "on" : "off");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!rows[i].value->set)
			continue;
		strbuf_addf(out, "  environment %s=", rows[i].name);
		strbuf_add_safe(out, rows[i].value->text);
		strbuf_add(out, rows[i].value->differs ? "  (not what is in force)\n" : "\n");
	}
}

static void write_metrics(const struct go_metrics *metrics, struct report_style style,
			  struct strbuf *out)
{
	text_title(out, style, "METRICS");
	strbuf_add(out, "as runtime/metrics has them: caches of the processors not flushed\n");
	for (size_t i = 0; i < metrics->count; i++) {
		const struct go_metric *metric = &metrics->rows[i];
		if (metric->is_seconds)
			strbuf_addf(out, "  %20.6f  %s\n", metric->seconds, metric->name);
		else if (metric->value > INT64_MAX)
			strbuf_addf(out, "  %20s  %s\n", "off", metric->name);
		else
			strbuf_addf(out, "  %20s  %s\n", human_count((int64_t)metric->value).text,
				    metric->name);
	}
}

void report_write_runtime(const struct snapshot *snapshot, struct runtime_report_options options,
			  struct report_style style, struct strbuf *out)
{
	const struct snapshot_runtime *runtime = &snapshot->runtime;
	struct report report = {.snapshot = snapshot};
	write_answer(snapshot, style, out);
	write_memory(&snapshot->go.stats, style, out);
	write_gc(snapshot, style, out);
	write_classes(&runtime->classes, options.classes, style, out);
	write_scheduler(runtime, style, out);
	write_settings(&runtime->settings, style, out);
	write_metrics(&runtime->metrics, style, out);
	text_write_quality(&report, style, out);
}
