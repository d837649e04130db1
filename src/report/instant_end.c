// SPDX-License-Identifier: Apache-2.0
// In: a report's JSON. Out: the facts of the end and the quality of the evidence, bounded.
#include "report/instant_end.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "report/json_read.h"

#define COPY(object, key, field) snprintf(field, sizeof(field), "%s", text_of(object, key))

// ---- the kill ----

static bool read_cause(const json_t *object, enum kill_cause *cause)
{
	static const struct {
		const char *name;
		enum kill_cause cause;
	} causes[] = {{"cgroup-oom", KILL_CGROUP_OOM}, {"global-oom", KILL_GLOBAL_OOM},
		      {"signal", KILL_SIGNAL},         {"exit", KILL_EXIT},
		      {"unknown", KILL_UNKNOWN},       {"none", KILL_NONE},
		      {"systemd-oomd", KILL_OOMD},     {"starved", KILL_STARVED}};
	for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
		if (strcmp(causes[i].name, text_of(object, "cause")) == 0) {
			*cause = causes[i].cause;
			return true;
		}
	return false;
}

static void read_consumer(const json_t *object, struct kill_consumer *consumer)
{
	consumer->pid = small_of(object, "pid");
	consumer->rss_bytes = int_of(object, "rss_bytes");
	consumer->oom_score_adj = small_of(object, "oom_score_adj");
	COPY(object, "name", consumer->name);
}

static void read_kill(const json_t *object, struct kill_facts *kill)
{
	kill->pid = small_of(object, "pid");
	kill->signal = small_of(object, "signal");
	kill->exit_code = (int)known_of(object, "exit_code");
	kill->unix_ns = time_of(object, "time");
	kill->limit_bytes = known_of(object, "limit_bytes");
	kill->usage_bytes = known_of(object, "usage_bytes");
	kill->peak_bytes = known_of(object, "peak_bytes");
	kill->anon_rss_bytes = known_of(object, "anon_rss_bytes");
	kill->file_rss_bytes = known_of(object, "file_rss_bytes");
	kill->oom_kills_before = known_of(object, "oom_kills_before");
	kill->oom_kills_after = known_of(object, "oom_kills_after");
	kill->group_kill = flag_of(object, "group_kill");
	kill->victim_count = small_of(object, "victim_count");
	kill->oom_score_known = json_is_integer(json_object_get(object, "oom_score_adj"));
	kill->oom_score_adj = small_of(object, "oom_score_adj");
	kill->inferred = flag_of(object, "inferred");
	kill->held_ns = int_of(object, "held_ns");
	kill->evidence_held = flag_of(object, "evidence_held");
	COPY(object, "victim", kill->victim);
	COPY(object, "exit_source", kill->exit_source);
	COPY(object, "limit_cgroup", kill->limit_cgroup);
	COPY(object, "kernel_line", kill->kernel_line);
	COPY(object, "constraint", kill->constraint);
	COPY(object, "invoker", kill->invoker);
	COPY(object, "oomd_cgroup", kill->oomd_cgroup);
	read_consumer(json_object_get(object, "consumer"), &kill->consumer);
}

// ---- the evidence ----

static const char *keep(struct snapshot *snapshot, const json_t *object, const char *key)
{
	const char *text = text_of(object, key);
	const char *copy = arena_string(&snapshot->arena, text, strlen(text));
	return copy ? copy : "";
}

static void read_quality(const json_t *object, struct snapshot *snapshot)
{
	struct snapshot_quality *quality = &snapshot->quality;
	quality->taken_unix_ns = time_of(object, "taken");
	if (!text_of(object, "mode")[0])
		return;
	quality->mode = keep(snapshot, object, "mode");
	quality->layout_caveat = keep(snapshot, object, "layout_caveat");
	quality->missing_symbols = keep(snapshot, object, "missing_symbols");
	quality->symbols_from_code = flag_of(object, "symbols_from_code");
	quality->duration_ns = int_of(object, "duration_ns");
	quality->target_pause_ns = int_of(object, "target_pause_ns");
	quality->torn = flag_of(object, "torn");
	quality->reads = count_of(object, "reads");
	quality->read_bytes = count_of(object, "read_bytes");
	quality->failed_reads = count_of(object, "failed_reads");
	quality->table_failures = count_of(object, "table_failures");
	quality->profile_attempts = small_of(object, "profile_attempts");
	quality->profile_consistent = flag_of(object, "profile_consistent");
	quality->damaged_buckets = count_of(object, "damaged_buckets");
	quality->failed_spans = count_of(object, "failed_spans");
	quality->failed_stacks = count_of(object, "failed_stacks");
	quality->unreadable_goroutines = count_of(object, "unreadable_goroutines");
	quality->moved_goroutines = count_of(object, "moved_goroutines");
	quality->running_stacks = count_of(object, "running_stacks");
	quality->sample_rate_bytes = int_of(object, "sample_rate_bytes");
	quality->target_ended = flag_of(object, "target_ended");
}

static void read_timeline(const json_t *list, struct instant *instant)
{
	if (!json_array_size(list))
		return;
	struct kill_timeline *timeline = alloc_zero(sizeof *timeline);
	for (size_t i = 0; i < json_array_size(list) && i < KILL_TIMELINE_MAX; i++) {
		const json_t *item = json_array_get(list, i);
		timeline->samples[timeline->count++] =
			(struct kill_sample){.unix_ns = time_of(item, "time"),
					     .usage_bytes = known_of(item, "usage_bytes"),
					     .anon_bytes = known_of(item, "anon_bytes"),
					     .file_bytes = known_of(item, "file_bytes")};
	}
	instant->timeline = timeline;
}

void instant_read_end(const json_t *report, struct instant *instant)
{
	const json_t *kill = json_object_get(report, "kill");
	instant->killed = json_is_object(kill) && read_cause(kill, &instant->kill.cause);
	if (instant->killed)
		read_kill(kill, &instant->kill);
	read_quality(json_object_get(report, "evidence"), instant->snapshot);
	read_timeline(json_object_get(report, "timeline"), instant);
	COPY(report, "trigger", instant->reason);
}
