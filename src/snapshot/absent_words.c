// SPDX-License-Identifier: Apache-2.0
// In: why a part is absent, as it was captured. Out: the same in the reader's language.
#include "snapshot/absent_words.h"

#include <string.h>

#include "base/i18n.h"
#include "base/retell.h"

// As golang/ and snapshot/ say it; values are all "%s" here. What has no value in it is in the
// catalogue as it is.
static const char *const sentences[] = {
	N_("the program's memory profiler is off (runtime.MemProfileRate is %s)"),
	N_("the executable has no symbol %s that its code would show"),
	N_("the executable has no symbol %s"),
	N_("no profile bucket at %s (depth %s)"),
	N_("more than %s profile buckets"),
	N_("%s variables point to a bucket of the heap profile"),
	N_("ELF machine %s: whyoom reads Go on amd64 and arm64"),
	N_("unknown Go version \"%s\" (an obfuscated build?)"),
	N_("Go version %s: whyoom does not know the runtime with these experiments"),
	N_("Go version %s: whyoom knows the runtimes of Go %s to %s on %s"),
	N_("Go version %s: whyoom knows the runtimes of Go %s to %s"),
	N_("Go %s has no %s"),
	N_("no memory for %s goroutines"),
	N_("a goroutine of %s bytes"),
	N_("the program is not Go, and has loaded %s Go library with a runtime of its own"),
	N_("the program is not Go, and has loaded %s Go libraries with a runtime of their own"),
	N_("cannot read %s bytes of the target at %s: %s"),
	N_("cannot read %s bytes of the target at %s"),
	N_("process %s ended while it was read"),
	N_("process %s ended before its memory could be accounted for"),
	N_("process %s has ended"),
};

// What error_wrap sets in front; it is in the catalogue without the colon.
static const char *const wrapped[] = {"heap profile", "memory statistics",
				      "the executable is stripped"};

static const char *skip_wrapped(struct strbuf *out, const char *message)
{
	for (size_t i = 0; i < sizeof wrapped / sizeof *wrapped; i++) {
		size_t length = strlen(wrapped[i]);
		if (strncmp(message, wrapped[i], length) != 0 ||
		    strncmp(message + length, ": ", strlen(": ")) != 0)
			continue;
		strbuf_addf(out, "%s", i18n_text(wrapped[i]));
		strbuf_addf(out, _(": %s"), "");
		return message + length + strlen(": ");
	}
	return message;
}

void absent_words_add(struct strbuf *out, const char *message)
{
	struct strbuf text = {0};
	message = skip_wrapped(out, message);
	if (retell(&text, message, sentences, sizeof sentences / sizeof *sentences))
		strbuf_add_safe(out, text.text);
	else
		strbuf_add_safe(out, i18n_text(message));
	strbuf_deinit(&text);
}
