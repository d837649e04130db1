// SPDX-License-Identifier: Apache-2.0
// In: the files of an incident and its baseline. Out: the report in the reader's language.
#include "store/retold.h"

#include <string.h>

#include "base/alloc.h"
#include "base/i18n.h"

static struct instant *read_instant(const struct incident_files *files)
{
	struct instant *instant = NULL;
	return instant_read(files->data[INCIDENT_REPORT_JSON], files->sizes[INCIDENT_REPORT_JSON],
			    files->data[INCIDENT_HEAP], files->sizes[INCIDENT_HEAP], &instant, NULL)
		       ? instant
		       : NULL;
}

static bool has_rule(const struct incident_files *files, const char *rule)
{
	json_t *report =
		json_loadb(files->data[INCIDENT_REPORT_JSON], files->sizes[INCIDENT_REPORT_JSON],
			   JSON_REJECT_DUPLICATES, NULL);
	const char *stored =
		json_string_value(json_object_get(json_object_get(report, "verdict"), "rule"));
	bool same = stored && strcmp(stored, rule) == 0;
	json_decref(report);
	return same;
}

static void decide(struct retold *retold)
{
	struct instant *instant = retold->instant;
	const struct kill_facts *kill = instant->killed ? &instant->kill : NULL;
	const struct snapshot_baseline *baseline = retold->before ? &retold->baseline : NULL;
	struct facts *facts = alloc_zero(sizeof *facts);
	if (retold->before)
		retold->baseline = instant_as_baseline(retold->before);
	*facts = instant->facts;
	instant->facts = (struct facts){0};
	verdict_decide_on(facts, baseline, kill, &retold->verdict);
	retold->report = (struct report){.snapshot = instant->snapshot,
					 .verdict = &retold->verdict,
					 .baseline = baseline,
					 .kill = kill,
					 .timeline = instant->timeline,
					 .reason = instant->reason[0] ? instant->reason : NULL};
}

bool incident_retell(const struct incident_files *files, const struct incident_files *baseline,
		     struct retold *retold)
{
	*retold = (struct retold){0};
	if (i18n_get() == I18N_ENGLISH)
		return false;
	retold->instant = read_instant(files);
	if (!retold->instant)
		return false;
	retold->before = baseline ? read_instant(baseline) : NULL;
	decide(retold);
	if (has_rule(files, retold->verdict.rule))
		return true;
	retold_deinit(retold);
	return false;
}

void retold_deinit(struct retold *retold)
{
	verdict_deinit(&retold->verdict);
	instant_free(retold->instant);
	instant_free(retold->before);
	*retold = (struct retold){0};
}
