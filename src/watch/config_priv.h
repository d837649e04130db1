// SPDX-License-Identifier: Apache-2.0
// What reading a configuration file and reading flags have in common.
#pragma once

#include "watch/config.h"

enum { CONFIG_KEEP_COUNT_MAX = 1000000 };

// The defaults of a trigger.
void config_rule_init(struct watch_rule *rule);
