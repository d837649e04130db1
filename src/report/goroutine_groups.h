// SPDX-License-Identifier: Apache-2.0
// The largest groups of goroutines as part of a report's JSON.
#pragma once

#include <jansson.h>

#include "snapshot/snapshot.h"

json_t *goroutine_groups_to_json(const struct snapshot_identity *identity,
				 const struct goroutine_set *set);
