// SPDX-License-Identifier: Apache-2.0
// The account of a process or a cgroup, and the difference of two, as text and as JSON.
#pragma once

#include "ledger/ledger_diff.h"
#include "report/report.h"
#include "snapshot/account.h"

void report_write_account(const struct account *account, struct report_style style,
			  struct strbuf *out);
json_t *report_account_to_json(const struct account *account);

void report_write_ledger_diff(const struct ledger_diff *diff, struct report_style style,
			      struct strbuf *out);
json_t *report_ledger_diff_to_json(const struct ledger_diff *diff);
