// SPDX-License-Identifier: Apache-2.0
// The families of causes. A rule fills the verdict and returns true when the evidence carries it;
// else it leaves the verdict alone, or says in `why_not` what is missing. To add one:
// docs/architecture.md, "A new rule".
#pragma once

#include "base/strbuf.h"
#include "verdict/verdict.h"

struct evidence {
	const struct snapshot *snapshot;
	const struct snapshot_baseline *baseline; // NULL: nothing to compare with
	const struct kill_facts *kill;            // NULL: the process lives
	const struct ledger *ledger; // the cgroup's if that has a limit, else the process's
	int64_t charge_bytes;        // its total
	int64_t heap_bytes;          // of it, the Go heap: objects, free slots, idle
	int64_t object_bytes;        // of that, objects
};

struct rule {
	const char *name;
	bool (*decide)(const struct evidence *evidence, struct verdict *verdict,
		       struct strbuf *why_not);
};

bool rule_holder(const struct evidence *evidence, struct verdict *verdict, struct strbuf *why_not);

const char *verdict_text(struct verdict *verdict, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
// The target as a command takes it: its pid, or the word for its core file.
const char *verdict_target(struct verdict *verdict, const struct snapshot *snapshot);
// The last `parts` elements of a path.
const char *path_tail(const char *path, int parts);
