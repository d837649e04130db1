// SPDX-License-Identifier: Apache-2.0
// What the two parts share.
#pragma once

#include "system/page_owner.h"

#define PAGE_OWNER_FRAME_MASK (((uint64_t)1 << 55) - 1) // of an entry of pagemap

bool page_owner_is_ours(const struct page_owner *owner, uint64_t group);
