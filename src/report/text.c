// SPDX-License-Identifier: Apache-2.0
// In: the report model. Out: one screen of text, the answer first.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/columns.h"
#include "base/units.h"
#include "report/heap_untouched.h"
#include "report/text_priv.h"
#include "snapshot/absent_words.h"

enum { FILES_SHOWN = 5 };

void text_bold(struct strbuf *out, struct report_style style, const char *text)
{
	if (style.colour)
		strbuf_add(out, "\033[1m");
	strbuf_add_safe(out, text);
	if (style.colour)
		strbuf_add(out, "\033[0m");
}

void text_pad(struct strbuf *out, const char *text, int columns)
{
	for (int used = (int)columns_of_text(text); used < columns; used++)
		strbuf_add(out, " ");
}

void text_pad_left(struct strbuf *out, const char *text, int columns)
{
	text_pad(out, text, columns);
	strbuf_add(out, text);
}

void text_pad_right(struct strbuf *out, const char *text, int columns)
{
	strbuf_add(out, text);
	text_pad(out, text, columns);
}

void text_label(struct strbuf *out, const char *label)
{
	strbuf_addf(out, "  %s", label);
	text_pad(out, label, 12);
}

void text_title(struct strbuf *out, struct report_style style, const char *title)
{
	if (out->length)
		strbuf_add(out, "\n");
	text_bold(out, style, title);
	text_pad(out, title, 14);
}

static void write_items(struct strbuf *out, const char *label, const char *const *items,
			size_t count)
{
	for (size_t i = 0; i < count; i++) {
		text_label(out, i ? "" : label);
		strbuf_add_safe(out, items[i]);
		strbuf_add(out, "\n");
	}
}

static void write_item(struct strbuf *out, const char *label, const char *text)
{
	if (text[0])
		write_items(out, label, &text, 1);
}

static void write_verdict(const struct report *report, struct report_style style,
			  struct strbuf *out)
{
	const struct verdict *verdict = report->verdict;
	text_title(out, style, _("VERDICT"));
	text_bold(out, style, verdict->sentence);
	strbuf_add(out, "\n");
	if (verdict->determined)
		write_item(out, _("confidence"), i18n_text(confidence_name(verdict->confidence)));
	write_item(out, _("why now"), report->reason ? report->reason : "");
	write_items(out, _("seen"), verdict->steps.items, verdict->steps.count);
	write_items(out, _("timeline"), verdict->timeline.items, verdict->timeline.count);
	write_items(out, _("proof"), verdict->evidence.items, verdict->evidence.count);
	write_items(out, _("not"), verdict->rejected.items, verdict->rejected.count);
	write_item(out, _("fix"), verdict->fix);
	write_item(out, _("relief"), verdict->relief);
	write_item(out, _("refuted by"), verdict->refuted_by);
	write_item(out, _("next"), verdict->next_capture);
}

static void write_revision(struct strbuf *out, const char *revision)
{
	char start[13];
	snprintf(start, sizeof start, "%.12s", revision);
	strbuf_add(out, " (");
	strbuf_add_safe(out, start);
	strbuf_add(out, ")");
}

// "0123456789ab checkout in pod shop/checkout-7f, image registry/shop:1.2 (containerd)"
void text_write_container(const struct container *container, struct strbuf *out)
{
	struct strbuf line = {0};
	strbuf_add(&line, container->id);
	if (container->name[0])
		strbuf_addf(&line, " %s", container->name);
	if (container->pod_name[0])
		strbuf_addf(&line, _(" in pod %s/%s"), container->pod_namespace,
			    container->pod_name);
	else if (container->pod_uid[0])
		strbuf_addf(&line, _(" in pod %s"), container->pod_uid);
	if (container->image[0])
		strbuf_addf(&line, _(", image %s"), container->image);
	else if (container->missing[0])
		strbuf_addf(&line, ", %s", container->missing);
	if (container->runtime != CONTAINER_RUNTIME_UNKNOWN)
		strbuf_addf(&line, " (%s)", container_runtime_name(container->runtime));
	write_item(out, _("container"), container->id[0] ? line.text : "");
	strbuf_deinit(&line);
}

static void write_identity(const struct report *report, struct report_style style,
			   struct strbuf *out)
{
	const struct snapshot_identity *identity = &report->snapshot->identity;
	text_title(out, style, _("PROCESS"));
	strbuf_addf(out, "%d ", identity->pid);
	strbuf_add_safe(out, identity->command);
	if (identity->is_go) {
		strbuf_add(out, ", ");
		strbuf_add_safe(out, identity->go_version);
		strbuf_add(out, ", ");
		strbuf_add_safe(out, identity->main_package[0] ? identity->main_package
							       : identity->module_path);
		if (identity->module_version[0] &&
		    strcmp(identity->module_version, "(devel)") != 0) {
			strbuf_add(out, "@");
			strbuf_add_safe(out, identity->module_version);
		}
		if (identity->vcs_revision[0])
			write_revision(out, identity->vcs_revision);
	}
	strbuf_add(out, "\n");
	write_item(out, _("binary"), identity->executable);
	if (identity->started_unix_ns)
		write_item(out, _("started"), human_time(identity->started_unix_ns).text);
	text_write_container(&identity->container, out);
	write_item(out, _("cgroup"), identity->cgroup_path);
}

static void write_no_memory(const struct snapshot *snapshot, struct strbuf *out)
{
	struct heap_untouched untouched;
	if (!heap_untouched_find(snapshot, &untouched))
		return;
	_cleanup_free_ char *line = heap_untouched_line(&untouched);
	strbuf_addf(out, "              %s\n", line);
}

static void write_go(const struct report *report, struct report_style style, struct strbuf *out)
{
	const struct snapshot_go *go = &report->snapshot->go;
	const struct go_memstats *stats = &go->stats;
	text_title(out, style, "GO");
	if (!snapshot_has(&report->snapshot->go_absent)) {
		strbuf_add(out, _("not read: "));
		absent_words_add(out, report->snapshot->go_absent.message);
		strbuf_add(out, "\n");
		return;
	}
	strbuf_addf(out,
		    _("heap %s in %s objects; live after the last collection %s; %llu collections"),
		    human_bytes((int64_t)go->heap_alloc_bytes).text,
		    human_count((int64_t)go->heap_objects).text,
		    human_bytes((int64_t)stats->heap_marked).text,
		    (unsigned long long)stats->num_gc);
	if (stats->gc_percent < 0)
		strbuf_add(out, _("; GOGC=off"));
	else
		strbuf_addf(out, _("; GOGC=%d"), stats->gc_percent);
	if (stats->memory_limit == INT64_MAX)
		strbuf_add(out, _("; no GOMEMLIMIT"));
	else
		strbuf_addf(out, _("; GOMEMLIMIT=%s"), human_bytes(stats->memory_limit).text);
	strbuf_addf(out, _("; GOMAXPROCS=%d\n"), stats->gomaxprocs);
	write_no_memory(report->snapshot, out);
}

static void write_goroutines(const struct report *report, struct report_style style,
			     struct strbuf *out)
{
	const struct snapshot *snapshot = report->snapshot;
	text_title(out, style, _("GOROUTINES"));
	if (!snapshot_has(&snapshot->goroutines_absent)) {
		strbuf_add(out, _("not read: "));
		absent_words_add(out, snapshot->goroutines_absent.message);
		strbuf_add(out, "\n");
		return;
	}
	const struct goroutine_set *set = &snapshot->goroutines;
	strbuf_addf(out, "%s", human_count((int64_t)set->user).text);
	for (size_t i = 0; i < set->states.count; i++) {
		strbuf_addf(out, "%s %" PRIu64 " ", i ? "," : ":", set->states.items[i].count);
		strbuf_add_safe(out, set->states.items[i].state);
	}
	strbuf_addf(out, _("; stacks %s\n"), human_bytes((int64_t)set->stack_bytes).text);
}

// A cgroup without a limit (a shell's, say) is nobody's budget: then the process alone counts.
static void write_ledgers(const struct report *report, struct report_style style,
			  struct strbuf *out)
{
	const struct snapshot *snapshot = report->snapshot;
	bool limited =
		snapshot_has(&snapshot->cgroup_ledger_absent) && snapshot->cgroup.limit_bytes >= 0;
	if (limited) {
		report_write_ledger(&snapshot->cgroup_ledger, style, out);
		if (!report->kill) {
			text_write_headroom(&snapshot->cgroup, out);
			return;
		}
		text_label(out, _("limit"));
		strbuf_addf(out, _("%s of "), human_bytes(snapshot->cgroup.limit_bytes).text);
		strbuf_add_safe(out, snapshot->cgroup.limit_path);
		strbuf_add(out, "\n");
		return;
	}
	if (snapshot_has(&snapshot->process_ledger_absent))
		report_write_ledger(&snapshot->process_ledger, style, out);
	text_label(out, _("limit"));
	if (snapshot_has(&snapshot->cgroup_absent)) {
		strbuf_addf(out, _("none; its cgroup is charged %s in all\n"),
			    snapshot->cgroup.usage_bytes < 0
				    ? _("what the kernel does not tell")
				    : human_bytes(snapshot->cgroup.usage_bytes).text);
	} else {
		strbuf_add(out, _("not known: "));
		absent_words_add(out, snapshot->cgroup_absent.message);
		strbuf_add(out, "\n");
	}
}

void report_write_text(const struct report *report, struct report_style style, struct strbuf *out)
{
	write_verdict(report, style, out);
	if (report->kill)
		text_write_kill(report, style, out);
	write_ledgers(report, style, out);
	if (snapshot_has(&report->snapshot->files_absent))
		text_write_files(&report->snapshot->files, FILES_SHOWN, style, out);
	write_go(report, style, out);
	report_write_holders(report->snapshot, style, 5, 2, out);
	write_goroutines(report, style, out);
	write_identity(report, style, out);
	text_write_quality(report, style, out);
}
