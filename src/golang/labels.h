// SPDX-License-Identifier: Apache-2.0
/*
 * The labels that a program put on its goroutines with pprof.Do: a map up to Go 1.23, a list after
 * it.
 *
 * Source: runtime/pprof/label.go (labelMap, LabelSet), Go 1.23 runtime/map.go (hmap, bmap).
 */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "golang/runtime.h"

enum {
	GO_LABELS_MAX = 64,
	GO_LABEL_BYTES_MAX = 256
}; // of one goroutine; of one text, longer is cut

struct go_label {
	const char *key, *value;
};

struct go_labels {
	const struct go_label *list; // by key
	size_t count;
	bool cut; // there were more, or longer ones
};

struct go_label_sets {
	struct arena arena;
	struct map by_address;
	VEC(const struct go_labels *) sets;
	uint64_t failed; // sets that could not be read
};

void go_label_sets_deinit(struct go_label_sets *sets);
// The labels at `address` (of g.labels); many goroutines share one. NULL for none.
const struct go_labels *go_labels_read(struct go_label_sets *sets, const struct go_runtime *runtime,
				       taddr_t address);
