// SPDX-License-Identifier: Apache-2.0
// In: the files of a cgroup's page cache and shared memory. Out: their section of the text form.
#include <inttypes.h>
#include <stdio.h>

#include "base/units.h"
#include "report/text_priv.h"

enum { FILES_MIN_BYTES = 1 << 20, TITLE_COLUMN = 14 };

// The first rows of depth 0 with what is below them; the others as one, so that the lines sum up.
static void take_first(const struct ledger *ledger, size_t limit, struct ledger *shown)
{
	size_t count = 0, others = 0;
	int64_t other_bytes = 0;
	bool take = false;
	char label[64];
	VEC_FOREACH (row, &ledger->rows) {
		if (row->depth == 0) {
			take = !(row->flags & LEDGER_UNEXPLAINED) && count++ < limit &&
			       (count == 1 || row->bytes * 100 >= ledger->total_bytes);
			others += !take && !(row->flags & LEDGER_UNEXPLAINED);
			other_bytes += take || row->flags & LEDGER_UNEXPLAINED ? 0 : row->bytes;
		}
		if (take)
			ledger_add(shown, row->depth, row->key, row->label, row->bytes, row->flags,
				   row->note);
	}
	snprintf(label, sizeof label, "%zu smaller ones", others);
	ledger_add(shown, 0, "others", label, other_bytes, 0, "");
	VEC_FOREACH (row, &ledger->rows)
		if (row->depth == 0 && row->flags & LEDGER_UNEXPLAINED)
			ledger_add(shown, 0, row->key, row->label, row->bytes, row->flags,
				   row->note);
	shown->total_bytes = ledger->total_bytes;
}

static void write_ledger(const struct ledger *ledger, int rows, struct strbuf *out)
{
	struct ledger shown = {0};
	if (rows == TEXT_ALL_FILES) {
		report_write_ledger_rows(ledger, REPORT_LEDGER_ALL, out);
		return;
	}
	take_first(ledger, (size_t)rows, &shown);
	report_write_ledger_rows(&shown, REPORT_LEDGER_SHORT, out);
	ledger_deinit(&shown);
}

static void write_section(const struct ledger *ledger, const char *title, const char *what,
			  int rows, struct report_style style, struct strbuf *out)
{
	if (ledger->total_bytes < FILES_MIN_BYTES)
		return;
	text_title(out, style, _(title));
	strbuf_addf(out, "%s ", human_bytes(ledger->total_bytes).text);
	text_add_wrapped(out, TITLE_COLUMN, _(what));
	strbuf_add(out, "\n");
	write_ledger(ledger, rows, out);
}

void text_write_files(const struct snapshot_files *files, int rows, struct report_style style,
		      struct strbuf *out)
{
	if (files->cache.total_bytes < FILES_MIN_BYTES &&
	    files->shmem.total_bytes < FILES_MIN_BYTES)
		return;
	write_section(&files->cache, N_("FILES"),
		      N_("of page cache, by file; the kernel takes it back before it kills"), rows,
		      style, out);
	write_section(
		&files->shmem, N_("SHARED"),
		N_("of shared memory and tmpfs, by mount and file; it stays until it is removed"),
		rows, style, out);
	if (files->partial[0]) {
		text_label(out, _("partial"));
		strbuf_add_safe(out, i18n_text(files->partial));
		strbuf_add(out, "\n");
	}
	if (files->charge_absent[0]) {
		text_label(out, _("whose"));
		strbuf_add(out, _("not known, so files count whole: "));
		strbuf_add_safe(out, i18n_text(files->charge_absent));
		strbuf_add(out, "\n");
	}
}
