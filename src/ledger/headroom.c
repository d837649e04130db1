// SPDX-License-Identifier: Apache-2.0
// In: the statistics of a cgroup and of those above it. Out: the limit that bites, and how far it
// is.
#include "ledger/headroom.h"

static int64_t bytes_of(struct known_u64 number)
{
	if (!number.known)
		return 0;
	return number.value > INT64_MAX ? INT64_MAX : (int64_t)number.value;
}

static int64_t at_least_0(int64_t bytes)
{
	return bytes > 0 ? bytes : 0;
}

static int64_t reclaimable_cache(const struct cgroup_stat *stat)
{
	int64_t cache = at_least_0(bytes_of(stat->file_bytes) - bytes_of(stat->shmem_bytes));
	int64_t listed, unlisted;
	if (!stat->active_file_bytes.known || !stat->inactive_file_bytes.known)
		return cache;
	if (__builtin_add_overflow(bytes_of(stat->active_file_bytes),
				   bytes_of(stat->inactive_file_bytes), &listed))
		return cache;
	// On no list: locked for good, or on the way to a list.
	unlisted = at_least_0(cache - listed - bytes_of(stat->unevictable_bytes));
	return listed + unlisted;
}

int64_t headroom_reclaimable_bytes(const struct cgroup_stat *stat)
{
	int64_t sum, usage = bytes_of(stat->counts.usage_bytes);
	if (__builtin_add_overflow(reclaimable_cache(stat), bytes_of(stat->slab_reclaimable_bytes),
				   &sum))
		sum = INT64_MAX;
	return stat->counts.usage_bytes.known && sum > usage ? usage : sum;
}

static struct headroom_level measure(const char *path, struct cgroup_limit limit,
				     const struct cgroup_stat *stat)
{
	struct headroom_level level = {
		.path = path,
		.limit_bytes = bytes_of(known(limit.bytes)),
		.usage_bytes = stat->counts.usage_bytes,
		.reclaimable_bytes = headroom_reclaimable_bytes(stat),
	};
	level.unreclaimable_bytes =
		at_least_0(bytes_of(level.usage_bytes) - level.reclaimable_bytes);
	level.headroom_bytes = level.limit_bytes - level.unreclaimable_bytes;
	return level;
}

static void keep_least(bool *found, struct headroom_level *least, struct headroom_level level)
{
	if (*found && least->headroom_bytes <= level.headroom_bytes)
		return;
	*found = true;
	*least = level;
}

static bool is_set(struct cgroup_limit limit)
{
	return limit.known && !limit.unlimited;
}

static void lower_swap(struct headroom *headroom, uint64_t limit_bytes, uint64_t used_bytes)
{
	uint64_t left = limit_bytes > used_bytes ? limit_bytes - used_bytes : 0;
	struct known_u64 *least = &headroom->swap_left_bytes;
	if (!least->known || left < least->value)
		*least = known(left);
}

// v1 limits the sum of memory and swap: once memory is full, what is left of the sum is swap.
static void add_swap(struct headroom *headroom, const struct cgroup_stat *stat)
{
	uint64_t sum = stat->memsw_limit.bytes, memory = stat->limit.bytes;
	if (!stat->swap_bytes.known)
		return;
	if (is_set(stat->swap_limit))
		lower_swap(headroom, stat->swap_limit.bytes, stat->swap_bytes.value);
	if (is_set(stat->memsw_limit) && is_set(stat->limit))
		lower_swap(headroom, sum > memory ? sum - memory : 0, stat->swap_bytes.value);
}

static void add_level(struct headroom *headroom, const char *path, const struct cgroup_stat *stat)
{
	headroom->level_count++;
	if (is_set(stat->limit) && stat->counts.usage_bytes.known)
		keep_least(&headroom->limited, &headroom->bites, measure(path, stat->limit, stat));
	if (is_set(stat->high) && stat->counts.usage_bytes.known)
		keep_least(&headroom->throttled, &headroom->throttles,
			   measure(path, stat->high, stat));
	add_swap(headroom, stat);
}

// v1 says the smallest limit of all, also of what is not mounted here. Its usage is not to be seen:
// at least this cgroup's own counts there.
static void add_hidden(struct headroom *headroom, const struct cgroup_stat *own)
{
	if (!is_set(own->effective_limit) || own->effective_limit_path)
		return;
	struct headroom_level hidden = measure(NULL, own->effective_limit, own);
	hidden.usage_bytes = (struct known_u64){0};
	keep_least(&headroom->limited, &headroom->bites, hidden);
}

bool headroom_read(struct cgroup *cgroup, struct headroom *out, struct error *error)
{
	struct headroom headroom = {0};
	struct cgroup_stat own, above;
	if (!cgroup_stat(cgroup, &own, error))
		return false;
	add_level(&headroom, cgroup_get_path(cgroup), &own);
	for (size_t level = 1; level < cgroup_count_levels(cgroup); level++) {
		if (cgroup_stat_level(cgroup, level, &above, &headroom.reason))
			add_level(&headroom, cgroup_get_level_path(cgroup, level), &above);
		else
			headroom.partial = true;
	}
	add_hidden(&headroom, &own);
	*out = headroom;
	return true;
}
