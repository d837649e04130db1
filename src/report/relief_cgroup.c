// SPDX-License-Identifier: Apache-2.0
// In: a cgroup's limit raised or lowered again. Out: text.
#include <stdio.h>

#include "base/i18n.h"
#include "report/relief_priv.h"

static struct human limit_text(struct cgroup_limit limit)
{
	struct human none;
	snprintf(none.text, sizeof none.text, "%s", _("none"));
	return limit.known && !limit.unlimited ? human_bytes((int64_t)limit.bytes) : none;
}

static void write_change(const char *file, struct cgroup_limit from, struct cgroup_limit to,
			 struct strbuf *out)
{
	strbuf_addf(out, "  %s  %s -> %s\n", file, limit_text(from).text, limit_text(to).text);
}

static void write_name(const struct cgroup *cgroup, struct strbuf *out)
{
	strbuf_add(out, _("cgroup "));
	strbuf_add_safe(out, cgroup_get_path(cgroup));
}

void report_write_cgroup_relief_plan(const struct cgroup_relief_report *report, struct strbuf *out)
{
	const struct relief_cgroup_plan *plan = report->plan;
	write_name(report->cgroup, out);
	strbuf_addf(out, _(": %s of %s used; there is room for a limit of %s, by "),
		    human_bytes(plan->usage_bytes).text, limit_text(plan->from.memory).text,
		    human_bytes(plan->most_bytes).text);
	strbuf_add_safe(out, plan->tightest[0] ? plan->tightest : _("the node's MemAvailable"));
	strbuf_add(out, "\n");
	write_change(cgroup_limit_file(report->cgroup), plan->from.memory, plan->to.memory, out);
	if (plan->with_swap)
		write_change(cgroup_swap_limit_file(report->cgroup), plan->from.with_swap,
			     plan->to.with_swap, out);
	if (plan->high.known && !plan->high.unlimited)
		strbuf_addf(
			out,
			_("  memory.high stays at %s: above it the processes are slowed down\n"),
			limit_text(plan->high).text);
	strbuf_add(out,
		   _("  It helps for as long as the growth takes; who set the limit (a container's "
		     "manager, systemd) may set it again.\n"));
}

void report_write_cgroup_relief_done(const struct cgroup_relief_report *report, struct strbuf *out)
{
	strbuf_add(out, _("written, and read back\nundo: whyoom relieve --cgroup "));
	strbuf_add_safe(out, cgroup_get_path(report->cgroup));
	strbuf_addf(out, _(" --undo%s%s  (noted in %s)\n"), report->state ? " --state " : "",
		    report->state ? report->state : "", report->record_path);
}

void report_write_cgroup_undo(const struct cgroup *cgroup, const struct relief_cgroup_undo *undo,
			      struct strbuf *out)
{
	write_name(cgroup, out);
	strbuf_add(out, "\n");
	if (undo->nothing) {
		strbuf_add(out, _("  whyoom changed nothing here: nothing to undo\n"));
		return;
	}
	if (undo->not_ours) {
		strbuf_addf(out, _("  %s is %s, which is not what whyoom wrote (%s): left alone\n"),
			    cgroup_limit_file(cgroup), limit_text(undo->found.memory).text,
			    limit_text(undo->written.memory).text);
		return;
	}
	write_change(cgroup_limit_file(cgroup), undo->found.memory, undo->before.memory, out);
	if (undo->before.with_swap.known)
		write_change(cgroup_swap_limit_file(cgroup), undo->found.with_swap,
			     undo->before.with_swap, out);
	strbuf_add(out, _("written, and read back\n"));
}
