// SPDX-License-Identifier: Apache-2.0
// How a setting's value is shown. Private to report/.
#pragma once

#include "base/units.h"
#include "report/relief.h"

// "none", "off", "400", "173 MiB"
struct human relief_value(enum go_setting_id setting, int64_t value);
json_t *relief_value_to_json(enum go_setting_id setting, int64_t value); // null: none, off
