// SPDX-License-Identifier: Apache-2.0
/*
 * Between groups and goroutine profiles of pprof. A profile knows neither states nor creators nor
 * wait times; what a goroutine waits for is told by the runtime's functions on top of its stack,
 * which the runtime's dumps hide: they are left out here, too, so that both compare.
 */
#pragma once

#include "base/error.h"
#include "goroutine/groups.h"
#include "profile/profile.h"

// ERROR_BAD_DATA where it is a profile of something else.
bool goroutine_set_from_profile(const struct profile *profile, struct goroutine_set *set,
				struct error *error) must_check;
// For `go tool pprof`: a sample a group, with its labels and its state as labels.
bool goroutine_set_to_profile(const struct goroutine_set *set, int64_t taken_unix_ns,
			      struct profile **profile, struct error *error) must_check;
// "chan receive" of runtime.chanrecv, for frames innermost first that include the runtime's own;
// NULL where nothing is known.
const char *goroutine_wait_of_frames(const struct goroutine_frame *frames, size_t depth);
// Leaves the frames that the runtime's dumps hide out, in place; returns how many stay (all, where
// none would).
size_t goroutine_hide_frames(struct goroutine_frame *frames, size_t depth);
// Whether a goroutine that began in `start` and was made by `creator` is the runtime's own.
bool goroutine_is_system(const char *start, const char *creator);
