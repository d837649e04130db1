// SPDX-License-Identifier: Apache-2.0
/*
 * The reader's language. Texts are English in the source; _() translates where it stands, N_()
 * marks a text of a table that somebody translates later, at the place where it is shown.
 *
 * What machines read (JSON, names of files, what a watch stores) stays English: it is made before a
 * language was chosen, or after i18n_use(I18N_ENGLISH). docs/architecture.md has more.
 */
#pragma once

#include <libintl.h>
#include <stdbool.h>
#include <stddef.h>

#ifndef N_
#define _(text)  gettext(text)
#define N_(text) text
#endif

enum i18n_language { I18N_ENGLISH, I18N_CHINESE, I18N_LANGUAGES };

// Takes the language that `wanted` names ("zh", "zh_CN.UTF-8", "en"), or, where it is NULL, the one
// of the environment. Reads its catalogue, so call it before privileges are given up. False where
// `wanted` is no language of ours; the language is then English.
bool i18n_start(const char *wanted);
// English, or the language that i18n_start took: no other one was read.
void i18n_use(enum i18n_language language);
enum i18n_language i18n_get(void);
const char *i18n_html_name(enum i18n_language language); // "zh-CN", as HTML names it
// The translation of a text that came from a fixed list, or from a report; "" stays "".
const char *i18n_text(const char *text);
