// SPDX-License-Identifier: Apache-2.0
// In: a cgroup, a new size. Out: its limit is raised within what others have, or lowered again.
#include "relief/cgroup_relief.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "relief/room.h"

enum { PERCENT_MOST = 1000 };

static void close_cgroup(struct cgroup **cgroup)
{
	cgroup_close(*cgroup);
}

bool relief_size_parse(const char *text, struct relief_size *size)
{
	struct relief_size parsed = {.kind = RELIEF_SIZE_BYTES};
	char digits[16];
	size_t length = strlen(text);
	if (text[0] == '+') {
		parsed.kind = RELIEF_SIZE_MORE_BYTES;
		text++;
		length--;
	}
	if (parsed.kind == RELIEF_SIZE_MORE_BYTES && length > 1 && length < sizeof digits &&
	    text[length - 1] == '%') {
		snprintf(digits, sizeof digits, "%.*s", (int)length - 1, text);
		parsed.kind = RELIEF_SIZE_MORE_PERCENT;
		if (!parse_integer(digits, 1, PERCENT_MOST, &parsed.amount))
			return false;
	} else if (!parse_bytes(text, &parsed.amount) || parsed.amount <= 0 ||
		   parsed.amount > RELIEF_BYTES_MAX) {
		return false;
	}
	*size = parsed;
	return true;
}

// What a cgroup's new limit may be at most, so that `has` of its ancestor or the node suffices.
static void lower_most(struct relief_cgroup_plan *plan, int64_t has, const char *who)
{
	int64_t most = plan->usage_bytes + (has > 0 ? has : 0);
	if (most >= plan->most_bytes)
		return;
	plan->most_bytes = most;
	snprintf(plan->tightest, sizeof plan->tightest, "%s", who);
}

// Where the hierarchy ends, or cannot be seen, so does this.
static bool look_above(const char *path, struct relief_cgroup_plan *plan, struct error *error)
{
	char parent[PATH_MAX];
	snprintf(parent, sizeof parent, "%s", path);
	for (int depth = 0; depth < CGROUP_DEPTH_MAX; depth++) {
		_cleanup_(close_cgroup) struct cgroup *above = NULL;
		struct cgroup_stat stat;
		char *slash = strrchr(parent, '/');
		if (!slash || slash == parent)
			return true;
		*slash = '\0';
		if (!cgroup_open(parent, &above, NULL))
			return true;
		if (!cgroup_stat(above, &stat, error))
			return false;
		if (!stat.limit.known || stat.limit.unlimited ||
		    stat.limit.bytes >= (uint64_t)RELIEF_BYTES_MAX)
			continue;
		int64_t limit = (int64_t)stat.limit.bytes;
		lower_most(plan, limit - relief_stuck_bytes(above, &stat), parent);
		if (limit < plan->most_bytes) { // a limit above that of an ancestor means nothing
			plan->most_bytes = limit;
			snprintf(plan->tightest, sizeof plan->tightest, "%s", parent);
		}
	}
	return true;
}

static int64_t size_from(int64_t old, const struct relief_size *size)
{
	switch (size->kind) {
	case RELIEF_SIZE_BYTES:
		return size->amount;
	case RELIEF_SIZE_MORE_BYTES:
		return old + size->amount;
	case RELIEF_SIZE_MORE_PERCENT:
		return old + old / 100 * size->amount + old % 100 * size->amount / 100;
	}
	return old;
}

static bool is_bounded(struct cgroup_limit limit)
{
	return limit.known && !limit.unlimited && limit.bytes < (uint64_t)RELIEF_BYTES_MAX;
}

static bool check(const struct cgroup *cgroup, const struct relief_cgroup_plan *plan,
		  struct error *error)
{
	int64_t old = (int64_t)plan->from.memory.bytes, new = (int64_t)plan->to.memory.bytes;
	if (new <= old) {
		error_set(error, ERROR_USAGE, "%s of cgroup %s is %s: %s is no more",
			  cgroup_limit_file(cgroup), cgroup_get_path(cgroup), human_bytes(old).text,
			  human_bytes(new).text);
		return error_hint(error, "relief raises a limit; --undo brings back the one from "
					 "before");
	}
	if (new <= plan->most_bytes)
		return true;
	error_set(error, ERROR_USAGE, "%s%s has no room for a limit of %s, %s is the most",
		  plan->tightest[0] ? "cgroup " : "the node", plan->tightest, human_bytes(new).text,
		  human_bytes(plan->most_bytes).text);
	return plan->most_bytes > old
		       ? error_hint(error, "--limit %lld fits",
				    (long long)(plan->most_bytes - plan->most_bytes % 4096))
		       : error_hint(error, "raise the limit there first");
}

static void raise_to(struct relief_cgroup_plan *plan, int64_t bytes)
{
	bytes -= bytes % sysconf(_SC_PAGESIZE); // so does the kernel
	uint64_t more = (uint64_t)bytes - plan->from.memory.bytes;
	plan->to = plan->from;
	plan->to.memory.bytes = (uint64_t)bytes;
	plan->with_swap = is_bounded(plan->from.with_swap);
	if (plan->with_swap && (uint64_t)bytes > plan->from.memory.bytes)
		plan->to.with_swap.bytes += more;
}

bool relief_cgroup_plan(const struct cgroup *cgroup, const char *proc_root,
			const struct relief_size *size, struct relief_cgroup_plan *out,
			struct error *error)
{
	struct relief_cgroup_plan plan = {.most_bytes = RELIEF_BYTES_MAX};
	struct cgroup_stat stat;
	int64_t available;
	_cleanup_(close_cgroup) struct cgroup *again = NULL; // cgroup_stat is not const
	if (!cgroup_open(cgroup_get_path(cgroup), &again, error) ||
	    !cgroup_stat(again, &stat, error) || !cgroup_limits_read(cgroup, &plan.from, error) ||
	    !relief_node_available(proc_root, &available, error))
		return false;
	if (!is_bounded(plan.from.memory))
		return error_set(error, ERROR_USAGE, "cgroup %s has no memory limit of its own",
				 cgroup_get_path(cgroup));
	plan.usage_bytes = (int64_t)stat.counts.usage_bytes.value;
	plan.high = stat.high;
	lower_most(&plan, available, "");
	if (!look_above(cgroup_get_path(cgroup), &plan, error))
		return false;
	raise_to(&plan, size_from((int64_t)plan.from.memory.bytes, size));
	if (!check(cgroup, &plan, error))
		return false;
	*out = plan;
	return true;
}

static bool begin_record(const struct cgroup *cgroup, struct relief_record *record,
			 struct error *error)
{
	struct stat stat;
	if (fstat(cgroup_get_dir(cgroup), &stat) != 0)
		return error_set(error, ERROR_NOT_FOUND, "cgroup %s was removed",
				 cgroup_get_path(cgroup));
	return relief_record_begin(0, 0, stat.st_ino, cgroup_get_path(cgroup), record, error);
}

static int64_t to_number(struct cgroup_limit limit)
{
	return limit.unlimited ? -1 : (int64_t)limit.bytes;
}

static struct cgroup_limit to_limit(int64_t number)
{
	if (number < 0)
		return (struct cgroup_limit){.known = true, .unlimited = true};
	return (struct cgroup_limit){.known = true, .bytes = (uint64_t)number};
}

static bool note(const struct cgroup *cgroup, const struct relief_cgroup_plan *plan,
		 const struct relief_state *state, struct relief_record *record,
		 struct error *error)
{
	bool stale;
	return begin_record(cgroup, record, error) &&
	       relief_record_load(state, record, &stale, error) &&
	       relief_record_add(record, cgroup_limit_file(cgroup), to_number(plan->from.memory),
				 to_number(plan->to.memory), error) &&
	       (!plan->with_swap || relief_record_add(record, cgroup_swap_limit_file(cgroup),
						      to_number(plan->from.with_swap),
						      to_number(plan->to.with_swap), error)) &&
	       relief_record_store(state, record, error);
}

bool relief_cgroup_apply(const struct cgroup *cgroup, const struct relief_cgroup_plan *plan,
			 const char *state_path, char record_path[PATH_MAX + 64],
			 struct error *error)
{
	struct relief_state state;
	struct relief_record record;
	if (!relief_state_open(state_path, &state, error))
		return false;
	bool ok = note(cgroup, plan, &state, &record, error) &&
		  cgroup_limits_write(cgroup, &plan->from, &plan->to, error);
	if (ok && record_path)
		relief_record_path(&state, &record, record_path);
	relief_state_close(&state);
	return ok;
}

// One of the two files: what was noted of it, and what it is to become.
static bool find_before(const struct relief_record *record, const char *name,
			struct cgroup_limit found, struct cgroup_limit *before,
			struct cgroup_limit *written, bool *not_ours)
{
	const struct relief_entry *entry = name ? relief_record_find(record, name) : NULL;
	*before = *written = found;
	if (!entry)
		return false;
	*before = to_limit(entry->before);
	*written = to_limit(entry->written);
	*not_ours |= !cgroup_limit_equal(*before, found) &&
		     !relief_entry_is_ours(entry, to_number(found));
	return true;
}

static bool fits(struct cgroup *cgroup, struct cgroup_limit limit, struct error *error)
{
	struct cgroup_stat stat;
	if (!cgroup_stat(cgroup, &stat, error))
		return false;
	int64_t stuck = relief_stuck_bytes(cgroup, &stat);
	if (limit.unlimited || stuck < (int64_t)limit.bytes)
		return true;
	error_set(error, ERROR_UNSUPPORTED,
		  "cgroup %s holds %s that cannot be taken back, more than the %s it had before",
		  cgroup_get_path(cgroup), human_bytes(stuck).text,
		  human_bytes((int64_t)limit.bytes).text);
	return error_hint(error, "the limit is left as it is, since the kernel would kill for it");
}

static bool undo_noted(struct cgroup *cgroup, struct relief_record *record,
		       struct relief_cgroup_undo *undo, struct error *error)
{
	bool noted = find_before(record, cgroup_limit_file(cgroup), undo->found.memory,
				 &undo->before.memory, &undo->written.memory, &undo->not_ours);
	find_before(record, cgroup_swap_limit_file(cgroup), undo->found.with_swap,
		    &undo->before.with_swap, &undo->written.with_swap, &undo->not_ours);
	undo->nothing = !noted;
	if (undo->nothing || undo->not_ours)
		return true;
	return fits(cgroup, undo->before.memory, error) &&
	       cgroup_limits_write(cgroup, &undo->found, &undo->before, error);
}

bool relief_cgroup_undo(struct cgroup *cgroup, const char *state_path,
			struct relief_cgroup_undo *out, struct error *error)
{
	struct relief_state state;
	struct relief_record record;
	struct relief_cgroup_undo undo = {0};
	bool stale;
	if (!relief_state_open(state_path, &state, error))
		return false;
	bool ok = cgroup_limits_read(cgroup, &undo.found, error) &&
		  begin_record(cgroup, &record, error) &&
		  relief_record_load(&state, &record, &stale, error) &&
		  undo_noted(cgroup, &record, &undo, error);
	if (ok) {
		record.count = 0;
		ok = relief_record_store(&state, &record, error);
	}
	relief_state_close(&state);
	if (ok)
		*out = undo;
	return ok;
}
