// SPDX-License-Identifier: Apache-2.0
// Nothing is wrong, and why. Asked when no cause fits, or when a process that was looked at twice
// neither grows nor is near its limit.
#include "verdict/rules.h"

#define HEALTHY .subject = RULE_PROCESS, .classes = CLASSES_ALL, .status = VERDICT_HEALTHY

static const struct rule rules[] = {
	{
		.name = "healthy-plateau",
		HEALTHY,
		.when = {"killed == 0", "killed.other == 0", "interval > 0", "?limit.used < 70%"},
		.sentence = N_("Healthy: what is kept did not grow in {interval}; the memory is "
			       "{memory}."),
		.refuted_by = N_("growth over a longer time: whyoom why --for 10m"),
	},
};

RULE_FAMILY(healthy_family, rules);
