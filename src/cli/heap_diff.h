// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/cli.h"

// whyoom heap --diff BEFORE AFTER
int heap_diff(const struct cli_arguments *arguments, int rows);
