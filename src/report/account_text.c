// SPDX-License-Identifier: Apache-2.0
// In: an account, or the difference of two ledgers. Out: their text, the answer first.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "base/units.h"
#include "report/account.h"
#include "report/row_label.h"
#include "report/text_priv.h"

enum { LARGEST_SHOWN = 3, GROWN_SHOWN = 12, STEP_MIN_BYTES = 4096 };
enum { ITEM_COLUMN = 14, LARGEST_COLUMN = 32, FORMULA_COLUMN = 15 };

static double share_of(int64_t part, int64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static bool is_leaf(const struct ledger *ledger, size_t index)
{
	return index + 1 >= ledger->rows.count ||
	       ledger->rows.items[index + 1].depth <= ledger->rows.items[index].depth;
}

// The largest leaf below `limit`, or NULL. Ledgers are small.
static const struct ledger_row *next_largest(const struct ledger *ledger,
					     const struct ledger_row *before)
{
	const struct ledger_row *largest = NULL;
	for (size_t i = 0; i < ledger->rows.count; i++) {
		const struct ledger_row *row = &ledger->rows.items[i];
		bool comes_later = !before || row->bytes < before->bytes ||
				   (row->bytes == before->bytes && row > before);
		if (is_leaf(ledger, i) && comes_later && (!largest || row->bytes > largest->bytes))
			largest = row;
	}
	return largest;
}

// The rows that it is in: "the program: code and data, as on disk".
static void write_path(const struct ledger *ledger, const struct ledger_row *row,
		       struct strbuf *out)
{
	for (int depth = 1; depth < row->depth; depth++) {
		const struct ledger_row *above = row;
		while (above > ledger->rows.items && above->depth > depth)
			above--;
		row_label_add(out, above->label);
		strbuf_add(out, _(", "));
	}
	row_label_add(out, row->label);
}

static void write_largest(const struct ledger *ledger, struct strbuf *out)
{
	const struct ledger_row *row = NULL;
	for (int i = 0; i < LARGEST_SHOWN && (row = next_largest(ledger, row)); i++) {
		struct strbuf path = {0};
		if (i && row->bytes * 100 < ledger->total_bytes)
			break;
		write_path(ledger, row, &path);
		text_label(out, i ? "" : _("mostly"));
		strbuf_addf(out, "%9s %5s  ", human_bytes(row->bytes).text,
			    human_percent(share_of(row->bytes, ledger->total_bytes)).text);
		text_add_wrapped(out, LARGEST_COLUMN, path.text);
		strbuf_add(out, "\n");
		strbuf_deinit(&path);
	}
}

static void write_cache_note(const struct ledger *ledger, struct strbuf *out)
{
	int64_t cache = ledger_bytes(ledger, "cache");
	if (cache * 10 < ledger->total_bytes)
		return;
	text_label(out, _("page cache"));
	strbuf_addf(out, "%s ", human_bytes(cache).text);
	text_add_wrapped(out, ITEM_COLUMN,
			 _("of files that were read or written: the kernel takes it back before it "
			   "kills. Not a leak"));
	strbuf_add(out, "\n");
}

static void write_level(const struct headroom_level *level, struct strbuf *out)
{
	strbuf_addf(out, _("%s of "), human_bytes(level->limit_bytes).text);
	strbuf_add_safe(out,
			level->path[0] ? level->path : _("a cgroup above what is mounted here"));
}

// What can still be allocated before something bites.
void text_write_headroom(const struct snapshot_cgroup *cgroup, struct strbuf *out)
{
	const struct headroom *headroom = &cgroup->headroom;
	const struct headroom_level *bites = &headroom->bites;
	text_label(out, _("limit"));
	if (!headroom->limited && cgroup->limit_bytes < 0) {
		strbuf_add(out, _("none\n"));
		return;
	}
	if (!headroom->limited) { // it could not be computed
		strbuf_addf(out, _("%s of "), human_bytes(cgroup->limit_bytes).text);
		strbuf_add_safe(out, cgroup->limit_path);
		strbuf_add(out, "\n");
		return;
	}
	write_level(bites, out);
	if (bites->usage_bytes.known) {
		struct strbuf room = {0};
		strbuf_addf(&room, _(": %s to the kill, since %s cannot be reclaimed"),
			    human_bytes(bites->headroom_bytes).text,
			    human_bytes(bites->unreclaimable_bytes).text);
		text_add_wrapped(out, ITEM_COLUMN, room.text);
		strbuf_deinit(&room);
	}
	strbuf_add(out, "\n");
	if (headroom->throttled) {
		text_label(out, _("slowed at"));
		strbuf_add(out, "memory.high, ");
		write_level(&headroom->throttles, out);
		strbuf_addf(out, _(": %s to it\n"),
			    human_bytes(headroom->throttles.headroom_bytes).text);
	}
	if (headroom->partial) {
		text_label(out, _("not seen"));
		strbuf_add_safe(out, i18n_text(headroom->reason.message));
		strbuf_add(out, "\n");
	}
}

// What cgroup v1 keeps to itself.
static void write_not_told(const struct account *account, struct strbuf *out)
{
	const struct ledger *ledger = &account->cgroup_ledger;
	const char *sockets = ledger_find(ledger, "sock") ? "" : _("the size of socket buffers");
	const char *kernel = ledger_find(ledger, "kernel.slab.other") ? ""
			     : ledger_find(ledger, "kernel") ? _("what kernel memory is used for")
							     : _("kernel memory");
	if (account->cgroup.version != CGROUP_V1 || (!sockets[0] && !kernel[0]))
		return;
	text_label(out, _("not told"));
	strbuf_addf(out, _("by cgroup v1: %s%s"), sockets, sockets[0] && kernel[0] ? _("; ") : "");
	text_add_wrapped(out, ITEM_COLUMN, kernel);
	strbuf_add(out, "\n");
}

static void write_cgroup(const struct account *account, struct report_style style,
			 struct strbuf *out)
{
	text_title(out, style, "CGROUP");
	if (!snapshot_has(&account->cgroup_absent)) {
		strbuf_add(out, _("not known: "));
		strbuf_add_safe(out, i18n_text(account->cgroup_absent.message));
		strbuf_add(out, "\n");
		return;
	}
	const struct ledger *ledger = &account->cgroup_ledger;
	strbuf_addf(out, _("%s charged to "), human_bytes(ledger->total_bytes).text);
	strbuf_add_safe(out, account->cgroup.path);
	strbuf_addf(out,
		    account->cgroup.processes == 1 ? _(", %d process\n") : _(", %d processes\n"),
		    account->cgroup.processes);
	write_largest(ledger, out);
	text_write_headroom(&account->cgroup, out);
	write_cache_note(ledger, out);
	report_write_ledger_rows(ledger, REPORT_LEDGER_LONG, out);
	write_not_told(account, out);
}

static void write_process(const struct snapshot *snapshot, struct report_style style,
			  struct strbuf *out)
{
	const struct snapshot_identity *identity = &snapshot->identity;
	text_title(out, style, _("PROCESS"));
	strbuf_addf(out, "%d ", identity->pid);
	strbuf_add_safe(out, identity->command);
	if (identity->is_go) {
		strbuf_add(out, ", ");
		strbuf_add_safe(out, identity->go_version);
	}
	if (!snapshot_has(&snapshot->process_ledger_absent)) {
		strbuf_add(out, _(": no ledger: "));
		strbuf_add_safe(out, i18n_text(snapshot->process_ledger_absent.message));
		strbuf_add(out, "\n");
		return;
	}
	strbuf_addf(out, _(": %s resident\n"),
		    human_bytes(snapshot->process_ledger.total_bytes).text);
	text_write_container(&identity->container, out);
	if (identity->is_go && !snapshot_has(&snapshot->go_absent)) {
		text_label(out, "Go");
		strbuf_add(out, _("not read: "));
		strbuf_add_safe(out, i18n_text(snapshot->go_absent.message));
		strbuf_add(out, "\n");
	}
	write_largest(&snapshot->process_ledger, out);
	report_write_ledger_rows(&snapshot->process_ledger, REPORT_LEDGER_LONG, out);
}

static void write_steps(const struct views *views, size_t index, struct strbuf *out)
{
	for (enum view_part part = 0; index && part < VIEW_PART_COUNT; part++) {
		int64_t step = view_step(views, index, part);
		if (llabs(step) >= STEP_MIN_BYTES)
			strbuf_addf(out, "    %c %9s    %s\n", step < 0 ? '-' : '+',
				    human_bytes(llabs(step)).text,
				    i18n_text(view_part_label(part)));
	}
}

// Behind the tools where it fits, else below them.
static void write_formula(const struct view *view, struct strbuf *out)
{
	const char *formula = i18n_text(view->formula);
	if (FORMULA_COLUMN + columns_of_text(i18n_text(view->tools)) + columns_of_text(formula) >
	    75)
		strbuf_addf(out, "\n%*s", FORMULA_COLUMN, "");
	strbuf_add(out, "  = ");
	text_add_wrapped(out, FORMULA_COLUMN + 4, formula);
	strbuf_add(out, "\n");
}

static void write_views(const struct account *account, struct report_style style,
			struct strbuf *out)
{
	const struct views *views = &account->views;
	if (!views->count)
		return;
	text_title(out, style, _("TOOLS"));
	strbuf_addf(out, _("process %d as each of them shows it, and what lies between\n"),
		    account->processes.items[0]->identity.pid);
	for (size_t i = 0; i < views->count; i++) {
		const struct view *view = &views->items[i];
		write_steps(views, i, out);
		strbuf_addf(out, "  %11s  ", human_bytes(view->bytes).text);
		text_bold(out, style, i18n_text(view->tools));
		write_formula(view, out);
	}
}

static void write_holes(const struct account *account, struct strbuf *out)
{
	uint64_t unseen = (uint64_t)account->cgroup.unseen_processes;
	if (account->unread_processes) {
		text_label(out, _("not read"));
		strbuf_addf(out,
			    account->unread_processes == 1 ? _("%llu process: ")
							   : _("%llu processes: "),
			    (unsigned long long)account->unread_processes);
		strbuf_add_safe(out, i18n_text(account->unread_why.message));
		strbuf_add(out, "\n");
	}
	if (unseen) {
		text_label(out, _("not seen"));
		strbuf_addf(
			out,
			unseen == 1
				? _("%llu process of the cgroup: hidden by /proc (hidepid), of another\n"
				    "              pid namespace, or ended meanwhile\n")
				: _("%llu processes of the cgroup: hidden by /proc (hidepid), of another\n"
				    "              pid namespace, or ended meanwhile\n"),
			(unsigned long long)unseen);
	}
}

void report_write_account(const struct account *account, struct report_style style,
			  struct strbuf *out)
{
	if (!account->of_process)
		write_cgroup(account, style, out);
	VEC_FOREACH (snapshot, &account->processes) {
		write_process(*snapshot, style, out);
		if (account->of_process)
			break;
	}
	if (account->of_process)
		write_cgroup(account, style, out);
	if (account->has_files)
		text_write_files(&account->files, TEXT_ALL_FILES, style, out);
	write_views(account, style, out);
	text_title(out, style, _("EVIDENCE"));
	strbuf_addf(out, _("%s; taken in %s, %s\n"), human_time(account->taken_unix_ns).text,
		    human_duration(account->duration_ns).text,
		    account->processes.count ? i18n_text(account->processes.items[0]->quality.mode)
					     : _("the kernel's figures alone"));
	write_holes(account, out);
}

static void write_change(const struct ledger_diff *diff, const struct ledger_change *change,
			 struct strbuf *out)
{
	int64_t delta = ledger_change_delta(change),
		growth = diff->total_after - diff->total_before;
	strbuf_addf(out, "  %c%10s %6s  %11s -> %11s  ", delta < 0 ? '-' : '+',
		    human_bytes(llabs(delta)).text,
		    growth > 0 && delta > 0 ? human_percent(share_of(delta, growth)).text : "",
		    human_bytes(change->before).text, human_bytes(change->after).text);
	row_label_add(out, change->label);
	if (change->flags & LEDGER_ESTIMATED)
		strbuf_add(out, _(" [estimated]"));
	strbuf_add(out, "\n");
}

void report_write_ledger_diff(const struct ledger_diff *diff, struct report_style style,
			      struct strbuf *out)
{
	int64_t growth = diff->total_after - diff->total_before;
	const struct ledger_change *first =
		diff->by_growth.count ? &diff->rows.items[diff->by_growth.items[0]] : NULL;
	text_title(out, style, strcmp(diff->total_key, "rss") == 0 ? _("PROCESS") : "CGROUP");
	row_label_add(out, diff->total_label);
	strbuf_addf(out, _(": %s -> %s, %c%s\n"), human_bytes(diff->total_before).text,
		    human_bytes(diff->total_after).text, growth < 0 ? '-' : '+',
		    human_bytes(llabs(growth)).text);
	if (!first) {
		strbuf_add(out, _("  nothing changed\n"));
		return;
	}
	if (growth > 0 && ledger_change_delta(first) > 0) {
		strbuf_addf(out, _("  %s of the growth is "),
			    human_percent(share_of(ledger_change_delta(first), growth)).text);
		row_label_add(out, first->label);
		strbuf_add(out, "\n");
	}
	text_pad_left(out, _("change"), 13);
	text_pad_left(out, _("share"), 7);
	text_pad_left(out, _("before"), 13);
	text_pad_left(out, _("after"), 15);
	strbuf_add(out, "\n");
	size_t count = diff->by_growth.count;
	for (size_t i = 0; i < count; i++) // both ends: what grew most, and what shrank most
		if (i < GROWN_SHOWN || i + GROWN_SHOWN / 2 >= count)
			write_change(diff, &diff->rows.items[diff->by_growth.items[i]], out);
}
