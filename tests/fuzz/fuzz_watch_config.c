// SPDX-License-Identifier: Apache-2.0
// Configuration files of `whyoom watch`. What is let through is within its bounds, can be said in
// words, and its conditions are parsed again from their own text.
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "watch/config.h"

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_rule(const struct watch_rule *rule)
{
	struct condition again;
	struct rule_state state = {0};
	struct readings readings = {.monotonic_ns = 1, .limit_bytes = 1};
	char reason[512];
	size_t column;
	require(rule->name[0] && rule->condition.count && rule->run_count <= RULE_RUNS_MAX);
	require(rule->quota >= 1 && rule->quota <= RULE_QUOTA_MAX);
	require(condition_parse(rule->condition.text, &again, &column, NULL));
	require(memcmp(&again, &rule->condition, sizeof again) == 0);
	for (int i = 0; i < METRICS; i++)
		reading_set(&readings, (enum metric)i, INT64_MAX);
	(void)rule_update(rule, &state, &readings);
	rule_reason(rule, &state, &readings, reason, sizeof reason);
	for (size_t i = 0; i < rule->run_count; i++)
		require(rule->runs[i].words[0] == '/' && rule->runs[i].count <= RULE_ARGUMENTS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct watch_config *config = alloc_zero(sizeof *config);
	struct error error = {0};
	struct strbuf words = {0};
	if (config_parse((const char *)data, size, "fuzz", config, &error)) {
		for (size_t i = 0; i < config->rule_count; i++)
			check_rule(&config->rules[i]);
		config_explain(config, &words);
		strbuf_deinit(&words);
	} else {
		require(error.message[0]);
	}
	free(config);
	return 0;
}
