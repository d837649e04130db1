// SPDX-License-Identifier: Apache-2.0
// Which version of Go printed a crash, as narrow as its text allows.
#pragma once

#include "crash/model_priv.h"

// Fills crash->version.
void version_guess(struct crash *crash, struct crash_log *log);
