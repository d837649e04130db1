// SPDX-License-Identifier: Apache-2.0
/*
 * What a watch was told: triggers, what is kept, its own budget. From a YAML file, which may be
 * anybody's: it is parsed by a child without privileges, and what comes back is plain data of fixed
 * size (no pointers), checked again. docs/watch.md has all keys with an example.
 */
#pragma once

#include "watch/rule.h"

#define CONFIG_CPU_DEFAULT_PERMYRIAD 100 // 1% of a core
#define CONFIG_MEMORY_DEFAULT_BYTES  ((int64_t)64 << 20)

// What stays of the incidents; 0: no bound.
struct watch_keep {
	int count;
	int64_t age_ns, size_bytes;
};

// What the watch itself may take.
struct watch_budget {
	int cpu_permyriad; // of one core, in hundredths of a percent
	int64_t memory_bytes;
};

struct watch_config {
	struct watch_rule rules[RULES_MAX];
	size_t rule_count;
	struct watch_keep keep;
	struct watch_budget budget;
};

// Nothing but the defaults.
void config_init(struct watch_config *config);
// The text of a file. `name` stands in messages, as "name:LINE:COLUMN: what is wrong"; the hint has
// what would be right.
bool config_parse(const char *text, size_t size, const char *name, struct watch_config *config,
		  struct error *error) must_check;
// Opens with privileges, parses without, looks up users. A file that another user than root and
// ourselves can change, and that has commands or relief in it, is refused.
bool config_load(const char *path, struct watch_config *config, struct error *error) must_check;
// --when: one more trigger, with the defaults, "when-1".
bool config_add_condition(const char *text, struct watch_config *config,
			  struct error *error) must_check;
// --keep: "50", "30d", "5GiB", or several of them with commas.
bool config_parse_keep(const char *text, struct watch_keep *keep, struct error *error) must_check;
// What will happen, in plain words (config_words.c).
void config_explain(const struct watch_config *config, struct strbuf *out);
