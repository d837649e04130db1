// SPDX-License-Identifier: Apache-2.0
// What the pprof decoder and the builders share: adding things whose texts are interned already.
#pragma once

#include "profile/profile.h"

// NULL counts as "". Fails at PROFILE_MAX_STRING_BYTES, PROFILE_MAX_STRINGS or a full arena.
bool profile_intern(struct profile *profile, const char *text, size_t length, const char **interned,
		    struct error *error) must_check;
bool profile_put_mapping(struct profile *profile, const struct profile_mapping *mapping,
			 uint32_t *index, struct error *error) must_check;
bool profile_put_function(struct profile *profile, const struct profile_function *function,
			  uint32_t *index, struct error *error) must_check;
bool profile_put_location(struct profile *profile, const struct profile_location *location,
			  uint32_t *index, struct error *error) must_check;
bool profile_put_sample(struct profile *profile, const struct profile_sample *sample,
			struct error *error) must_check;
