// SPDX-License-Identifier: Apache-2.0
// In: what one watch sees. Out: messages to the timeline.
#include "watch/feed.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/units.h"
#include "system/container.h"
#include "watch/vitals.h"
#include "watch/worker.h"

#define SECOND_NS ((int64_t)1000000000)
// A capture at the start says which build it is; without one, this long.
static const int64_t TARGET_PATIENCE_NS = 2 * SECOND_NS;
static const int64_t MOVING_NS = SECOND_NS / 20; // between samples while the memory moves

// ---- the target ----

static void set_text(char *out, size_t capacity, const char *text)
{
	size_t length = 0;
	while (text && length < capacity - 1 && text[length])
		length++;
	memcpy(out, text ? text : "", length);
	out[length] = '\0';
}

void feed_describe(const struct process_files *process, const struct cgroup *cgroup,
		   struct store_target *target)
{
	struct process_status status = {0};
	struct process_stat stat;
	struct container container;
	_cleanup_free_ char *cgroups = NULL;
	size_t size;
	target->pid = process->pid;
	if (process_status_read(process, &status, NULL))
		set_text(target->name, sizeof target->name, status.name);
	if (process_stat_read(process, &stat, NULL))
		target->started_unix_ns = process_start_unix_ns(&stat, process_boot_unix_ns());
	set_text(target->executable, sizeof target->executable, process->exe_path);
	set_text(target->cgroup, sizeof target->cgroup, cgroup_get_path(cgroup));
	if (process->cgroup >= 0 &&
	    file_read(process->cgroup, "cgroup", 1 << 16, &cgroups, &size, NULL) &&
	    container_parse(cgroups, &container))
		set_text(target->container, sizeof target->container, container.id);
}

void feed_begin(struct feed *feed, const struct feed_options *options,
		const struct process_files *process, const struct cgroup *cgroup,
		const struct progress *progress)
{
	struct store_options store = {.path = options->db, .size_bytes = options->size_bytes};
	struct error error = {0};
	*feed = (struct feed){.progress = progress, .handle = -1};
	if (!options->db)
		return;
	if (!store_open(&store, &feed->writer, &error)) {
		progress_say(progress, "no timeline: %s", error.message);
		return;
	}
	feed->begun_ns = clock_monotonic_ns();
	feed_describe(process, cgroup, &feed->target);
}

// ---- samples ----

void feed_fill(const struct sampler *sampler, struct store_sample *sample)
{
	sample->values[STORE_USAGE] = sampler->usage_bytes;
	sample->values[STORE_LIMIT] = sampler->limit_bytes;
	if (!sampler->last_stat_ns)
		return;
	sample->values[STORE_ANON] = sampler->anon_bytes;
	sample->values[STORE_FILE] = sampler->file_bytes;
}

static void hear(struct feed *feed)
{
	struct store_news news;
	if (!store_update(feed->writer, &news))
		return;
	if (news.error.code == ERROR_NONE)
		progress_say(feed->progress, "the timeline is written again");
	else
		progress_say(feed->progress, "timeline: %s%s%s", news.error.message,
			     news.error.hint[0] ? "; " : "", news.error.hint);
}

static bool is_due(const struct feed *feed, const struct sampler *sampler, int64_t now_ns)
{
	int64_t moved = llabs(sampler->usage_bytes - feed->sampled_bytes);
	return now_ns - feed->sampled_ns >= SECOND_NS ||
	       (moved > sampler->limit_bytes / 100 && now_ns - feed->sampled_ns >= MOVING_NS);
}

void feed_sample(struct feed *feed, const struct sampler *sampler)
{
	int64_t now_ns = clock_monotonic_ns();
	if (!feed->writer || !is_due(feed, sampler, now_ns))
		return;
	if (feed->handle < 0) {
		if (!feed->target.build_id[0] && now_ns - feed->begun_ns < TARGET_PATIENCE_NS)
			return;
		feed->handle = store_target(feed->writer, &feed->target);
	}
	struct store_sample sample = feed->vitals && now_ns - feed->gauged_ns >= SECOND_NS / 2
					     ? feed->vitals->sample
					     : store_sample_at(0);
	sample.unix_ns = clock_unix_ns();
	if (feed->vitals && now_ns - feed->gauged_ns >= SECOND_NS / 2)
		feed->gauged_ns = now_ns;
	feed_fill(sampler, &sample);
	store_sample(feed->writer, feed->handle, &sample);
	feed->sampled_ns = now_ns;
	feed->sampled_bytes = sampler->usage_bytes;
	hear(feed);
}

void feed_capture(struct feed *feed, const struct worker_summary *summary, const char *reason,
		  int64_t usage_bytes, int64_t duration_ns)
{
	if (!feed || !feed->writer)
		return;
	if (feed->handle < 0) {
		set_text(feed->target.build_id, sizeof feed->target.build_id, summary->build_id);
		feed->handle = store_target(feed->writer, &feed->target);
	}
	struct store_sample sample = store_sample_at(clock_unix_ns());
	sample.values[STORE_HEAP_LIVE] = summary->heap_live_bytes;
	sample.values[STORE_HEAP_GOAL] = summary->heap_goal_bytes;
	sample.values[STORE_GOROUTINES] = summary->goroutines;
	store_sample(feed->writer, feed->handle, &sample);
	struct store_snapshot snapshot = {
		.unix_ns = sample.unix_ns, .usage_bytes = usage_bytes, .duration_ns = duration_ns};
	set_text(snapshot.reason, sizeof snapshot.reason, reason);
	store_snapshot(feed->writer, feed->handle, &snapshot);
}

// ---- the end ----

static const char *cause_of(const struct kill_facts *kill)
{
	static const char *const names[] = {
		[KILL_NONE] = "unwatched",
		[KILL_CGROUP_OOM] = "cgroup-oom",
		[KILL_GLOBAL_OOM] = "global-oom",
		[KILL_SIGNAL] = "signal",
		[KILL_EXIT] = "exit",
		[KILL_UNKNOWN] = "unknown",
		[KILL_OOMD] = "systemd-oomd",
		[KILL_STARVED] = "starved",
	};
	return names[kill->cause];
}

static void say_end(const struct kill_facts *kill, const char *name, char *text, size_t capacity)
{
	int pid = kill->pid;
	switch (kill->cause) {
	case KILL_CGROUP_OOM:
		snprintf(text, capacity, "%s (process %d) killed at the limit of its cgroup, %s",
			 name, pid,
			 kill->limit_bytes >= 0 ? human_bytes(kill->limit_bytes).text
						: "which is not known");
		break;
	case KILL_GLOBAL_OOM:
		snprintf(text, capacity, "%s (process %d) killed: the machine was out of memory",
			 name, pid);
		break;
	case KILL_OOMD:
		snprintf(text, capacity, "%s (process %d) killed by systemd-oomd", name, pid);
		break;
	case KILL_STARVED:
		snprintf(text, capacity, "%s (process %d) ended itself: no memory below the limit",
			 name, pid);
		break;
	case KILL_SIGNAL:
		snprintf(text, capacity, "%s (process %d) ended by signal %d", name, pid,
			 kill->signal);
		break;
	case KILL_EXIT:
		snprintf(text, capacity, "%s (process %d) exited with code %d", name, pid,
			 kill->exit_code);
		break;
	default:
		snprintf(text, capacity, "%s (process %d) ended; nobody said how", name, pid);
	}
}

void feed_describe_end(const struct kill_facts *kill, const char *name, struct store_ending *ending)
{
	*ending = (struct store_ending){.unix_ns = kill->unix_ns ? kill->unix_ns : clock_unix_ns()};
	set_text(ending->cause, sizeof ending->cause, cause_of(kill));
	say_end(kill, name, ending->text, sizeof ending->text);
}

static void tell_incident(struct feed *feed, int64_t unix_ns, const char *cause,
			  const char *incident, const struct worker_summary *summary)
{
	char absolute[PATH_MAX];
	struct store_incident row = summary->incident;
	row.unix_ns = unix_ns;
	set_text(row.cause, sizeof row.cause, cause);
	set_text(row.build_id, sizeof row.build_id, summary->build_id);
	set_text(row.directory, sizeof row.directory,
		 realpath(incident, absolute) ? absolute : incident);
	store_incident(feed->writer, feed->handle, &row);
}

void feed_incident(struct feed *feed, const char *cause, const char *incident,
		   const struct worker_summary *summary)
{
	if (!feed || !feed->writer)
		return;
	if (feed->handle < 0)
		feed->handle = store_target(feed->writer, &feed->target);
	tell_incident(feed, clock_unix_ns(), cause, incident, summary);
}

void feed_finish(struct feed *feed, const struct sampler *sampler, const struct kill_facts *kill,
		 const char *incident, const struct worker_summary *summary)
{
	struct store_ending ending;
	if (!feed->writer)
		return;
	if (feed->handle < 0)
		feed->handle = store_target(feed->writer, &feed->target);
	// The last thing that was seen of it.
	struct store_sample sample = store_sample_at(clock_unix_ns());
	feed_fill(sampler, &sample);
	store_sample(feed->writer, feed->handle, &sample);
	feed_describe_end(kill, feed->target.name, &ending);
	store_ending(feed->writer, feed->handle, &ending);
	if (incident[0] && summary)
		tell_incident(feed, ending.unix_ns, ending.cause, incident, summary);
	hear(feed);
}

void feed_end(struct feed *feed)
{
	if (!feed->writer)
		return;
	store_close(feed->writer);
	feed->writer = NULL;
}
