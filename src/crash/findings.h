// SPDX-License-Identifier: Apache-2.0
// What follows from a crash, in sentences: each with the numbers that carry it.
#pragma once

#include "crash/model_priv.h"

void findings_make(struct crash *crash, struct crash_log *log);
