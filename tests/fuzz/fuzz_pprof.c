// SPDX-License-Identifier: Apache-2.0
// The pprof decoder. What it lets through must encode, decode to the same bytes again, and carry
// everything that is done with a profile; a difference to itself is nothing.
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "profile/diff.h"
#include "profile/pprof_read.h"
#include "profile/pprof_write.h"
#include "profile/profile.h"
#include "profile/top.h"

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_round_trip(const struct profile *profile)
{
	size_t first_size, second_size;
	_cleanup_free_ uint8_t *first = NULL, *second = NULL;
	_cleanup_(profile_freep) struct profile *again = NULL;
	require(pprof_write_plain(profile, &first, &first_size, NULL));
	require(pprof_parse(first, first_size, &again, NULL));
	require(pprof_write_plain(again, &second, &second_size, NULL));
	require(first_size == second_size && !memcmp(first, second, first_size));
}

static void check_diff(const struct profile *profile)
{
	_cleanup_(profile_diff_freep) struct profile_diff *diff = NULL;
	require(profile_diff_new(profile, profile, NULL, &diff, NULL));
	VEC_FOREACH (row, &diff->functions) {
		require(!row->flat_delta && !row->cum_delta);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_(profile_top_freep) struct profile_top *top = NULL;
	_cleanup_(profile_top_stacks_freep) struct profile_top_stacks *stacks = NULL;
	if (!pprof_parse(data, size, &profile, NULL))
		return 0;
	check_round_trip(profile);
	if (!profile->sample_types.count)
		return 0;
	uint32_t type = profile_get_default_sample_type(profile);
	require(profile_top_new(profile, type, PROFILE_TOP_FLAT, &top, NULL));
	require(profile_top_stacks_new(profile, type, &stacks, NULL));
	check_diff(profile);
	return 0;
}
