// SPDX-License-Identifier: Apache-2.0
// What a watch stored of an event is English. Here it is in the reader's language, where it is one
// of the sentences that whyoom itself writes; a mark by hand stays as it is.
#pragma once

#include "base/strbuf.h"

void event_words_add(struct strbuf *out, const char *text);
// How a process ended, from the short name that is stored.
const char *event_words_ending(const char *cause);
