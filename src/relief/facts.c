// SPDX-License-Identifier: Apache-2.0
// In: a snapshot. Out: the numbers of it that relief rests on, within bounds.
#include "relief/facts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int64_t bytes_of(uint64_t value)
{
	return value < (uint64_t)RELIEF_BYTES_MAX ? (int64_t)value : RELIEF_BYTES_MAX;
}

static int64_t goal_of(uint64_t value)
{
	return value < (uint64_t)RELIEF_BYTES_MAX ? (int64_t)value : INT64_MAX;
}

// The runtime writes the end of pause N at N % 256.
static int64_t last_interval(const struct go_memstats *stats)
{
	if (stats->num_gc < 2)
		return 0;
	uint64_t last = stats->pause_end_unix_ns[(stats->num_gc + GO_PAUSES - 1) % GO_PAUSES];
	uint64_t before = stats->pause_end_unix_ns[(stats->num_gc + GO_PAUSES - 2) % GO_PAUSES];
	return last > before && last - before < INT64_MAX ? (int64_t)(last - before) : 0;
}

static void gather_pacer(const struct snapshot *snapshot, struct relief_facts *facts)
{
	const struct go_memstats *stats = &snapshot->go.stats;
	const struct go_pacer *pacer = &stats->pacer;
	facts->heap_alloc = bytes_of(snapshot->go.heap_alloc_bytes);
	facts->heap_marked = bytes_of(pacer->heap_marked);
	const struct go_last_collection *last = &snapshot->runtime.last_collection;
	facts->survived = last->known ? bytes_of(last->survived) : facts->heap_marked;
	facts->heap_before = last->known ? bytes_of(last->heap_before) : 0;
	facts->mapped_ready = bytes_of(pacer->mapped_ready);
	facts->heap_free = bytes_of(pacer->heap_free);
	facts->goal = goal_of(snapshot->runtime.gc.goal);
	facts->trigger = goal_of(snapshot->runtime.gc.trigger);
	facts->gc_percent_goal = pacer->has_limit ? goal_of(pacer->gc_percent_goal) : facts->goal;
	facts->last_goal = bytes_of(pacer->last_heap_goal);
	facts->roots = bytes_of(pacer->last_stack_scan) + bytes_of(pacer->globals_scan);
	facts->heap_minimum = bytes_of(pacer->heap_minimum);
	facts->limited = snapshot->runtime.gc.limited;
	facts->headroom_percent = pacer->headroom_percent;
	facts->collections = stats->num_gc;
	facts->interval_ns = last_interval(stats);
	facts->gc_cpu = stats->gc_cpu_fraction >= 0 ? fmin(stats->gc_cpu_fraction, 1) : 0;
}

static void gather_ledger(const struct snapshot *snapshot, struct relief_facts *facts)
{
	facts->resident_known = snapshot_has(&snapshot->process_ledger_absent);
	if (!facts->resident_known)
		return;
	facts->go_resident = ledger_bytes(&snapshot->process_ledger, "go");
	facts->rss = snapshot->process_memory.rss_bytes;
}

static int minor_of(const char *version)
{
	int minor = 0;
	if (sscanf(version, "go1.%3d", &minor) != 1)
		return 0;
	return minor;
}

bool relief_facts_gather(const struct snapshot *snapshot, struct relief_facts *out,
			 struct error *error)
{
	struct relief_facts facts = {0};
	if (!snapshot_has(&snapshot->runtime_absent)) {
		if (error)
			*error = snapshot->runtime_absent;
		return false;
	}
	snprintf(facts.go_version, sizeof facts.go_version, "%s", snapshot->identity.go_version);
	snprintf(facts.build_id, sizeof facts.build_id, "%s", snapshot->identity.build_id);
	facts.go_minor = minor_of(facts.go_version);
	memcpy(facts.settings, snapshot->runtime.writable, sizeof facts.settings);
	facts.linked_out = !snapshot->runtime.settings.mem_profile_linked;
	gather_pacer(snapshot, &facts);
	gather_ledger(snapshot, &facts);
	*out = facts;
	return true;
}

static bool check_error(struct error *error)
{
	error->message[sizeof error->message - 1] = error->hint[sizeof error->hint - 1] = '\0';
	return (int)error->code >= ERROR_NONE && error->code <= ERROR_USAGE;
}

static bool check_settings(struct relief_facts *facts)
{
	for (int i = 0; i < GO_SETTING_COUNT; i++) {
		struct snapshot_setting *setting = &facts->settings[i];
		if (!check_error(&setting->absent))
			return false;
		if (snapshot_has(&setting->absent) &&
		    (setting->place.bytes != go_setting_bytes((enum go_setting_id)i) ||
		     !go_setting_allows((enum go_setting_id)i, setting->place.value)))
			return false;
	}
	return true;
}

static bool check_amounts(const struct relief_facts *facts)
{
	const int64_t amounts[] = {
		facts->survived,     facts->heap_before, facts->heap_alloc, facts->heap_marked,
		facts->mapped_ready, facts->heap_free,   facts->last_goal,  facts->heap_minimum,
		facts->go_resident,  facts->rss,         facts->roots / 2,
	};
	const int64_t goals[] = {facts->goal, facts->trigger, facts->gc_percent_goal};
	for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++)
		if (amounts[i] < 0 || amounts[i] > RELIEF_BYTES_MAX)
			return false;
	for (size_t i = 0; i < sizeof goals / sizeof *goals; i++)
		if (goals[i] < 0 || (goals[i] > RELIEF_BYTES_MAX && goals[i] != INT64_MAX))
			return false;
	return facts->interval_ns >= 0 && facts->gc_cpu >= 0 && facts->gc_cpu <= 1 &&
	       facts->headroom_percent >= 0 && facts->headroom_percent < 100;
}

bool relief_facts_check(struct relief_facts *facts, struct error *error)
{
	facts->go_version[sizeof facts->go_version - 1] = '\0';
	facts->build_id[sizeof facts->build_id - 1] = '\0';
	if (strspn(facts->build_id, "0123456789abcdef") == strlen(facts->build_id) &&
	    check_settings(facts) && check_amounts(facts))
		return true;
	return error_set(error, ERROR_BAD_DATA,
			 "what was read of the target makes no sense: nothing is changed");
}
