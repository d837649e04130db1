// SPDX-License-Identifier: Apache-2.0
// In: groups of goroutines. Out: the answer first, then the groups.
#include "report/goroutines.h"

#include <inttypes.h>

#include "base/units.h"
#include "report/text_priv.h"

enum { STATES_SHOWN = 6 };

static const char *state_of(const struct goroutine_group *group)
{
	return group->wait_reason ? group->wait_reason : group->state;
}

static void write_states(const struct goroutine_set *set, struct strbuf *out)
{
	for (size_t i = 0; i < set->states.count && i < STATES_SHOWN; i++) {
		strbuf_addf(out, "%s %s ", i ? "," : ":",
			    human_count((int64_t)set->states.items[i].count).text);
		strbuf_add_safe(out, set->states.items[i].state);
	}
	if (set->states.count > STATES_SHOWN)
		strbuf_addf(out, ", %zu other states", set->states.count - STATES_SHOWN);
}

static void write_place(struct strbuf *out, const struct goroutine_frame *frame)
{
	strbuf_add_safe(out, frame->function);
	strbuf_add(out, " (");
	strbuf_add_safe(out, frame->file);
	strbuf_addf(out, ":%" PRId64 ")", frame->line);
}

static void write_largest(const struct goroutine_set *set, struct strbuf *out)
{
	const struct goroutine_group *group = set->groups.items;
	if (!set->groups.count || group->system || group->count < 2)
		return;
	strbuf_addf(out, "  %s of the %s are one group: ",
		    human_percent((double)group->count / (double)set->user).text,
		    human_count((int64_t)set->user).text);
	strbuf_add_safe(out, state_of(group));
	if (group->waited_ns)
		strbuf_addf(out, " (at least %s)", human_duration(group->waited_ns).text);
	strbuf_add(out, " in ");
	write_place(out, group->depth ? &group->frames[0] : &group->start);
	if (group->created_by.function[0]) {
		strbuf_add(out, ",\n  created by ");
		write_place(out, &group->created_by);
	}
	strbuf_add(out, "\n");
}

static void write_trouble(const struct snapshot_quality *quality, struct strbuf *out)
{
	if (quality->running_stacks)
		strbuf_addf(out, "  %" PRIu64 " ran: their stacks need --mode stop\n",
			    quality->running_stacks);
	if (quality->failed_stacks)
		strbuf_addf(out, "  %" PRIu64 " stacks could not be read whole and are left out\n",
			    quality->failed_stacks);
	if (quality->unreadable_goroutines)
		strbuf_addf(out,
			    "  %" PRIu64 " goroutines could not be read: they are not counted\n",
			    quality->unreadable_goroutines);
}

void report_write_goroutines(const struct snapshot *snapshot, struct report_style style,
			     size_t rows, struct strbuf *out)
{
	const struct goroutine_set *set = &snapshot->goroutines;
	size_t own = 0;
	VEC_FOREACH (group, &set->groups)
		own += !group->system;
	text_title(out, style, "GOROUTINES");
	strbuf_add(out, human_count((int64_t)set->user).text);
	write_states(set, out);
	strbuf_addf(out, "; stacks %s; %s more are the Go runtime's own\n",
		    human_bytes((int64_t)set->stack_bytes).text,
		    human_count((int64_t)(set->total - set->user)).text);
	write_largest(set, out);
	write_trouble(&snapshot->quality, out);
	strbuf_add(out, "\n");
	goroutine_set_write_groups(set, false, rows, out);
	if (own > rows)
		strbuf_addf(out, "%zu more groups: --rows %zu shows them\n", own - rows, own);
}
