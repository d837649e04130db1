// SPDX-License-Identifier: Apache-2.0
// In: a sentence as it was stored. Out: the same in the reader's language, its values unchanged.
#include "store/event_words.h"

#include <string.h>

#include "base/i18n.h"
#include "base/retell.h"

// As store/rows.c, store/keeper.c and watch/feed.c write them; values are all "%s" here.
static const char *const sentences[] = {
	N_("%s: another binary, build ID %s (before: %s)"),
	N_("%s started anew: process %s (before: %s)"),
	N_("%s: limit %s (before: %s)"),
	N_("the machine's clock went forward by %s, or the machine slept"),
	N_("the machine's clock went back by %s"),
	N_("%s (process %s) killed at the limit of its cgroup, which is not known"),
	N_("%s (process %s) killed at the limit of its cgroup, %s"),
	N_("%s (process %s) killed: the machine was out of memory"),
	N_("%s (process %s) killed by systemd-oomd"),
	N_("%s (process %s) ended itself: no memory below the limit"),
	N_("%s (process %s) ended by signal %s"),
	N_("%s (process %s) exited with code %s"),
	N_("%s (process %s) ended; nobody said how"),
};

const char *event_words_ending(const char *cause)
{
	static const struct {
		const char *cause, *words;
	} endings[] = {
		{"unwatched", N_("not watched any more")},
		{"cgroup-oom", N_("killed at the limit of its cgroup")},
		{"global-oom", N_("killed, the machine was out of memory")},
		{"systemd-oomd", N_("killed by systemd-oomd")},
		{"starved", N_("ended itself for want of memory")},
		{"signal", N_("ended by a signal")},
		{"exit", N_("exited")},
		{"unknown", N_("nobody said how")},
	};
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (strcmp(endings[i].cause, cause) == 0)
			return _(endings[i].words);
	return cause;
}

void event_words_add(struct strbuf *out, const char *text)
{
	if (!retell(out, text, sentences, sizeof sentences / sizeof *sentences))
		strbuf_add(out, text);
}
