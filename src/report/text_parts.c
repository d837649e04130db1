// SPDX-License-Identifier: Apache-2.0
// In: a ledger, a heap profile, the facts of a kill. Out: their sections of the text form.
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/retell.h"
#include "base/units.h"
#include "profile/top.h"
#include "report/row_label.h"
#include "report/text_priv.h"
#include "snapshot/absent_words.h"
#include "snapshot/heap_profile.h"

enum {
	BAR_WIDTH = 10,
	LABEL_COLUMN = 24 + BAR_WIDTH,
	BESIDE_COLUMN = 17,
	UNWRAPPED = 1 << 20,
	STACK_FRAMES_SHOWN = 14,
	STACK_MIN_PERCENT = 5
};

static void write_bar(struct strbuf *out, int64_t bytes, int64_t total)
{
	int filled = total > 0 && bytes > 0 ? (int)(bytes * BAR_WIDTH / total) : 0;
	for (int i = 0; i < BAR_WIDTH; i++)
		strbuf_add(out, i < filled && filled <= BAR_WIDTH ? "#" : " ");
}

// Parts of notes with a value in them, as the ledgers make them.
static const char *const note_parts[] = {
	N_("open by process %s"),
	N_("mapped by process %s"),
	N_("%s of it to be written first"),
	N_("%s more is charged elsewhere"),
	N_("%s in use"),
	N_("%s free"),
	N_("not told apart %s"),
};

static void add_note_part(struct strbuf *text, const char *part)
{
	if (!retell(text, part, note_parts, sizeof note_parts / sizeof *note_parts))
		strbuf_add(text, i18n_text(part));
}

static void add_note_parts(struct strbuf *text, const char *note)
{
	for (const char *comma; *note; note = comma[0] ? comma + strlen(", ") : comma) {
		comma = strstr(note, ", ");
		comma = comma ? comma : note + strlen(note);
		_cleanup_free_ char *part = alloc_format("%.*s", (int)(comma - note), note);
		add_note_part(text, part);
		strbuf_add(text, comma[0] ? _(", ") : "");
	}
}

void text_add_note(struct strbuf *out, const char *note)
{
	const char *whole = i18n_text(note);
	if (whole != note || i18n_get() == I18N_ENGLISH)
		strbuf_add(out, whole);
	else
		add_note_parts(out, note);
}

static void write_note(const char *note, size_t indent, struct strbuf *out)
{
	struct strbuf text = {0};
	strbuf_add(&text, " (");
	text_add_note(&text, note);
	strbuf_add(&text, ")");
	text_add_wrapped(out, indent, text.text);
	strbuf_deinit(&text);
}

// On one screen a long line takes less room than two.
static void write_ledger_row(const struct ledger *ledger, const struct ledger_row *row,
			     enum report_ledger_detail detail, struct strbuf *out)
{
	double share = ledger->total_bytes ? (double)row->bytes / (double)ledger->total_bytes : 0;
	strbuf_addf(out, "  %11s %6s  ", human_bytes(row->bytes).text, human_percent(share).text);
	if (row->depth == 0)
		write_bar(out, row->bytes, ledger->total_bytes);
	else
		strbuf_addf(out, "%*s", BAR_WIDTH, "");
	strbuf_addf(out, "  %*s", 2 * row->depth, "");
	row_label_add(out, row->label);
	size_t indent = detail == REPORT_LEDGER_SHORT ? UNWRAPPED
						      : LABEL_COLUMN + 2 * (size_t)row->depth + 2;
	if (row->note[0])
		write_note(row->note, indent, out);
	if (row->flags & LEDGER_ESTIMATED)
		text_add_wrapped(out, indent, _(" [estimated]"));
	strbuf_add(out, "\n");
}

static void write_beside(const struct ledger_row *row, struct strbuf *out)
{
	strbuf_addf(out, "  %11s  ", human_bytes(row->bytes).text);
	row_label_add(out, row->label);
	if (row->note[0])
		write_note(row->note, BESIDE_COLUMN, out);
	strbuf_add(out, "\n");
}

// What is small, or all of the row above it, says little; but what a process consists of does say
// something.
static bool is_minor(const struct ledger *ledger, const struct ledger_row *row,
		     const struct ledger_row *above, enum report_ledger_detail detail)
{
	bool of_process = above && strncmp(above->key, "anon.process.", 13) == 0;
	int64_t bytes = llabs(row->bytes), total = ledger->total_bytes;
	if (detail == REPORT_LEDGER_LONG)
		return row->depth && bytes * 1000 < total;
	switch (row->depth) {
	case 0:
		return false;
	case 1:
		return bytes * 1000 < total;
	case 2:
		return bytes * 20 < total ||
		       (!of_process && above && bytes * 20 > llabs(above->bytes) * 19);
	default:
		return true;
	}
}

// The rows of one depth from `first` on, each with what is below it, up to the end of the row above
// them. Where only some are shown, the others are one line, so that the lines sum up.
static size_t write_rows(const struct ledger *ledger, size_t first, int depth,
			 const struct ledger_row *above, enum report_ledger_detail detail,
			 struct strbuf *out)
{
	const struct ledger_row *rows = ledger->rows.items;
	struct ledger_row rest = {.label = N_("smaller lines"), .note = "", .depth = depth};
	bool shown = false;
	size_t i = first;
	while (i < ledger->rows.count && rows[i].depth >= depth) {
		const struct ledger_row *row = &rows[i++];
		struct strbuf below = {0};
		bool hide = detail != REPORT_LEDGER_ALL && is_minor(ledger, row, above, detail);
		i = write_rows(ledger, i, depth + 1, row, detail, &below);
		if (hide) {
			rest.bytes += row->bytes;
		} else {
			write_ledger_row(ledger, row, detail, out);
			strbuf_add(out, below.length ? below.text : "");
			shown = true;
		}
		strbuf_deinit(&below);
	}
	if (shown && rest.bytes)
		write_ledger_row(ledger, &rest, detail, out);
	return i;
}

void report_write_ledger_rows(const struct ledger *ledger, enum report_ledger_detail detail,
			      struct strbuf *out)
{
	(void)write_rows(ledger, 0, 0, NULL, detail, out);
	if (detail == REPORT_LEDGER_SHORT || !ledger->beside.count)
		return;
	strbuf_add(out, _("  no part of the sum:\n"));
	VEC_FOREACH (row, &ledger->beside)
		write_beside(row, out);
}

void report_write_ledger(const struct ledger *ledger, struct report_style style, struct strbuf *out)
{
	text_title(out, style, _("MEMORY"));
	strbuf_addf(out, _("%s %s; every line below is part of it\n"),
		    human_bytes(ledger->total_bytes).text, i18n_text(ledger->total_label));
	report_write_ledger_rows(ledger, REPORT_LEDGER_SHORT, out);
}

const char *text_short_path(const char *file)
{
	static const char *const roots[] = {"/pkg/mod/golang.org/toolchain@", "/go/src/",
					    "/pkg/mod/"};
	for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
		const char *found = strstr(file, roots[i]);
		if (!found)
			continue;
		const char *source = i == 0 ? strstr(found, "/src/") : NULL;
		return source ? source + 5 : found + strlen(roots[i]);
	}
	return file;
}

static void write_stack(const struct profile_stack *stack, struct strbuf *out)
{
	for (uint32_t i = 0; i < stack->count && i < STACK_FRAMES_SHOWN; i++) {
		const struct profile_frame *frame = stack->frames[i];
		strbuf_add(out, "      ");
		strbuf_add_safe(out, frame->function);
		strbuf_add(out, "  ");
		strbuf_add_safe(out, text_short_path(frame->file));
		strbuf_addf(out, ":%" PRId64 "\n", frame->line);
	}
	if (stack->count > STACK_FRAMES_SHOWN)
		strbuf_addf(out, _("      ... %u more frames\n"),
			    stack->count - STACK_FRAMES_SHOWN);
}

static void write_top_stacks(const struct profile *profile, int limit, struct strbuf *out)
{
	struct profile_top_stacks *stacks = NULL;
	uint32_t now = profile_find_sample_type(profile, HEAP_NOW_SPACE);
	uint32_t published = profile_find_sample_type(profile, HEAP_INUSE_SPACE);
	if (now == PROFILE_NONE || published == PROFILE_NONE ||
	    !profile_top_stacks_new(profile, now, &stacks, NULL))
		return;
	for (size_t i = 0; i < stacks->rows.count && i < (size_t)limit; i++) {
		const struct profile_stack_row *row = &stacks->rows.items[i];
		if (!row->value || (i && row->value < stacks->total / 100 * STACK_MIN_PERCENT))
			break;
		strbuf_addf(out, _("    %s now, %s published, allocated by\n"),
			    human_bytes(row->value).text, human_bytes(row->values[published]).text);
		write_stack(&row->stack, out);
	}
	profile_top_stacks_free(stacks);
}

// One row of the table: the same function in the two views of the heap.
static const struct profile_top_row *find_function(const struct profile_top *top,
						   const char *function)
{
	VEC_FOREACH (row, &top->rows)
		if (strcmp(row->function, function) == 0)
			return row;
	return NULL;
}

static void write_functions(const struct profile_top *now, const struct profile_top *published,
			    int limit, struct strbuf *out)
{
	text_pad_left(out, _("now"), 13);
	text_pad_left(out, _("with calls"), 19);
	text_pad_left(out, _("published"), 12);
	strbuf_addf(out, "   %s\n", _("function"));
	for (size_t i = 0; i < now->rows.count && i < (size_t)limit; i++) {
		const struct profile_top_row *row = &now->rows.items[i];
		const struct profile_top_row *before = find_function(published, row->function);
		if (!row->flat)
			break;
		double share = now->total ? (double)row->flat / (double)now->total : 0;
		strbuf_addf(out, "  %11s %6s %11s %11s   ", human_bytes(row->flat).text,
			    human_percent(share).text, human_bytes(row->cum).text,
			    human_bytes(before ? before->flat : 0).text);
		strbuf_add_safe(out, row->function);
		strbuf_add(out, "  ");
		const char *slash = strrchr(row->file, '/');
		strbuf_add_safe(out, slash ? slash + 1 : row->file);
		strbuf_addf(out, ":%" PRId64 "\n", row->line);
	}
}

static void write_caveat(const struct snapshot *snapshot, const char *indent, struct strbuf *out)
{
	const char *caveat = snapshot->quality.layout_caveat;
	if (caveat && caveat[0])
		strbuf_addf(out, "%s%s\n", indent, i18n_text(caveat));
}

void report_write_holders(const struct snapshot *snapshot, struct report_style style, int rows,
			  int stacks, struct strbuf *out)
{
	text_title(out, style, _("HEAP"));
	if (!snapshot_has(&snapshot->heap_absent)) {
		strbuf_add(out, _("no profile: "));
		absent_words_add(out, snapshot->heap_absent.message);
		strbuf_add(out, "\n");
		return;
	}
	struct profile_top *now = NULL, *published = NULL;
	uint32_t now_type = profile_find_sample_type(snapshot->heap, HEAP_NOW_SPACE);
	uint32_t published_type = profile_find_sample_type(snapshot->heap, HEAP_INUSE_SPACE);
	if (profile_top_new(snapshot->heap, now_type, PROFILE_TOP_FLAT, &now, NULL) &&
	    profile_top_new(snapshot->heap, published_type, PROFILE_TOP_FLAT, &published, NULL)) {
		strbuf_addf(
			out,
			_("%s in use now, %s published (what /debug/pprof/heap would show, up to "
			  "two collections old)\n"),
			human_bytes(now->total).text, human_bytes(published->total).text);
		write_caveat(snapshot, "              ", out);
		write_functions(now, published, rows, out);
		write_top_stacks(snapshot->heap, stacks, out);
	}
	profile_top_free(now);
	profile_top_free(published);
}

static const char *signal_name(int number)
{
	const char *name = sigabbrev_np(number);
	return name ? name : "?";
}

static void write_ending(const struct kill_facts *kill, struct strbuf *out)
{
	strbuf_addf(out, "%s  ", human_time(kill->unix_ns).text);
	switch (kill->cause) {
	case KILL_CGROUP_OOM:
		strbuf_add(out, _("killed by the kernel at the cgroup's memory limit"));
		break;
	case KILL_GLOBAL_OOM:
		strbuf_add(out, _("killed by the kernel: the machine had no memory left"));
		break;
	case KILL_OOMD:
		strbuf_add(out, _("killed by systemd-oomd, not by the kernel"));
		break;
	case KILL_STARVED:
		strbuf_addf(out,
			    _("ended itself with code %d, its cgroup at the memory limit: the Go "
			      "runtime does so when the kernel gives it no memory"),
			    kill->exit_code);
		break;
	case KILL_SIGNAL:
		strbuf_add(out, _("ended by a signal; the kernel counted no OOM kill"));
		break;
	case KILL_EXIT:
		strbuf_addf(out, _("exited with code %d"), kill->exit_code);
		break;
	case KILL_UNKNOWN:
		strbuf_add(out, _("ended; nobody said how"));
		break;
	case KILL_NONE:
		strbuf_add(out, _("still running when the watch ended"));
		break;
	}
	if (kill->signal)
		strbuf_addf(out, _(", signal %d (SIG%s)"), kill->signal, signal_name(kill->signal));
	strbuf_add(out, "\n");
}

// The last rise: from the lowest point before the highest one to that.
static void write_growth(const struct kill_timeline *timeline, struct strbuf *out)
{
	int high = 0, low = 0;
	for (int i = 0; i < timeline->count; i++)
		if (timeline->samples[i].anon_bytes >= timeline->samples[high].anon_bytes)
			high = i;
	for (int i = 0; i < high; i++)
		if (timeline->samples[i].anon_bytes <= timeline->samples[low].anon_bytes)
			low = i;
	const struct kill_sample *first = &timeline->samples[low], *last = &timeline->samples[high];
	int64_t grown = last->anon_bytes - first->anon_bytes;
	int64_t elapsed_ns = last->unix_ns - first->unix_ns;
	if (grown <= 0 || elapsed_ns <= 0)
		return;
	text_label(out, _("growth"));
	strbuf_addf(out, _("anonymous memory from %s to %s in %s, %s/s\n"),
		    human_bytes(first->anon_bytes).text, human_bytes(last->anon_bytes).text,
		    human_duration(elapsed_ns).text,
		    human_bytes((int64_t)((double)grown / ((double)elapsed_ns / 1e9))).text);
}

// Why it was this one: what it was exempt from or not, and who used more.
static void write_others(const struct kill_facts *kill, struct strbuf *out)
{
	const struct kill_consumer *consumer = &kill->consumer;
	if (kill->oom_score_known && kill->oom_score_adj) {
		text_label(out, _("score"));
		strbuf_addf(out, _("its oom_score_adj was %d\n"), kill->oom_score_adj);
	}
	if (consumer->pid && consumer->pid != kill->pid) {
		text_label(out, _("consumer"));
		strbuf_addf(out, _("process %d ("), consumer->pid);
		strbuf_add_safe(out, consumer->name);
		strbuf_addf(out, _(") used more, %s; its oom_score_adj was %d\n"),
			    human_bytes(consumer->rss_bytes).text, consumer->oom_score_adj);
	}
	if (kill->oomd_cgroup[0]) {
		text_label(out, _("cgroup"));
		strbuf_add(out, _("systemd-oomd says that it killed "));
		strbuf_add_safe(out, kill->oomd_cgroup);
		strbuf_add(out, "\n");
	} else if (kill->group_kill) {
		text_label(out, _("group"));
		strbuf_add(out, _("the whole cgroup was killed (memory.oom.group)"));
		if (kill->victim_count > 1)
			strbuf_addf(out, _(", %d processes"), kill->victim_count);
		strbuf_add(out, "\n");
	}
}

void text_write_kill(const struct report *report, struct report_style style, struct strbuf *out)
{
	const struct kill_facts *kill = report->kill;
	text_title(out, style, _("KILL"));
	write_ending(kill, out);
	if (kill->limit_bytes >= 0) {
		text_label(out, _("limit"));
		strbuf_addf(out, _("%s of "), human_bytes(kill->limit_bytes).text);
		strbuf_add_safe(out, kill->limit_cgroup);
		if (kill->usage_bytes >= 0)
			strbuf_addf(out, _("; usage at the kill %s"),
				    human_bytes(kill->usage_bytes).text);
		strbuf_add(out, "\n");
	}
	if (kill->anon_rss_bytes >= 0) {
		text_label(out, _("victim"));
		strbuf_addf(out, _("process %d, anonymous memory %s, files %s\n"), kill->pid,
			    human_bytes(kill->anon_rss_bytes).text,
			    human_bytes(kill->file_rss_bytes).text);
	}
	write_others(kill, out);
	if (report->timeline)
		write_growth(report->timeline, out);
	if (kill->oom_kills_after >= 0) {
		text_label(out, _("counter"));
		strbuf_addf(out, _("the cgroup's oom_kill went from %lld to %lld\n"),
			    (long long)kill->oom_kills_before, (long long)kill->oom_kills_after);
	}
	if (kill->exit_source[0]) {
		text_label(out, _("exit"));
		strbuf_addf(out, _("how it ended is known from %s\n"),
			    i18n_text(kill->exit_source));
	}
	if (kill->kernel_line[0]) {
		text_label(out, _("kernel"));
		strbuf_add_safe(out, kill->kernel_line);
		strbuf_add(out, "\n");
	}
	if (kill->inferred && kill->cause == KILL_CGROUP_OOM) {
		text_label(out, _("inferred"));
		strbuf_add(
			out,
			_("from signal 9 and the counter, or the kernel's tracepoint: its log was not "
			  "seen\n"));
	}
	if (kill->held_ns) {
		text_label(out, _("held"));
		strbuf_addf(out, _("whyoom held the kill for %s; %s\n"),
			    human_duration(kill->held_ns).text,
			    kill->evidence_held ? _("the evidence was taken meanwhile")
						: _("the evidence is not from then"));
	}
}

static void write_when(const struct report *report, struct strbuf *out)
{
	const struct snapshot_quality *quality = &report->snapshot->quality;
	text_label(out, _("when"));
	strbuf_add(out, human_time(quality->taken_unix_ns).text);
	if (report->kill && report->kill->cause != KILL_NONE)
		strbuf_addf(out, _(", %s before the end"),
			    human_duration(report->kill->unix_ns - quality->taken_unix_ns).text);
	if (report->kill && report->kill->evidence_held)
		strbuf_add(out, _(", at the limit, while the kernel waited"));
	strbuf_add(out, "\n");
	if (!report->baseline)
		return;
	text_label(out, _("compared"));
	strbuf_addf(out, _("with a baseline of %s before, at %s\n"),
		    human_duration(quality->taken_unix_ns - report->baseline->taken_unix_ns).text,
		    human_bytes(report->baseline->usage_bytes).text);
}

static void write_doubts(const struct snapshot_quality *quality, struct strbuf *out)
{
	if (quality->sample_rate_bytes) {
		text_label(out, _("profile"));
		strbuf_addf(out, _("one sample for each %s allocated, scaled as pprof does; %s\n"),
			    human_bytes(quality->sample_rate_bytes).text,
			    quality->profile_consistent
				    ? _("no collection came in between")
				    : _("a collection came in between: values may be torn"));
	}
	if (quality->torn) {
		text_label(out, _("torn"));
		strbuf_add(out, _("the target went on before everything was read\n"));
	}
	if (quality->target_ended) {
		text_label(out, _("torn"));
		strbuf_add(out, _("the target ended while it was read: what is above may be "
				  "incomplete\n"));
	}
	if (!quality->damaged_buckets && !quality->failed_spans && !quality->failed_stacks &&
	    !quality->table_failures)
		return;
	text_label(out, _("holes"));
	strbuf_addf(out,
		    _("%llu damaged buckets, %llu spans, %llu stacks and %llu table entries not "
		      "read\n"),
		    (unsigned long long)quality->damaged_buckets,
		    (unsigned long long)quality->failed_spans,
		    (unsigned long long)quality->failed_stacks,
		    (unsigned long long)quality->table_failures);
}

void text_write_quality(const struct report *report, struct report_style style, struct strbuf *out)
{
	const struct snapshot_quality *quality = &report->snapshot->quality;
	text_title(out, style, _("EVIDENCE"));
	strbuf_addf(out, _("%s; taken in %s\n"), i18n_text(quality->mode),
		    human_duration(quality->duration_ns).text);
	if (quality->layout_caveat && quality->layout_caveat[0])
		text_label(out, _("version"));
	write_caveat(report->snapshot, "", out);
	if (quality->symbols_from_code) {
		text_label(out, _("symbols"));
		strbuf_add(out, _("found by the code of the runtime: the binary has no symbol "
				  "table\n"));
	}
	if (quality->missing_symbols && quality->missing_symbols[0]) {
		text_label(out, _("not found"));
		strbuf_addf(out, "%s\n", quality->missing_symbols);
	}
	write_when(report, out);
	text_label(out, _("pause"));
	strbuf_addf(out, "%s\n",
		    quality->target_pause_ns ? human_duration(quality->target_pause_ns).text
		    : report->kill && report->kill->evidence_held
			    ? _("none but the hold at the limit")
			    : _("none"));
	text_label(out, _("reads"));
	strbuf_addf(out, _("%s, %s; failed %llu\n"), human_count((int64_t)quality->reads).text,
		    human_bytes((int64_t)quality->read_bytes).text,
		    (unsigned long long)quality->failed_reads);
	write_doubts(quality, out);
}
