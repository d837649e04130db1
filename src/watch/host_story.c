// SPDX-License-Identifier: Apache-2.0
// In: a program that is calm, and its end. Out: what the timeline is told of it.
#include "base/clock.h"
#include "watch/feed.h"
#include "watch/host_rules_priv.h"

static void introduce(struct host_rules *rules, struct host_judge *judge)
{
	struct store_target target = {0};
	feed_describe(&judge->process, judge->ending.cgroup, &target);
	memcpy(target.build_id, judge->build_id, sizeof target.build_id);
	judge->timeline = store_target(rules->timeline, &target);
}

void host_rules_tell(struct host_rules *rules, struct host_judge *judge,
		     const struct sampler *sampler, int64_t now_ns)
{
	ending_update(&judge->ending, sampler->oom_kills);
	if (!rules->timeline)
		return;
	if (judge->timeline < 0)
		introduce(rules, judge);
	vitals_update(&judge->vitals, sampler, now_ns);
	struct store_sample sample = judge->vitals.sample;
	sample.unix_ns = clock_unix_ns();
	feed_fill(sampler, &sample);
	store_sample(rules->timeline, judge->timeline, &sample);
}

void host_rules_end(struct host_rules *rules, struct host_judge *judge)
{
	struct kill_facts kill;
	struct store_ending ending;
	ending_find(&judge->ending, true, &kill);
	feed_describe_end(&kill, judge->name, &ending);
	progress_say(rules->progress, "%s", ending.text);
	if (!rules->timeline)
		return;
	if (judge->timeline < 0)
		introduce(rules, judge);
	store_ending(rules->timeline, judge->timeline, &ending);
}
