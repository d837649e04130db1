// SPDX-License-Identifier: Apache-2.0
// In: a full vector. Out: the same with room for more.
#include "base/vec.h"

#include <stdint.h>
#include <stdio.h>

void vec_grow(void **items, size_t *capacity, size_t item_size)
{
	size_t wanted = *capacity ? *capacity * 2 : 16;
	void *grown =
		wanted > SIZE_MAX / item_size / 2 ? NULL : realloc(*items, wanted * item_size);
	if (!grown) {
		fputs("whyoom: out of memory\n", stderr);
		abort();
	}
	*items = grown;
	*capacity = wanted;
}
