// SPDX-License-Identifier: Apache-2.0
// In: the facts of now and of the baseline. Out: what rules look at.
#include "verdict/evidence.h"

#include <string.h>

#include "base/i18n.h"
#include "verdict/evidence_priv.h"

static const double PRESSURE_MIN = 0.7; // of the limit: below, a process that lives has room

static const struct {
	const char *name;
	const char *facts[2]; // the first that is known
} classes[CLASS_COUNT] = {
	[CLASS_HEAP] = {N_("the Go heap"), {"heap.resident"}},
	[CLASS_STACKS] = {N_("goroutine stacks"), {"go.stacks"}},
	[CLASS_RUNTIME] = {N_("the Go runtime's own structures"), {"go.metadata"}},
	[CLASS_NATIVE] = {N_("memory outside of Go (C libraries, mmap)"), {"anon"}},
	[CLASS_FILES] = {N_("mapped files"), {"files"}},
	[CLASS_CACHE] = {N_("page cache"), {"cgroup.cache"}},
	[CLASS_SHMEM] = {N_("shared memory and tmpfs"), {"cgroup.shmem", "shmem"}},
	[CLASS_KERNEL] = {N_("kernel memory"), {"cgroup.kernel"}},
	[CLASS_SOCKETS] = {N_("socket buffers"), {"cgroup.sock"}},
	[CLASS_OTHERS] = {N_("other processes in the cgroup"), {"others.anon"}},
};

const char *class_name(enum memory_class class)
{
	return classes[class].name;
}

static bool class_bytes(const struct facts *facts, int class, int64_t *bytes)
{
	double value;
	for (int i = 0; i < 2 && classes[class].facts[i]; i++) {
		if (!facts_get(facts, classes[class].facts[i], &value))
			continue;
		*bytes = (int64_t)value;
		return true;
	}
	return false;
}

// What Go gave back does not come back by its own doing, so no collection takes it away again.
static int64_t come_back(const struct evidence *evidence)
{
	double now, before;
	if (!facts_get(evidence->now, "heap.back", &now) ||
	    !facts_get(evidence->before, "heap.back", &before))
		return 0;
	return now > before ? (int64_t)(now - before) : 0;
}

// Of a process that lives the resident heap goes up and down with the collections: there it is what
// will be kept that counts.
static int64_t rise_of(const struct evidence *evidence, int class)
{
	const struct class_figure *figure = &evidence->classes[class];
	int64_t rise = figure->bytes - figure->before_bytes;
	if (class == CLASS_HEAP && evidence->estimated && evidence->heap.stacks &&
	    evidence->heap_before.stacks)
		rise = evidence_bound_by_marked(evidence, evidence->heap.total -
								  evidence->heap_before.total) +
		       come_back(evidence);
	return rise;
}

// In a cgroup the pages of mapped files are page cache, or anonymous when they were written.
static void gather_classes(struct evidence *evidence)
{
	double value;
	bool cgroup = facts_get(evidence->now, "cgroup.cache", &value);
	for (int i = 0; i < CLASS_COUNT; i++) {
		struct class_figure *figure = &evidence->classes[i];
		figure->known = class_bytes(evidence->now, i, &figure->bytes);
		if (cgroup && i == CLASS_FILES)
			*figure = (struct class_figure){0};
		if (evidence->before && !evidence->mismatch)
			(void)!class_bytes(evidence->before, i, &figure->before_bytes);
	}
}

static int64_t sum_rises(struct evidence *evidence, bool growth)
{
	int64_t sum = 0;
	for (int i = 0; i < CLASS_COUNT; i++) {
		struct class_figure *figure = &evidence->classes[i];
		int64_t rise = growth ? rise_of(evidence, i) : figure->bytes;
		figure->rise = figure->known && rise > 0 ? rise : 0;
		// What the kernel takes back kills nobody.
		if (i == CLASS_CACHE && evidence_killed(evidence))
			figure->rise = 0;
		sum += figure->rise;
	}
	return sum;
}

// What grew, if that is enough that something is going on; else what is there.
static void gather_rises(struct evidence *evidence)
{
	evidence->rise = evidence->memory_before > 0 ? sum_rises(evidence, true) : 0;
	evidence->by_growth =
		evidence->rise >= GROWTH_BYTES_MIN &&
		(double)evidence->rise >= GROWTH_SHARE_MIN * (double)evidence->memory_before &&
		(evidence->estimated || evidence_grew(evidence));
	if (!evidence->by_growth)
		evidence->rise = sum_rises(evidence, false);
}

int64_t class_rise(const struct evidence *evidence, unsigned int which)
{
	int64_t sum = 0;
	for (int i = 0; i < CLASS_COUNT; i++)
		if (which & CLASS_BIT(i))
			sum += evidence->classes[i].rise;
	return sum;
}

double class_share(const struct evidence *evidence, unsigned int which)
{
	return evidence->rise > 0 ? (double)class_rise(evidence, which) / (double)evidence->rise
				  : 0;
}

bool evidence_killed(const struct evidence *evidence)
{
	const struct kill_facts *kill = evidence->kill;
	return kill && kill_is_for_memory(kill);
}

bool evidence_near_limit(const struct evidence *evidence)
{
	double used;
	return facts_get(evidence->now, "limit.used", &used) && used >= PRESSURE_MIN;
}

bool evidence_grew(const struct evidence *evidence)
{
	int64_t grown = evidence->memory - evidence->memory_before;
	return evidence->memory_before > 0 && grown >= GROWTH_BYTES_MIN &&
	       (double)grown >= GROWTH_SHARE_MIN * (double)evidence->memory_before;
}

static bool same_process(const struct snapshot_identity *left,
			 const struct snapshot_identity *right)
{
	if (!left || !right)
		return true; // not known
	if (left->build_id && right->build_id && left->build_id[0] && right->build_id[0] &&
	    strcmp(left->build_id, right->build_id) != 0)
		return false;
	return strcmp(left->command, right->command) == 0 || !left->command[0] ||
	       !right->command[0];
}

static void check_pair(struct evidence *evidence, const struct snapshot_baseline *baseline)
{
	const struct facts *before = evidence->before;
	if (before && !same_process(evidence->now->identity, before->identity))
		evidence->mismatch_text = _("the baseline is of another program, or another build: "
					    "what grew is not known");
	else if (evidence->now->taken_unix_ns &&
		 baseline->taken_unix_ns > evidence->now->taken_unix_ns)
		evidence->mismatch_text = _("the baseline is newer than what it is compared with: "
					    "what grew is not known");
	evidence->mismatch = evidence->mismatch_text != NULL;
}

static void gather_memory(struct evidence *evidence, const struct snapshot_baseline *baseline)
{
	double value;
	if (facts_get(evidence->now, "memory", &value))
		evidence->memory = (int64_t)value;
	if (!baseline || evidence->mismatch)
		return;
	if (evidence->before && facts_get(evidence->before, "memory", &value))
		evidence->memory_before = (int64_t)value;
}

void evidence_gather(const struct facts *now, const struct snapshot_baseline *baseline,
		     const struct kill_facts *kill, struct evidence *evidence)
{
	*evidence = (struct evidence){.now = now, .baseline = baseline, .kill = kill};
	if (baseline) {
		evidence->before = baseline->facts;
		evidence->interval_ns = now->taken_unix_ns - baseline->taken_unix_ns;
		check_pair(evidence, baseline);
	}
	gather_memory(evidence, baseline);
	gather_classes(evidence);
	evidence_gather_heap(evidence, baseline ? baseline->heap : NULL);
	gather_rises(evidence);
	evidence_judge_heap(evidence);
	evidence_gather_groups(evidence);
	evidence_find_following(evidence);
}

void evidence_deinit(struct evidence *evidence)
{
	profile_top_stacks_free(evidence->heap.stacks);
	profile_top_stacks_free(evidence->heap_before.stacks);
	vec_deinit(&evidence->heap.list);
	vec_deinit(&evidence->heap_before.list);
	map_deinit(&evidence->group_map);
	vec_deinit(&evidence->groups);
}
