// SPDX-License-Identifier: Apache-2.0
// In: the process's ledger. Out: what of the heap's objects has no memory, as numbers and a
// sentence.
#include "report/heap_untouched.h"

#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/strbuf.h"
#include "base/units.h"

static const char KEY[] = "go.heap.untouched";
static const double SHOWN_SHARE = 0.05; // of all objects

bool heap_untouched_find(const struct snapshot *snapshot, struct heap_untouched *out)
{
	const struct ledger *ledger = &snapshot->process_ledger;
	if (!snapshot_has(&snapshot->process_ledger_absent))
		return false;
	int64_t bytes = ledger_bytes(ledger, KEY), most = 0, size = 0;
	double there = (double)ledger_bytes(ledger, "go.heap.objects");
	if (bytes <= 0 || (double)bytes < SHOWN_SHARE * ((double)bytes + there))
		return false;
	VEC_FOREACH (row, &ledger->beside)
		if (strncmp(row->key, KEY, sizeof KEY - 1) == 0 &&
		    row->key[sizeof KEY - 1] == '.' && row->bytes > most) {
			most = row->bytes;
			size = strtoll(row->key + sizeof KEY, NULL, 10);
		}
	*out = (struct heap_untouched){bytes, most > bytes / 2 && size > 0 ? size : 0};
	return true;
}

char *heap_untouched_line(const struct heap_untouched *untouched)
{
	struct strbuf line = {0};
	struct human bytes = human_bytes(untouched->bytes);
	if (untouched->object_bytes)
		strbuf_addf(&line,
			    _("%s of the heap's objects have no memory: allocated and not written "
			      "to so far, most of it in objects of %s; the ledger counts what is "
			      "there"),
			    bytes.text, human_bytes(untouched->object_bytes).text);
	else
		strbuf_addf(&line,
			    _("%s of the heap's objects have no memory: allocated and not written "
			      "to so far; the ledger counts what is there"),
			    bytes.text);
	return line.text;
}
