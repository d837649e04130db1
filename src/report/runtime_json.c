// SPDX-License-Identifier: Apache-2.0
// In: the runtime part of a snapshot. Out: JSON. Field names are an interface: add, never rename.
#include "report/runtime.h"
#include "report/json_build.h"

static void set(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void set_if(json_t *object, const char *key, bool known, uint64_t value)
{
	json_object_set_new(object, key, known ? json_integer((json_int_t)value) : json_null());
}

static void set_bool(json_t *object, const char *key, bool value)
{
	json_object_set_new(object, key, json_boolean(value));
}

static void set_count(json_t *object, const char *key, struct go_count count)
{
	set_if(object, key, count.known, count.value);
}

// The runtime's "no goal" and "no limit" are the largest numbers: no goal is no number.
static void set_goal(json_t *object, const char *key, uint64_t value)
{
	set_if(object, key, value <= INT64_MAX, value);
}

static json_t *numbers_to_json(const uint64_t *numbers, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_integer((json_int_t)numbers[i]));
	return array;
}

static json_t *by_size_to_json(const struct go_memstats *stats)
{
	enum { MEMSTATS_CLASSES = 61 }; // the length of MemStats.BySize
	json_t *array = json_array();
	for (size_t i = 0; i < MEMSTATS_CLASSES; i++) {
		json_t *item = json_object();
		set(item, "Size", go_size_class_bytes(i));
		set(item, "Mallocs", stats->class_mallocs[i]);
		set(item, "Frees", stats->class_frees[i]);
		json_array_append_new(array, item);
	}
	return array;
}

static void set_system(json_t *object, const struct go_memstats *stats)
{
	set(object, "StackInuse", stats->stack_inuse);
	set(object, "StackSys", stats->stack_sys);
	set(object, "MSpanInuse", stats->mspan_inuse);
	set(object, "MSpanSys", stats->mspan_sys);
	set(object, "MCacheInuse", stats->mcache_inuse);
	set(object, "MCacheSys", stats->mcache_sys);
	set(object, "BuckHashSys", stats->buckhash_sys);
	set(object, "GCSys", stats->gc_sys);
	set(object, "OtherSys", stats->other_sys);
}

// The names of Go's own encoding of a runtime.MemStats.
static json_t *memstats_to_json(const struct go_memstats *stats)
{
	json_t *object = json_object();
	set(object, "Alloc", stats->heap_alloc);
	set_if(object, "TotalAlloc", stats->has_counters, stats->total_alloc);
	set(object, "Sys", stats->sys);
	set(object, "Lookups", 0);
	set_if(object, "Mallocs", stats->has_counters, stats->mallocs);
	set_if(object, "Frees", stats->has_counters, stats->frees);
	set(object, "HeapAlloc", stats->heap_alloc);
	set(object, "HeapSys", stats->heap_sys);
	set(object, "HeapIdle", stats->heap_idle);
	set(object, "HeapInuse", stats->heap_inuse);
	set(object, "HeapReleased", stats->heap_released);
	set(object, "HeapObjects", stats->heap_objects);
	set_system(object, stats);
	set_goal(object, "NextGC", stats->next_gc);
	set(object, "LastGC", (uint64_t)stats->last_gc_unix_ns);
	set(object, "PauseTotalNs", stats->pause_total_ns);
	json_object_set_new(object, "PauseNs", numbers_to_json(stats->pause_ns, GO_PAUSES));
	json_object_set_new(object, "PauseEnd",
			    numbers_to_json(stats->pause_end_unix_ns, GO_PAUSES));
	set(object, "NumGC", stats->num_gc);
	set(object, "NumForcedGC", stats->num_forced_gc);
	json_object_set_new(object, "GCCPUFraction", json_real(stats->gc_cpu_fraction));
	set_bool(object, "EnableGC", stats->enable_gc);
	set_bool(object, "DebugGC", false);
	json_object_set_new(object, "BySize",
			    stats->has_counters ? by_size_to_json(stats) : json_null());
	return object;
}

static json_t *metrics_to_json(const struct go_metrics *metrics)
{
	json_t *object = json_object();
	for (size_t i = 0; i < metrics->count; i++) {
		const struct go_metric *metric = &metrics->rows[i];
		if (metric->is_seconds)
			json_object_set_new(object, metric->name, json_real(metric->seconds));
		else
			set_goal(object, metric->name, metric->value);
	}
	return object;
}

static json_t *pauses_to_json(const struct go_gc_pauses *pauses)
{
	json_t *object = json_object();
	bool any = pauses->count > 0;
	set(object, "count", pauses->count);
	set_if(object, "last_ns", any, pauses->last_ns);
	set_if(object, "median_ns", any, pauses->median_ns);
	set_if(object, "max_ns", any, pauses->max_ns);
	set_if(object, "last_end_unix_ns", any, (uint64_t)pauses->last_end_unix_ns);
	return object;
}

static json_t *pacer_to_json(const struct go_pacer *pacer)
{
	json_t *object = json_object();
	set(object, "heap_live_bytes", pacer->heap_live);
	set(object, "heap_marked_bytes", pacer->heap_marked);
	set(object, "heap_minimum_bytes", pacer->heap_minimum);
	set_goal(object, "gogc_goal_bytes", pacer->has_limit ? pacer->gc_percent_goal : GO_NO_GOAL);
	set_goal(object, "last_goal_bytes", pacer->has_limit ? pacer->last_heap_goal : GO_NO_GOAL);
	set_goal(object, "triggered_bytes", pacer->has_limit ? pacer->triggered : GO_NO_GOAL);
	set_if(object, "runway_bytes", pacer->has_limit, pacer->runway);
	set_if(object, "mapped_ready_bytes", pacer->has_accounts, pacer->mapped_ready);
	json_object_set_new(object, "cons_mark_ratio", json_real(pacer->cons_mark));
	return object;
}

static json_t *cpu_to_json(const struct go_cpu_times *cpu)
{
	json_t *object = json_object();
	if (!cpu->known)
		return json_null();
	set(object, "gc_assist_ns", (uint64_t)cpu->gc_assist);
	set(object, "gc_dedicated_ns", (uint64_t)cpu->gc_dedicated);
	set(object, "gc_idle_ns", (uint64_t)cpu->gc_idle);
	set(object, "gc_pause_ns", (uint64_t)cpu->gc_pause);
	set(object, "gc_total_ns", (uint64_t)cpu->gc_total);
	set(object, "scavenge_total_ns", (uint64_t)cpu->scavenge_total);
	set(object, "idle_ns", (uint64_t)cpu->idle);
	set(object, "user_ns", (uint64_t)cpu->user);
	set(object, "total_ns", (uint64_t)cpu->total);
	return object;
}

static json_t *limiter_to_json(const struct go_gc_limiter *limiter)
{
	if (!limiter->known)
		return json_null();
	json_t *object = json_object();
	set_bool(object, "enabled", limiter->enabled);
	set(object, "fill_ns", limiter->fill_ns);
	set(object, "capacity_ns", limiter->capacity_ns);
	set(object, "overflow_ns", limiter->overflow_ns);
	set_if(object, "last_enabled_cycle", limiter->last_enabled_cycle != 0,
	       limiter->last_enabled_cycle);
	return object;
}

static json_t *gc_to_json(const struct go_gc_state *gc, const struct go_memstats *stats)
{
	json_t *object = json_object();
	set_text(object, "phase", go_gc_phase_name(gc->phase));
	set(object, "cycles", stats->num_gc);
	set(object, "forced_cycles", stats->num_forced_gc);
	set_if(object, "last_unix_ns", stats->last_gc_unix_ns != 0,
	       (uint64_t)stats->last_gc_unix_ns);
	set_if(object, "last_monotonic_ns", stats->last_gc_monotonic_ns != 0,
	       (uint64_t)stats->last_gc_monotonic_ns);
	set_goal(object, "goal_bytes", gc->goal);
	set_goal(object, "trigger_bytes", gc->trigger);
	set_text(object, "goal_set_by", gc->limited ? "GOMEMLIMIT" : "GOGC");
	set(object, "live_bytes", stats->heap_marked);
	json_object_set_new(object, "cpu_fraction", json_real(stats->gc_cpu_fraction));
	json_object_set_new(object, "pauses", pauses_to_json(&gc->pauses));
	json_object_set_new(object, "pacer", pacer_to_json(&stats->pacer));
	json_object_set_new(object, "cpu", cpu_to_json(&gc->cpu));
	json_object_set_new(object, "limiter", limiter_to_json(&gc->limiter));
	return object;
}

static json_t *variable_to_json(const struct go_environment_value *value)
{
	json_t *object = json_object();
	set_bool(object, "known", value->known);
	if (value->set)
		set_text(object, "text", value->text);
	else
		json_object_set_new(object, "text", json_null());
	set_bool(object, "differs", value->differs);
	return object;
}

static json_t *settings_to_json(const struct go_settings *settings)
{
	json_t *object = json_object(), *environment = json_object();
	json_object_set_new(object, "gogc_percent", json_integer(settings->gc_percent));
	set_if(object, "gomemlimit_bytes", settings->memory_limit != INT64_MAX,
	       (uint64_t)settings->memory_limit);
	json_object_set_new(object, "gomaxprocs", json_integer(settings->gomaxprocs));
	set_if(object, "mem_profile_rate_bytes", settings->mem_profile_rate_known,
	       (uint64_t)settings->mem_profile_rate);
	set_bool(object, "mem_profile_linked", settings->mem_profile_linked);
	set_if(object, "block_profile_rate_ticks", settings->block_profile_rate_known,
	       (uint64_t)settings->block_profile_rate);
	set_if(object, "mutex_profile_one_of", settings->mutex_profile_rate_known,
	       (uint64_t)settings->mutex_profile_rate);
	json_object_set_new(environment, "GOGC", variable_to_json(&settings->gogc));
	json_object_set_new(environment, "GOMEMLIMIT", variable_to_json(&settings->gomemlimit));
	json_object_set_new(environment, "GOMAXPROCS",
			    variable_to_json(&settings->gomaxprocs_variable));
	json_object_set_new(environment, "GODEBUG", variable_to_json(&settings->godebug));
	json_object_set_new(object, "environment", environment);
	return object;
}

static json_t *class_to_json(const struct go_span_class *row, bool large)
{
	json_t *object = json_object();
	set_if(object, "object_bytes", !large, row->object_bytes);
	set_bool(object, "pointers", row->has_pointers);
	set(object, "spans", row->spans);
	set(object, "span_bytes", row->span_bytes);
	set(object, "objects", row->objects);
	set(object, "objects_bytes", row->objects_bytes);
	set(object, "free_slots", row->free_slots);
	set(object, "free_bytes", row->free_bytes);
	set(object, "tail_bytes", row->tail_bytes);
	return object;
}

static json_t *spans_to_json(const struct go_span_classes *classes, const struct go_memstats *stats)
{
	json_t *object = json_object(), *rows = json_array();
	for (size_t i = 0; i < GO_SPAN_CLASSES; i++)
		if (classes->rows[i].spans)
			json_array_append_new(rows, class_to_json(&classes->rows[i], i < 2));
	json_object_set_new(object, "classes", rows);
	set(object, "spans", classes->total.spans);
	set(object, "span_bytes", classes->total.span_bytes);
	set(object, "objects", classes->total.objects);
	set(object, "objects_bytes", classes->total.objects_bytes);
	set(object, "free_slots", classes->total.free_slots);
	set(object, "free_bytes", classes->total.free_bytes);
	set(object, "tail_bytes", classes->total.tail_bytes);
	set(object, "unswept_spans", classes->unswept_spans);
	set(object, "mismatched_spans", classes->mismatched_spans);
	set(object, "idle_bytes", stats->heap_idle);
	set(object, "idle_released_bytes", stats->heap_released);
	set(object, "idle_held_bytes", stats->heap_idle - stats->heap_released);
	return object;
}

static json_t *threads_to_json(const struct go_threads *threads)
{
	json_t *object = json_object();
	set(object, "total", threads->total);
	set(object, "running", threads->running);
	set(object, "in_syscall", threads->in_syscall);
	set(object, "in_c", threads->in_c);
	set(object, "parked", threads->parked);
	set(object, "other", threads->other);
	set(object, "spinning", threads->spinning);
	set(object, "locked", threads->locked);
	set(object, "extra", threads->extra);
	set_count(object, "idle", threads->idle);
	set_count(object, "created", threads->created);
	set_count(object, "ended", threads->ended);
	set_bool(object, "cut", threads->cut);
	return object;
}

static json_t *processors_to_json(const struct go_scheduler *scheduler)
{
	json_t *array = json_array();
	VEC_FOREACH (processor, &scheduler->processors) {
		json_t *item = json_object();
		json_object_set_new(item, "id", json_integer(processor->id));
		set_text(item, "status", go_processor_status_name(processor->status));
		set(item, "run_queue", processor->run_queue);
		set_if(item, "timers", scheduler->timers.known, processor->timers);
		json_array_append_new(array, item);
	}
	return array;
}

static json_t *timers_to_json(const struct snapshot_runtime *runtime)
{
	const struct go_timers *timers = &runtime->scheduler.timers;
	json_t *object = json_object();
	set_if(object, "total", timers->known, timers->total);
	set_if(object, "deleted", timers->known, timers->deleted);
	set_if(object, "next_in_ns", timers->known && timers->next_ns,
	       (uint64_t)(timers->next_ns - runtime->taken_monotonic_ns));
	return object;
}

static json_t *queues_to_json(const struct go_scheduler *scheduler)
{
	json_t *object = json_object(), *finalizers = json_object(), *cleanups = json_object();
	const struct go_cleanups *queue = &scheduler->cleanups;
	set_count(finalizers, "waiting", scheduler->finalizers.waiting);
	set_count(finalizers, "queued", scheduler->finalizers.queued);
	set_count(finalizers, "executed", scheduler->finalizers.executed);
	json_object_set_new(finalizers, "running",
			    scheduler->finalizers.running_known
				    ? json_boolean(scheduler->finalizers.running)
				    : json_null());
	set_if(cleanups, "queued", queue->known, queue->queued);
	set_if(cleanups, "executed", queue->known, queue->executed);
	set_if(cleanups, "waiting", queue->known, queue->queued - queue->executed);
	set_if(cleanups, "goroutines", queue->known, queue->goroutines);
	set_if(cleanups, "running", queue->known, queue->running);
	json_object_set_new(object, "finalizers", finalizers);
	json_object_set_new(object, "cleanups", cleanups);
	set(object, "global_run_queue", scheduler->global_run_queue);
	set(object, "local_run_queues", scheduler->local_run_queues);
	return object;
}

static json_t *scheduler_to_json(const struct snapshot_runtime *runtime)
{
	const struct go_scheduler *scheduler = &runtime->scheduler;
	json_t *object = json_object();
	set_count(object, "goroutines", scheduler->goroutines);
	set_count(object, "goroutines_with_system", scheduler->goroutines_with_system);
	json_object_set_new(object, "threads", threads_to_json(&scheduler->threads));
	json_object_set_new(object, "processors", processors_to_json(scheduler));
	json_object_set_new(object, "timers", timers_to_json(runtime));
	json_object_set_new(object, "queues", queues_to_json(scheduler));
	set(object, "failed_structures", scheduler->failed);
	return object;
}

static json_t *reading_to_json(const struct go_memstats *stats)
{
	json_t *object = json_object();
	set_bool(object, "consistent", stats->consistent);
	set(object, "attempts", (uint64_t)stats->attempts);
	set(object, "caches", stats->held.caches);
	set(object, "cached_spans", stats->held.cached_spans);
	set(object, "stale_spans", stats->held.stale_spans);
	set(object, "failed_structures", stats->held.failed);
	set(object, "flushed_stack_bytes", stats->held.stack_bytes);
	set(object, "flushed_tiny_allocs", stats->held.tiny_allocs);
	set_bool(object, "depends_on_flushing_processor",
		 !stats->held.cost_known || stats->held.cost.depends);
	json_object_set_new(object, "flushed_alloc_bytes",
			    json_integer((json_int_t)stats->held.alloc_bytes));
	return object;
}

json_t *report_runtime_to_json(const struct snapshot *snapshot)
{
	const struct snapshot_runtime *runtime = &snapshot->runtime;
	const struct go_memstats *stats = &snapshot->go.stats;
	struct runtime_oddities odd;
	json_t *object = json_object(), *sentences = json_array();
	report_find_oddities(snapshot, &odd);
	for (size_t i = 0; i < odd.count; i++) {
		json_t *sentence = json_string(odd.text[i]);
		json_array_append_new(sentences, sentence ? sentence : json_null());
	}
	json_object_set_new(object, "odd", sentences);
	json_object_set_new(object, "settings", settings_to_json(&runtime->settings));
	json_object_set_new(object, "gc", gc_to_json(&runtime->gc, stats));
	json_object_set_new(object, "memstats", memstats_to_json(stats));
	json_object_set_new(object, "metrics", metrics_to_json(&runtime->metrics));
	json_object_set_new(object, "spans", spans_to_json(&runtime->classes, stats));
	json_object_set_new(object, "scheduler", scheduler_to_json(runtime));
	json_object_set_new(object, "statistics_reading", reading_to_json(stats));
	json_object_set_new(object, "identity", report_identity_to_json(&snapshot->identity));
	json_object_set_new(object, "evidence", report_quality_to_json(&snapshot->quality));
	return object;
}
