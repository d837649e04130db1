// SPDX-License-Identifier: Apache-2.0
// In: a row's label as its ledger made it. Out: the same, translated.
#include "report/row_label.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"

// "process 7 (name)": the number and what stands behind it stay.
static bool add_process(struct strbuf *out, const char *label)
{
	long long pid;
	int end = 0;
	if (sscanf(label, "process %lld (%n", &pid, &end) != 1 || !end)
		return false;
	strbuf_addf(out, _("process %lld"), pid);
	strbuf_add(out, " (");
	strbuf_add_safe(out, label + end);
	return true;
}

// "13 smaller processes".
static bool add_count(struct strbuf *out, const char *label)
{
	static const char *const counted[] = {N_("smaller processes"), N_("smaller ones"),
					      N_("smaller lines"), N_("other files")};
	long long count;
	int end = 0;
	if (sscanf(label, "%lld %n", &count, &end) != 1 || !end)
		return false;
	for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
		if (strcmp(label + end, counted[i]) == 0) {
			strbuf_addf(out, "%lld %s", count, _(counted[i]));
			return true;
		}
	return false;
}

// "of these, objects of 64 MiB".
static bool add_size(struct strbuf *out, const char *label)
{
	static const char objects[] = N_("of these, objects of ");
	if (strncmp(label, objects, sizeof objects - 1) != 0)
		return false;
	strbuf_add(out, _(objects));
	strbuf_add_safe(out, label + sizeof objects - 1);
	return true;
}

void row_label_add(struct strbuf *out, const char *label)
{
	if (!add_process(out, label) && !add_count(out, label) && !add_size(out, label))
		strbuf_add_safe(out, i18n_text(label));
}
