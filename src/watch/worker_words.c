// SPDX-License-Identifier: Apache-2.0
// In: an error as the capturing process made it. Out: the same in the reader's language.
#include "watch/worker_words.h"

#include <stdio.h>

#include "base/i18n.h"
#include "base/retell.h"

// What can go wrong there in ordinary life; what is rarer stays English. Values are all "%s" here.
static const char *const sentences[] = {
	N_("process %s ended while it was read"),
	N_("process %s ended while it was being opened"),
	N_("process %s ended before its memory could be accounted for"),
	N_("process %s (%s) has ended; its parent has not collected it yet"),
	N_("process %s (%s) has ended"),
	N_("process %s has ended, or runs another program now"),
	N_("process %s has ended"),
	N_("%s is empty: the process has ended"),
	N_("there is no process %s"),
	N_("may not look into process %s: cannot open %s: %s"),
	N_("cannot make the directory %s: %s"),
	N_("cannot create %s: %s"),
	N_("cannot open %s: %s"),
	N_("cannot write %s: %s"),
	N_("cannot sync %s to disk: %s"),
	N_("cannot sync %s: %s"),
};

void worker_words(struct error *error)
{
	struct strbuf text = {0};
	if (retell(&text, error->message, sentences, sizeof sentences / sizeof *sentences))
		snprintf(error->message, sizeof error->message, "%s", text.text);
	strbuf_deinit(&text);
}
