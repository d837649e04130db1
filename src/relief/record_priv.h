// SPDX-License-Identifier: Apache-2.0
// The text of a record.
#pragma once

#include "relief/record.h"

// The caller frees it.
char *relief_record_write_text(const struct relief_record *record);
// ERROR_BAD_DATA for what is no record, ERROR_LIMIT for too many entries.
bool relief_record_parse(const char *text, size_t size, struct relief_record *record,
			 struct error *error) must_check;
