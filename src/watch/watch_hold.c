// SPDX-License-Identifier: Apache-2.0
// In: a kill that waits. Out: the capture before it, and the kill let go.
#include "watch/watch_priv.h"

#include <string.h>

#include "base/clock.h"
#include "base/units.h"

// How long the kill is held beyond the capture, where most would be lost without the C heap.
static const int64_t HELD_FOR_NATIVE_NS = 1000000000;
static const int64_t HOLD_AGAIN_NS = 5000000000, HOLD_NEXT_KILL_NS = 1000000000;
enum { HOLD_ROOM_PERCENT = 2 }; // with less to the limit, holding again is of no use

bool watch_begin_hold(struct watch *watch, struct error *error)
{
	const char *limit_path = watch->sampler.limit_path;
	if (watch->sampler.by_node)
		return error_set(error, ERROR_USAGE,
				 "cannot hold the kill: neither %.200s nor a cgroup above it has a "
				 "limit, and no kill for the machine's memory can be held",
				 watch->cgroup_path);
	if (strcmp(limit_path, cgroup_get_path(watch->cgroup)) != 0) {
		error_set(error, ERROR_USAGE,
			  "cannot hold the kill: the limit that will bite is that of %.200s, above "
			  "%.200s",
			  limit_path, watch->cgroup_path);
		return error_hint(error, "watch that one: --cgroup %.300s", limit_path);
	}
	return hold_begin(watch->cgroup, watch->options->hold_limit_ns, watch->options->state,
			  &watch->hold, error);
}

// What it has in use goes with the process; what else there is does not.
static void wait_for_native(struct watch *watch, int64_t deadline_ns)
{
	int64_t enough_ns = clock_monotonic_ns() + HELD_FOR_NATIVE_NS;
	while (captures_need_target(&watch->captures) &&
	       clock_monotonic_ns() < (enough_ns < deadline_ns ? enough_ns : deadline_ns))
		captures_update(&watch->captures, &watch->sampler, 10);
}

// The target sleeps at its limit: the best moment there is. Whatever happens here, the guard lets
// the kill go in time.
static void capture_while_held(struct watch *watch)
{
	int64_t start_ns = clock_monotonic_ns();
	int64_t deadline_ns = start_ns + watch->options->hold_limit_ns;
	struct captures *captures = &watch->captures;
	struct error error = {0};
	bool begun = false;
	if (sampler_take(&watch->sampler, &error))
		sampler_mark(&watch->sampler);
	watch->hold_kills = watch->sampler.oom_kills;
	while (clock_monotonic_ns() < deadline_ns) {
		(void)hold_get_state(watch->hold); // undoes what a dead guard has left
		if (!captures->busy && begun)
			break;
		if (!captures->busy) {
			captures_start(captures, CAPTURE_HELD, &watch->sampler);
			begun = true;
		}
		captures_update(captures, &watch->sampler, 10);
	}
	wait_for_native(watch, deadline_ns);
	if (cgroup_get_version(watch->cgroup) == CGROUP_V1)
		watch->trigger.peak_bytes =
			INT64_MAX; // nothing that follows can be nearer to the end
	else
		trigger_began(&watch->trigger, TRIGGER_CAPTURE);
	// Else the guard was faster: its time limit, not the end of the capture, let the kill go.
	bool still_held = hold_get_state(watch->hold) == HOLD_UNDER_OOM;
	if (!hold_release(watch->hold, &error))
		progress_say(&watch->progress, "%s", error.message);
	watch->held_ns = clock_monotonic_ns() - start_ns;
	if (!still_held && watch->held_ns > watch->options->hold_limit_ns)
		watch->held_ns = watch->options->hold_limit_ns;
	if (still_held && begun && !captures->busy && captures->ready &&
	    captures->busy_reason == CAPTURE_HELD && captures->ready->started_ns >= start_ns)
		captures->ready->while_held = true;
	progress_say(&watch->progress, "held the kill for %s, let it go",
		     human_duration(watch->held_ns).text);
}

bool watch_hold_is_over(const struct watch *watch)
{
	return watch->hold_state != HOLD_ARMED && watch->hold_state != HOLD_UNDER_OOM;
}

// On v2 it ends before the kill, which may never come: what was below the edge again, or stayed
// near it, is held once more. On v1 another process of the cgroup may have been the victim: where
// one was, that is no wait in which nobody gets on, so it is held again sooner.
static bool may_hold_again(const struct watch *watch)
{
	const struct sampler *sampler = &watch->sampler;
	int64_t left = sampler->limit_bytes - sampler_pinned_bytes(sampler);
	int64_t since_ns = clock_monotonic_ns() - watch->hold_over_ns;
	if (watch->hold_state != HOLD_RELEASED && watch->hold_state != HOLD_RELEASED_BY_DEADLINE)
		return false;
	if (cgroup_get_version(watch->cgroup) == CGROUP_V1)
		return since_ns >=
		       (sampler->oom_kills > watch->hold_kills ? HOLD_NEXT_KILL_NS : HOLD_AGAIN_NS);
	return since_ns >= HOLD_AGAIN_NS && left >= sampler->limit_bytes / 100 * HOLD_ROOM_PERCENT;
}

static void hold_again(struct watch *watch)
{
	struct error error = {0};
	if (!may_hold_again(watch))
		return;
	if (!hold_end(watch->hold, &error))
		progress_say(&watch->progress, "%s", error.message);
	watch->hold = NULL;
	if (hold_begin(watch->cgroup, watch->options->hold_limit_ns, watch->options->state,
		       &watch->hold, &error))
		watch->hold_state = HOLD_ARMED;
	else
		progress_say(&watch->progress, "%s", error.message);
	if (cgroup_get_version(watch->cgroup) != CGROUP_V1)
		return;     // the kill that comes is the one that was held
	watch->held_ns = 0; // that was not the kill of this one
	if (watch->trigger.peak_bytes == INT64_MAX)
		watch->trigger.peak_bytes = watch->trigger.last.pinned_bytes;
}

void watch_check_hold(struct watch *watch)
{
	if (!watch->hold)
		return;
	if (hold_get_state(watch->hold) == HOLD_UNDER_OOM)
		capture_while_held(watch);
	enum hold_state state = hold_get_state(watch->hold);
	if (state == watch->hold_state) {
		hold_again(watch);
		return;
	}
	watch->hold_state = state;
	watch->hold_over_ns = clock_monotonic_ns();
	if (state == HOLD_GUARD_LOST)
		progress_say(&watch->progress,
			     "the guard process died: the kill is not held any more");
	else if (state == HOLD_RELEASED_BY_DEADLINE)
		progress_say(&watch->progress,
			     "the time limit let the kill go; it is not held any more");
	else if (state == HOLD_RELEASED)
		progress_say(&watch->progress, "the kill is not held any more");
}
