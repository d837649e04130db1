// SPDX-License-Identifier: Apache-2.0
// Ledgers that were saved, as report_ledger_to_json wrote them.
#pragma once

#include <jansson.h>

#include "ledger/ledger.h"

// Everything in `object` is untrusted. ERROR_BAD_DATA where it is no ledger, or does not sum up.
// The caller owns *ledger after success.
bool ledger_from_json(const json_t *object, struct ledger *ledger, struct error *error) must_check;
