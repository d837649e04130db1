// SPDX-License-Identifier: Apache-2.0
// A build without Node.js: there is no page.
#include "report/page_bundle.h"

const struct page_bundle page_bundle = {0};
