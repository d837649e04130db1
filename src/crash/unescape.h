// SPDX-License-Identifier: Apache-2.0
// What stands between a text and its bytes in a log: escapes of JSON and C, of syslog, of HTML, of
// terminals. All append to `out`.
#pragma once

#include "base/strbuf.h"
#include "crash/span.h"

// JSON's and C's: \n \t \" \\ \u1234 \x0a, and what is none as it stands.
void unescape_backslashes(struct span text, struct strbuf *out);
// "#011" and "#012", as rsyslog writes control characters.
void unescape_octal(struct span text, struct strbuf *out);
bool unescape_has_octal(struct span text);
// &lt; &gt; &amp; &quot; &#39; &#x27; &nbsp;, <br>.
void unescape_html(struct span text, struct strbuf *out);
bool unescape_has_html(struct span text);
// ESC [ ... m and its like; also as "^[[31m".
void unescape_terminal(struct span text, struct strbuf *out);
bool unescape_has_terminal(struct span text);
// Whether a text in which there is no real line break has written ones: "\n" with something of a
// crash around it.
bool unescape_has_written_breaks(struct span text);

// The next string of JSON in *rest, without its quotes and still escaped: moves *rest behind it.
// *is_key: a colon follows, or "=>".
bool unescape_next_string(struct span *rest, struct span *string, bool *is_key);
