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
		strbuf_add(out, _("GOGC=off"));
	else
		strbuf_addf(out, _("GOGC=%d"), settings->gc_percent);
	if (settings->memory_limit == INT64_MAX)
		strbuf_add(out, _(", no GOMEMLIMIT"));
	else
		strbuf_addf(out, _(", GOMEMLIMIT=%s"), human_bytes(settings->memory_limit).text);
	strbuf_addf(out, _(", GOMAXPROCS=%d"), settings->gomaxprocs);
}

static void write_answer(const struct snapshot *snapshot, struct report_style style,
			 struct strbuf *out)
{
	const struct go_memstats *stats = &snapshot->go.stats;
	const struct go_gc_state *gc = &snapshot->runtime.gc;
	struct runtime_oddities odd;
	struct human goal;
	text_title(out, style, _("RUNTIME"));
	strbuf_add_safe(out, snapshot->identity.go_version);
	strbuf_add(out, _("; "));
	write_limits(&snapshot->runtime.settings, out);
	strbuf_addf(out,
		    _("\n  heap        %s in use; live after the last collection %s; goal %s%s\n"),
		    human_bytes((int64_t)stats->heap_alloc).text,
		    human_bytes((int64_t)stats->heap_marked).text,
		    bytes_or(gc->goal, _("none"), &goal), gc->limited ? _(", by GOMEMLIMIT") : "");
	strbuf_addf(out, _("  from the OS %s; idle %s, of it %s given back\n"),
		    human_bytes((int64_t)stats->sys).text,
		    human_bytes((int64_t)stats->heap_idle).text,
		    human_bytes((int64_t)stats->heap_released).text);
	strbuf_addf(out, _("  collector   %s collections, %s of the CPU\n"),
		    human_count((int64_t)stats->num_gc).text,
		    human_percent(stats->gc_cpu_fraction).text);
	report_find_oddities(snapshot, &odd);
	for (size_t i = 0; i < odd.count; i++) {
		text_label(out, i ? "" : _("odd"));
		strbuf_add_safe(out, odd.text[i]);
		strbuf_add(out, "\n");
	}
}

static void write_last_collection(const struct snapshot *snapshot, struct strbuf *out)
{
	const struct go_memstats *stats = &snapshot->go.stats;
	const struct go_gc_pauses *pauses = &snapshot->runtime.gc.pauses;
	if (!stats->num_gc) {
		strbuf_add(out, _("  last        none yet\n"));
		return;
	}
	int64_t ago = snapshot->quality.taken_unix_ns - stats->last_gc_unix_ns;
	strbuf_addf(out, _("  last        %s, %s ago; %llu of them asked for\n"),
		    human_time(stats->last_gc_unix_ns).text, human_duration(ago > 0 ? ago : 0).text,
		    (unsigned long long)stats->num_forced_gc);
	strbuf_addf(out, _("  pauses      last %s, median %s, longest %s of %zu; %s in all\n"),
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
	text_title(out, style, _("COLLECTOR"));
	strbuf_addf(out, _("phase %s\n"), go_gc_phase_name(gc->phase));
	write_last_collection(snapshot, out);
	strbuf_addf(out, _("  next        starts at %s, to end at %s; counted as live now %s\n"),
		    bytes_or(gc->trigger, _("never"), &trigger),
		    bytes_or(gc->goal, _("none"), &goal),
		    human_bytes((int64_t)stats->heap_live).text);
	strbuf_addf(out, _("  scans       heap %s, stacks %s, globals %s\n"),
		    human_bytes((int64_t)stats->pacer.heap_scan).text,
		    human_bytes((int64_t)stats->pacer.last_stack_scan).text,
		    human_bytes((int64_t)stats->pacer.globals_scan).text);
	if (gc->cpu.known && gc->cpu.total)
		strbuf_addf(
			out,
			_("  CPU         collector %s, scavenger %s, program %s, idle %s of %s, as "
			  "of the last collection\n"),
			human_duration(gc->cpu.gc_total).text,
			human_duration(gc->cpu.scavenge_total).text,
			human_duration(gc->cpu.user).text, human_duration(gc->cpu.idle).text,
			human_duration(gc->cpu.total).text);
	if (gc->limiter.known)
		strbuf_addf(out,
			    _("  limiter     %s, filled %s of %s; last on in collection %llu\n"),
			    gc->limiter.enabled ? _("on") : _("off"),
			    human_duration((int64_t)gc->limiter.fill_ns).text,
			    human_duration((int64_t)gc->limiter.capacity_ns).text,
			    (unsigned long long)gc->limiter.last_enabled_cycle);
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
	text_title(out, style, _("MEMORY"));
	strbuf_addf(out, _("%s from the OS, as runtime.MemStats has it: the sum of these\n"),
		    human_bytes((int64_t)stats->sys).text);
	write_memory_row(out, _("heap objects"), stats->heap_alloc, "");
	write_memory_row(out, _("free slots and garbage in the spans around them"),
			 stats->heap_inuse - stats->heap_alloc, "");
	write_memory_row(out, _("heap idle, held"), held, "");
	write_memory_row(out, _("heap idle, given back"), stats->heap_released,
			 _(" (not resident)"));
	write_memory_row(out, _("stacks"), stats->stack_sys, "");
	write_memory_row(out, _("spans' structures"), stats->mspan_sys, "");
	write_memory_row(out, _("processors' caches"), stats->mcache_sys, "");
	write_memory_row(out, _("profiling buckets"), stats->buckhash_sys, "");
	write_memory_row(out, _("collector"), stats->gc_sys, "");
	write_memory_row(out, _("other"), stats->other_sys, "");
	if (stats->has_counters)
		strbuf_addf(out, _("  since the start: %s in %s objects allocated, %s freed\n"),
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
	strbuf_add(out, "  ");
	text_pad_left(out,
		      row->object_bytes ? human_bytes((int64_t)row->object_bytes).text : _("large"),
		      8);
	strbuf_addf(out, " %-6s %9s %11s %12s %11s %6s %11s\n",
		    row->has_pointers ? "scan" : "noscan", human_count((int64_t)row->spans).text,
		    human_bytes((int64_t)row->span_bytes).text,
		    human_count((int64_t)row->objects).text,
		    human_bytes((int64_t)row->objects_bytes).text, human_percent(used).text,
		    human_bytes((int64_t)row->free_bytes).text);
}

static void write_class_heads(struct strbuf *out)
{
	text_pad_left(out, _("size"), 10);
	text_pad_left(out, _("spans"), 17);
	text_pad_left(out, _("bytes"), 12);
	text_pad_left(out, _("objects"), 13);
	text_pad_left(out, _("in use"), 12);
	text_pad_left(out, _("free slots"), 19);
	strbuf_add(out, "\n");
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
	text_title(out, style, _("SPANS"));
	strbuf_addf(out, _("%s in %s spans; free slots %s; behind the last slots %s%s\n"),
		    human_bytes((int64_t)classes->total.span_bytes).text,
		    human_count((int64_t)classes->total.spans).text,
		    human_bytes((int64_t)classes->total.free_bytes).text,
		    human_bytes((int64_t)classes->total.tail_bytes).text,
		    all ? "" : _("; size classes with most free first"));
	write_class_heads(out);
	for (size_t i = 0; i < count && (all || i < CLASSES_SHOWN); i++)
		write_class(rows[i], out);
	if (!all && count > CLASSES_SHOWN)
		strbuf_addf(out, _("  ... %zu more size classes: --classes\n"),
			    count - CLASSES_SHOWN);
}

static void write_timers(const struct snapshot_runtime *runtime, struct strbuf *out)
{
	const struct go_timers *timers = &runtime->scheduler.timers;
	int64_t due_in = timers->next_ns - runtime->taken_monotonic_ns;
	if (!timers->known)
		return;
	strbuf_addf(out, _("  timers      %s"), human_count((int64_t)timers->total).text);
	if (timers->deleted)
		strbuf_addf(out, _(", of them %s stopped"),
			    human_count((int64_t)timers->deleted).text);
	if (timers->next_ns)
		strbuf_addf(out, _("; the next in %s"),
			    human_duration(due_in > 0 ? due_in : 0).text);
	strbuf_add(out, "\n");
}

static void write_queues(const struct go_scheduler *scheduler, struct strbuf *out)
{
	const struct go_finalizers *finalizers = &scheduler->finalizers;
	const struct go_cleanups *cleanups = &scheduler->cleanups;
	strbuf_addf(out, _("  run queues  %llu global, %llu at processors\n"),
		    (unsigned long long)scheduler->global_run_queue,
		    (unsigned long long)scheduler->local_run_queues);
	if (finalizers->waiting.known)
		strbuf_addf(out, _("  finalizers  %llu wait%s\n"),
			    (unsigned long long)finalizers->waiting.value,
			    finalizers->running ? _("; one runs") : "");
	if (cleanups->known)
		strbuf_addf(
			out,
			_("  cleanups    %llu wait, %llu done; %u goroutines for them, %u at work\n"),
			(unsigned long long)(cleanups->queued - cleanups->executed),
			(unsigned long long)cleanups->executed, cleanups->goroutines,
			cleanups->running);
}

static void write_scheduler(const struct snapshot_runtime *runtime, struct report_style style,
			    struct strbuf *out)
{
	const struct go_scheduler *scheduler = &runtime->scheduler;
	const struct go_threads *threads = &scheduler->threads;
	text_title(out, style, _("SCHEDULER"));
	strbuf_addf(out, _("%s goroutines, %llu threads, %zu processors\n"),
		    human_count((int64_t)scheduler->goroutines.value).text,
		    (unsigned long long)threads->total, scheduler->processors.count);
	strbuf_addf(
		out,
		_("  threads     %llu run Go, %llu in system calls, %llu in C, %llu parked, %llu other; %llu locked, %llu spinning\n"),
		(unsigned long long)threads->running, (unsigned long long)threads->in_syscall,
		(unsigned long long)threads->in_c, (unsigned long long)threads->parked,
		(unsigned long long)threads->other, (unsigned long long)threads->locked,
		(unsigned long long)threads->spinning);
	strbuf_add(out, _("  processors "));
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
	text_title(out, style, _("SETTINGS"));
	write_limits(settings, out);
	strbuf_add(out, _(", as in force\n"));
	if (!settings->mem_profile_linked)
		strbuf_add(out, _("  profiles    no heap profile is linked into this program\n"));
	else
		strbuf_addf(out,
			    _("  profiles    heap: one sample each %s; block: %s; mutex: %s\n"),
			    human_bytes(settings->mem_profile_rate).text,
			    settings->block_profile_rate > 0 ? _("on") : _("off"),
			    settings->mutex_profile_rate > 0 ? _("on") : _("off"));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!rows[i].value->set)
			continue;
		strbuf_addf(out, _("  environment %s="), rows[i].name);
		strbuf_add_safe(out, rows[i].value->text);
		strbuf_add(out, rows[i].value->differs ? _("  (not what is in force)\n") : "\n");
	}
}

static void write_metrics(const struct go_metrics *metrics, struct report_style style,
			  struct strbuf *out)
{
	text_title(out, style, _("METRICS"));
	strbuf_add(out, _("as runtime/metrics has them: caches of the processors not flushed\n"));
	for (size_t i = 0; i < metrics->count; i++) {
		const struct go_metric *metric = &metrics->rows[i];
		if (metric->is_seconds)
			strbuf_addf(out, "  %20.6f  %s\n", metric->seconds, metric->name);
		else if (metric->value > INT64_MAX)
			strbuf_addf(out, "  %20s  %s\n", _("off"), metric->name);
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
