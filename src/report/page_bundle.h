// SPDX-License-Identifier: Apache-2.0
// What web/build.mjs makes of web/src at build time. page_bundle_none.c stands in for it where
// there is no Node.js.
#pragma once

#include <stddef.h>

struct page_bundle {
	const char *style, *script;           // NULL: not built in
	const char *style_hash, *script_hash; // "sha256-...", as a page's policy names them
	const char *const *messages;          // every text of the page, in English; ends with NULL
};

extern const struct page_bundle page_bundle;
