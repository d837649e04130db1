// SPDX-License-Identifier: Apache-2.0
// In: a snapshot and the facts of a kill. Out: the facts, by name.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot/heap_profile.h"
#include "snapshot/swings.h"
#include "verdict/facts.h"
#include "verdict/frames.h"
#include "verdict/verdict.h"

#define DECODERS                                                                             \
	"encoding/...|github.com/json-iterator/go...|github.com/goccy/go-json...|"           \
	"github.com/bytedance/sonic...|google.golang.org/protobuf...|gopkg.in/yaml%2ev3...|" \
	"gopkg.in/yaml.v3...|github.com/vmihailenco/msgpack..."
enum {
	G_STRUCT_BYTES = 448, // runtime.g
	COLLECTIONS_MIN = 4,  // in each half of the time, for their least to tell
};
static const double HEAP_MINIMUM_BYTES = 4 << 20; // runtime.defaultHeapMinimum

static void set_if(struct facts *facts, bool known, const char *name, double value)
{
	if (known)
		facts_set(facts, name, value);
}

static void set_share(struct facts *facts, const char *name, double part, double whole)
{
	if (whole > 0)
		facts_set(facts, name, part / whole);
}

// ---- the ledgers ----

static void gather_rows(struct facts *facts, const char *prefix, const struct ledger *ledger)
{
	char name[FACT_NAME_MAX];
	VEC_FOREACH (row, &ledger->rows) {
		snprintf(name, sizeof name, "%s%s", prefix, row->key);
		facts_set(facts, name, (double)row->bytes);
	}
	VEC_FOREACH (row, &ledger->beside) {
		snprintf(name, sizeof name, "%s%s", prefix, row->key);
		facts_set(facts, name, (double)row->bytes);
	}
}

// A row that the ledger left out is zero: the ledger is whole.
static void gather_zeros(struct facts *facts, const char *const *names, size_t count)
{
	double value;
	for (size_t i = 0; i < count; i++)
		if (!facts_get(facts, names[i], &value))
			facts_set(facts, names[i], 0);
}

static void gather_process(struct facts *facts, const struct snapshot *snapshot)
{
	static const char *const always[] = {
		"go",
		"go.heap.objects",
		"go.heap.live",
		"go.heap.young",
		"go.heap.garbage",
		"go.stacks",
		"go.metadata",
		"anon",
		"files",
		"go.heap.free_slots",
		"shmem",
		"go.heap.idle",
		"anon.malloc",
		"anon.threads",
		"anon.other",
	};
	const struct ledger *ledger = &snapshot->process_ledger;
	if (!snapshot_has(&snapshot->process_ledger_absent))
		return;
	// What could not be told apart from Go's is not outside of Go.
	if (snapshot->identity.is_go && !snapshot_has(&snapshot->go_absent)) {
		facts_set(facts, "rss", (double)ledger->total_bytes);
		facts_set(facts, "files", (double)ledger_bytes(ledger, "files"));
		facts_set(facts, "shmem", (double)ledger_bytes(ledger, "shmem"));
		return;
	}
	gather_rows(facts, "", ledger);
	gather_zeros(facts, always, sizeof always / sizeof *always);
	double freed = (double)(ledger_bytes(ledger, "anon.malloc.main.free") +
				ledger_bytes(ledger, "anon.malloc.arenas.free"));
	facts_set(facts, "anon.malloc.free", freed);
	facts_set(facts, "anon.malloc.used", (double)ledger_bytes(ledger, "anon.malloc") - freed);
	facts_set(facts, "rss", (double)ledger->total_bytes);
	facts_set(facts, "heap.resident",
		  (double)(ledger_bytes(ledger, "go.heap.objects") +
			   ledger_bytes(ledger, "go.heap.free_slots") +
			   ledger_bytes(ledger, "go.heap.idle")));
}

// The rows of the other processes: depth 1 below "anon", by pid, and one for all the small ones.
static void gather_others(struct facts *facts, const struct snapshot *snapshot)
{
	double sum = 0, largest = 0;
	char own[64];
	snprintf(own, sizeof own, "anon.process.%d", snapshot->identity.pid);
	VEC_FOREACH (row, &snapshot->cgroup_ledger.rows) {
		if (row->depth != 1 || strncmp(row->key, "anon.process", 12) != 0 ||
		    strcmp(row->key, own) == 0)
			continue;
		sum += (double)row->bytes;
		if ((double)row->bytes > largest)
			largest = (double)row->bytes;
	}
	facts_set(facts, "others.anon", sum);
	facts_set(facts, "others.largest", largest);
}

static void gather_cgroup(struct facts *facts, const struct snapshot *snapshot)
{
	static const char *const always[] = {"cgroup.anon", "cgroup.cache", "cgroup.shmem",
					     "cgroup.kernel", "cgroup.sock"};
	const struct snapshot_cgroup *cgroup = &snapshot->cgroup;
	if (snapshot_has(&snapshot->cgroup_ledger_absent) && cgroup->limit_bytes >= 0) {
		gather_rows(facts, "cgroup.", &snapshot->cgroup_ledger);
		gather_zeros(facts, always, sizeof always / sizeof *always);
		gather_others(facts, snapshot);
		facts_set(facts, "memory", (double)snapshot->cgroup_ledger.total_bytes);
	}
	if (!snapshot_has(&snapshot->cgroup_absent))
		return;
	facts_set(facts, "cgroup.processes", cgroup->processes);
	if (cgroup->limit_bytes > 0) {
		facts_set(facts, "limit", (double)cgroup->limit_bytes);
		set_share(facts, "limit.used", (double)cgroup->usage_bytes,
			  (double)cgroup->limit_bytes);
		facts_set(facts, "limit.is_own", strcmp(cgroup->path, cgroup->limit_path) == 0);
	}
	const struct headroom *headroom = &cgroup->headroom;
	if (headroom->throttled && headroom->throttles.usage_bytes.known)
		set_share(facts, "throttle.used", (double)headroom->throttles.usage_bytes.value,
			  (double)headroom->throttles.limit_bytes);
}

// A cgroup without a limit is nobody's budget: then the process alone counts.
static void gather_thread_stacks(struct facts *facts)
{
	double own, kernels;
	if (facts_get(facts, "anon.threads", &own) &&
	    facts_get(facts, "cgroup.kernel.stacks", &kernels))
		facts_set(facts, "threads.stacks", own + kernels);
}

static void gather_memory(struct facts *facts, const struct snapshot *snapshot)
{
	double value;
	gather_process(facts, snapshot);
	gather_cgroup(facts, snapshot);
	gather_thread_stacks(facts);
	if (!facts_get(facts, "memory", &value) && facts_get(facts, "rss", &value))
		facts_set(facts, "memory", value);
}

// ---- what the runtime says ----

static void gather_heap(struct facts *facts, const struct snapshot_go *go)
{
	const struct go_memstats *stats = &go->stats;
	double alloc = (double)go->heap_alloc_bytes, inuse = (double)stats->heap_inuse;
	facts_set(facts, "heap.alloc", alloc);
	facts_set(facts, "heap.objects", (double)go->heap_objects);
	set_share(facts, "heap.object_size", alloc, (double)go->heap_objects);
	facts_set(facts, "heap.marked", (double)stats->heap_marked);
	set_share(facts, "heap.live_share", (double)stats->heap_marked, alloc);
	if (!stats->sys) // not read: made by hand, or of a file that did not say
		return;
	facts_set(facts, "heap.inuse", inuse);
	facts_set(facts, "heap.idle", (double)stats->heap_idle);
	facts_set(facts, "heap.released", (double)stats->heap_released);
	double kept = (double)stats->heap_idle - (double)stats->heap_released, idle;
	facts_set(facts, "heap.retained", kept);
	if (facts_get(facts, "go.heap.idle", &idle))
		facts_set(facts, "heap.back", idle > kept ? idle - kept : 0);
	facts_set(facts, "heap.sys", (double)stats->heap_sys);
	facts_set(facts, "heap.free_slots", inuse - alloc);
	set_share(facts, "heap.free_share", inuse - alloc, inuse);
	set_if(facts, stats->next_gc != UINT64_MAX, "heap.goal", (double)stats->next_gc);
	set_if(facts, stats->gc_percent_goal && stats->gc_percent_goal != UINT64_MAX,
	       "heap.goal_gogc", (double)stats->gc_percent_goal);
	facts_set(facts, "go.sys", (double)stats->sys);
	facts_set(facts, "go.held", (double)stats->sys - (double)stats->heap_released);
	facts_set(facts, "stacks.inuse", (double)stats->stack_inuse);
	facts_set(facts, "metadata.buckets", (double)stats->buckhash_sys);
	facts_set(facts, "metadata.gc", (double)stats->gc_sys);
	facts_set(facts, "metadata.other", (double)stats->other_sys);
	set_if(facts, stats->has_counters, "total_alloc", (double)stats->total_alloc);
	set_if(facts, stats->has_counters, "mallocs", (double)stats->mallocs);
	facts_set(facts, "procs.caches",
		  (double)stats->held.unused_bytes + (double)stats->held.cached_stack_bytes);
}

static void gather_collector(struct facts *facts, const struct snapshot *snapshot)
{
	const struct go_memstats *stats = &snapshot->go.stats;
	if (!stats->sys)
		return;
	facts_set(facts, "gc.percent", stats->gc_percent);
	facts_set(facts, "gc.memory_limit_set", stats->memory_limit != INT64_MAX);
	set_if(facts, stats->memory_limit != INT64_MAX, "gc.memory_limit",
	       (double)stats->memory_limit);
	facts_set(facts, "gc.cycles", (double)stats->num_gc);
	facts_set(facts, "gc.forced", (double)stats->num_forced_gc);
	facts_set(facts, "gc.cpu", stats->gc_cpu_fraction);
	facts_set(facts, "procs", stats->gomaxprocs);
	set_if(facts, stats->last_gc_unix_ns > 0, "gc.last_age",
	       (double)(snapshot->quality.taken_unix_ns - stats->last_gc_unix_ns));
}

static void gather_scheduler(struct facts *facts, const struct go_scheduler *scheduler)
{
	facts_set(facts, "threads.in_syscall", (double)scheduler->threads.in_syscall);
	facts_set(facts, "threads.in_c", (double)scheduler->threads.in_c);
	facts_set(facts, "threads.locked", (double)scheduler->threads.locked);
	set_if(facts, scheduler->timers.known, "timers", (double)scheduler->timers.total);
	set_if(facts, scheduler->finalizers.waiting.known, "finalizers.waiting",
	       (double)scheduler->finalizers.waiting.value);
	set_if(facts, scheduler->finalizers.set.known, "finalizers.set",
	       (double)scheduler->finalizers.set.value);
	set_if(facts, scheduler->finalizers.running_known, "finalizers.running",
	       scheduler->finalizers.running);
}

static void gather_containers(struct facts *facts, const struct snapshot_runtime *runtime)
{
	const struct go_pools *pools = &runtime->pools;
	const struct go_backlog *backlog = &runtime->backlog;
	if (runtime->pools_known) {
		facts_set(facts, "pools", (double)pools->pools);
		facts_set(facts, "pools.objects", (double)pools->objects);
		facts_set(facts, "pools.bytes", (double)pools->bytes);
		facts_set(facts, "pools.largest", (double)pools->largest_bytes);
	}
	double caches = 0;
	if (facts_get(facts, "procs.caches", &caches))
		facts_set(facts, "procs.keeps",
			  caches + (runtime->pools_known ? (double)pools->bytes : 0));
	if (!runtime->backlog_known)
		return;
	facts_set(facts, "queue.address", (double)backlog->channel); // of 48 bits
	facts_set(facts, "queue.length", (double)backlog->length);
	facts_set(facts, "queue.capacity", (double)backlog->capacity);
	facts_set(facts, "queue.bytes", (double)backlog->bytes);
	facts_set(facts, "queue.receivers", backlog->receivers);
	facts_set(facts, "queue.senders", backlog->senders);
}

// Of what was new when the last collection began, what it kept, at most: before that the heap had
// grown from what the one before had left to its goal at most, and the goal is GOGC's percentage of
// what was left, of stacks and of globals (runtime/mgcpacer.go, commit).
static void gather_last_kept(struct facts *facts, const struct snapshot_go *go,
			     const struct go_last_collection *last)
{
	const struct go_memstats *stats = &go->stats;
	double percent = stats->gc_percent / 100.0, marked = (double)stats->heap_marked;
	double before = (double)last->heap_before;
	if (!last->known || percent <= 0 || !stats->gc_percent_goal ||
	    stats->gc_percent_goal == UINT64_MAX || before < 2 * percent * HEAP_MINIMUM_BYTES)
		return;
	double added = (double)stats->gc_percent_goal - marked;
	double others = fmax(added - percent * marked, 0);
	double left = fmax((before - others) / (1 + percent), 0);
	facts_set(facts, "heap.last_kept",
		  fmin(fmax(((double)last->survived - left) / (before - left), 0), 1));
}

static void gather_runtime(struct facts *facts, const struct snapshot *snapshot)
{
	const struct snapshot_runtime *runtime = &snapshot->runtime;
	const struct go_settings *settings = &runtime->settings;
	if (!snapshot_has(&snapshot->runtime_absent) || !snapshot->go.stats.sys)
		return;
	gather_scheduler(facts, &runtime->scheduler);
	facts_set(facts, "gc.limited", runtime->gc.limited);
	set_if(facts, runtime->gc.limiter.known, "gc.limiter_on", runtime->gc.limiter.enabled);
	set_if(facts, runtime->gc.cpu.known, "gc.cpu_ns", (double)runtime->gc.cpu.gc_total);
	set_if(facts, runtime->gc.cpu.known, "gc.total_cpu_ns", (double)runtime->gc.cpu.total);
	set_if(facts, runtime->last_collection.known, "heap.survived",
	       (double)runtime->last_collection.survived);
	gather_last_kept(facts, &snapshot->go, &runtime->last_collection);
	gather_containers(facts, runtime);
	set_if(facts, settings->gogc.known, "gc.environment", settings->gogc.set);
	set_if(facts, settings->mem_profile_rate_known, "profile.rate",
	       (double)settings->mem_profile_rate);
	double large = 0, objects = 0;
	for (int i = 0; i < 2; i++) {
		large += (double)runtime->classes.rows[i].objects_bytes;
		objects += (double)runtime->classes.rows[i].objects;
	}
	facts_set(facts, "heap.large", large);
	facts_set(facts, "heap.large_objects", objects);
}

// Their stacks go at the next collection, into those that are kept for new goroutines or to the
// heap; their structures (runtime.g) stay for ever.
static void gather_dead(struct facts *facts, const struct snapshot *snapshot)
{
	double stacks, structures = (double)snapshot->dead_goroutines * G_STRUCT_BYTES;
	if (!snapshot->dead_goroutines)
		return;
	facts_set(facts, "goroutines.dead", (double)snapshot->dead_goroutines);
	if (!facts_get(facts, "go.stacks", &stacks))
		stacks = 0;
	stacks -= (double)snapshot->goroutines.stack_bytes;
	facts_set(facts, "goroutines.dead_bytes", structures + (stacks > 0 ? stacks : 0));
}

static void gather_goroutines(struct facts *facts, const struct snapshot *snapshot)
{
	const struct goroutine_set *set = &snapshot->goroutines;
	uint64_t largest = 0, running = 0;
	if (!snapshot_has(&snapshot->goroutines_absent))
		return;
	facts->goroutines = set;
	VEC_FOREACH (group, &set->groups) {
		if (group->system) {
			bool finalizer = strstr(group->start.function, "runfinq") ||
					 strstr(group->start.function, "runFinalizers");
			if (finalizer && group->wait_reason &&
			    strcmp(group->wait_reason, "finalizer wait") != 0)
				facts_set(facts, "finalizers.blocked", 1);
			continue;
		}
		largest = group->count > largest ? group->count : largest;
		if (!group->wait_reason)
			running += group->count;
	}
	facts_set(facts, "goroutines", (double)set->user);
	gather_dead(facts, snapshot);
	facts_set(facts, "goroutines.stacks", (double)set->stack_bytes);
	facts_set(facts, "goroutines.running", (double)running);
	set_share(facts, "goroutines.stack_size", (double)set->stack_bytes, (double)set->total);
	set_share(facts, "goroutines.largest_group", (double)largest, (double)set->user);
}

// ---- the rest ----

// The nearest own function above an allocation; NULL: none. `decoded`: it is what a decoder made,
// whose maps and slices are the shape of a message and say nothing of who keeps it.
// `direct`: nothing but packages slices and maps is between the two.
static const char *own_function(const struct snapshot *snapshot,
				const struct profile_sample *sample, bool *decoded, bool *direct)
{
	*decoded = false;
	*direct = true;
	const struct profile *profile = snapshot->heap;
	for (uint32_t i = 0; i < sample->location_count; i++) {
		const struct profile_location *location =
			&profile->locations.items[sample->locations[i]];
		for (uint32_t j = 0; j < location->line_count; j++) {
			const char *name =
				profile->functions.items[location->lines[j].function].name;
			if (code_owner_of(&snapshot->identity, name) == CODE_OWN)
				return name;
			*decoded |= frame_matches(DECODERS, name);
			*direct &= frame_matches("slices....|maps....", name);
		}
	}
	return NULL;
}

// A few samples of the profiler (one in 512 KiB) do not tell what is kept.
static const int64_t KEPT_KNOWN_BYTES = 8 << 20;

// Of a process that lives: what of a sample will be kept, by what was kept of it so far. Of one
// that was killed everything counts that was there.
static double kept_of(const struct profile *profile, const struct profile_sample *sample,
		      uint32_t type, bool killed)
{
	double now = (double)sample->values[type];
	uint32_t inuse = profile_find_sample_type(profile, HEAP_INUSE_SPACE);
	uint32_t all = profile_find_sample_type(profile, HEAP_ALLOC_SPACE);
	if (killed || inuse == PROFILE_NONE || all == PROFILE_NONE ||
	    sample->values[all] < KEPT_KNOWN_BYTES)
		return now;
	double kept = (double)sample->values[inuse] / (double)sample->values[all];
	return kept < 1 ? now * kept : now;
}

// Objects of one sample are of one size.
static double object_bytes(const struct profile *profile, const struct profile_sample *sample,
			   uint32_t type)
{
	uint32_t objects = profile_find_sample_type(profile, HEAP_NOW_OBJECTS);
	return objects != PROFILE_NONE && sample->values[objects] > 0
		       ? (double)sample->values[type] / (double)sample->values[objects]
		       : 0;
}

// Samples are in the order of the buckets that they were made of.
static void gather_kinds(struct facts *facts, const struct snapshot *snapshot, uint32_t type,
			 bool killed)
{
	const struct go_buckets *buckets = &snapshot->buckets;
	for (size_t i = 0; snapshot->heap_kinds && i < snapshot->heap->samples.count; i++) {
		const struct profile_sample *sample = &snapshot->heap->samples.items[i];
		bool decoded, direct;
		const char *function = own_function(snapshot, sample, &decoded, &direct);
		if (!function)
			continue;
		// Slices and maps inside of a library are the library's.
		int kind = snapshot->heap_kinds[i];
		kind = (kind == ALLOC_APPEND || kind == ALLOC_MAP) && !direct ? ALLOC_OTHER : kind;
		if (sample->values[type] && !decoded)
			facts_add_kind(facts, function, kind,
				       kept_of(snapshot->heap, sample, type, killed),
				       object_bytes(snapshot->heap, sample, type));
		if (i < buckets->buckets.count)
			facts_add_turnover(facts, function,
					   (double)buckets->buckets.items[i].now.alloc_bytes,
					   (double)buckets->buckets.items[i].now.free_bytes);
	}
}

static void gather_profile(struct facts *facts, const struct snapshot *snapshot, bool killed)
{
	double total = 0;
	if (!snapshot_has(&snapshot->heap_absent) || !snapshot->heap)
		return;
	facts->heap = snapshot->heap;
	uint32_t type = profile_find_sample_type(snapshot->heap, HEAP_NOW_SPACE);
	if (type == PROFILE_NONE)
		type = profile_find_sample_type(snapshot->heap, HEAP_INUSE_SPACE);
	if (type == PROFILE_NONE)
		return;
	VEC_FOREACH (sample, &snapshot->heap->samples)
		total += (double)sample->values[type];
	gather_kinds(facts, snapshot, type, killed);
	facts_set(facts, "heap.profiled", total);
	set_share(facts, "heap.coverage", total, (double)snapshot->go.heap_alloc_bytes);
}

static void gather_kill(struct facts *facts, const struct snapshot *snapshot,
			const struct kill_facts *kill)
{
	bool of_cgroup = kill && (kill->cause == KILL_CGROUP_OOM || kill->cause == KILL_STARVED);
	bool global = kill && kill->cause == KILL_GLOBAL_OOM;
	facts_set(facts, "killed", kill && kill_is_for_memory(kill));
	facts_set(facts, "killed.global", global);
	set_if(facts, kill && kill->consumer.rss_bytes > 0, "killed.consumer",
	       kill ? (double)kill->consumer.rss_bytes : 0);
	facts_set(facts, "killed.other",
		  kill && (kill->cause == KILL_SIGNAL || kill->cause == KILL_EXIT));
	if (of_cgroup && kill->limit_bytes > 0)
		facts_set(facts, "limit", (double)kill->limit_bytes);
	if (of_cgroup && kill->limit_cgroup[0] && snapshot_has(&snapshot->cgroup_absent)) {
		const char *own = snapshot->cgroup.path;
		size_t length = strlen(own), tail = strlen(kill->limit_cgroup);
		facts_set(facts, "killed.above",
			  length < tail || strcmp(own + length - tail, kill->limit_cgroup) != 0);
	}
}

static void gather_identity(struct facts *facts, const struct snapshot *snapshot)
{
	const struct snapshot_identity *identity = &snapshot->identity;
	const struct snapshot_surroundings *around = &snapshot->surroundings;
	int minor = 0;
	facts->identity = identity;
	facts->taken_unix_ns = snapshot->quality.taken_unix_ns;
	if (sscanf(identity->go_version, "go1.%d", &minor) == 1)
		facts_set(facts, "toolchain", minor);
	facts_set(facts, "build.race", identity->is_race);
	set_if(facts, identity->threads > 0, "threads", identity->threads);
	set_if(facts, identity->started_unix_ns > 0, "age",
	       (double)(snapshot->quality.taken_unix_ns - identity->started_unix_ns));
	set_if(facts, around->cpu_count > 0, "cpu.count", around->cpu_count);
	set_if(facts, around->cpu_quota > 0, "cpu.quota", around->cpu_quota);
	bool by_quota = around->cpu_quota > 0 && around->cpu_quota < around->cpu_count;
	set_if(facts, around->cpu_count > 0, "cpu.available",
	       by_quota ? around->cpu_quota : around->cpu_count);
	if (!around->fds_known)
		return;
	facts_set(facts, "fds", (double)around->fds);
	facts_set(facts, "fds.sockets", (double)around->sockets);
	facts_set(facts, "fds.files", (double)around->files);
	facts_set(facts, "fds.pipes", (double)around->pipes);
	facts_set(facts, "fds.other",
		  (double)(around->fds - around->sockets - around->files - around->pipes));
}

void facts_set_onsets(struct facts *facts, const struct onsets *onsets)
{
	char name[FACT_NAME_MAX];
	facts->onsets = *onsets;
	for (enum course_metric i = 0; i < COURSE_METRICS; i++) {
		snprintf(name, sizeof name, "growing.%s", course_metric_name(i));
		const struct onset *onset = &onsets->metrics[i];
		set_if(facts, onset->known, name,
		       onset->grew ? (double)(onsets->to_ns - onset->unix_ns) : 0);
	}
}

static void gather_course(struct facts *facts, const struct course *course)
{
	struct onsets onsets;
	if (!course)
		return;
	onsets_find(course, &onsets);
	facts_set_onsets(facts, &onsets);
}

// What a low has to grow by, of itself and at least, to be more than chance.
struct rises {
	double share, least;
};

static void gather_swing(struct facts *facts, const char *of, const struct swing *swing,
			 struct rises rises)
{
	const struct swing_half *first = &swing->halves[0], *last = &swing->halves[1];
	double low = (double)last->low, grown = low - (double)first->low;
	const struct {
		const char *name;
		double value;
	} numbers[] = {
		{"low", low},
		{"low_grown", grown},
		{"low_rises", grown >= rises.share * low && grown >= rises.least},
		{"high", fmin((double)first->high, (double)last->high)},
		{"most", fmax((double)first->high, (double)last->high)},
	};
	char name[FACT_NAME_MAX];
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		snprintf(name, sizeof name, "between.%s.%s", of, numbers[i].name);
		facts_set(facts, name, numbers[i].value);
	}
}

static void gather_swings(struct facts *facts, const struct swings *swings)
{
	static const struct rises heap = {0.15, 8 << 20}, goroutines = {0.3, 100};
	if (!swings)
		return;
	facts_set(facts, "between", (double)(swings->to_ns - swings->from_ns));
	if (swing_tells(&swings->marked, COLLECTIONS_MIN))
		gather_swing(facts, "heap", &swings->marked, heap);
	if (swing_tells(&swings->goroutines, 0))
		gather_swing(facts, "goroutines", &swings->goroutines, goroutines);
}

void facts_gather(const struct snapshot *snapshot, const struct kill_facts *kill,
		  struct facts *facts)
{
	*facts = (struct facts){0};
	gather_identity(facts, snapshot);
	gather_memory(facts, snapshot);
	if (snapshot_has(&snapshot->go_absent)) {
		gather_heap(facts, &snapshot->go);
		gather_collector(facts, snapshot);
		gather_runtime(facts, snapshot);
	}
	gather_profile(facts, snapshot, kill != NULL);
	gather_goroutines(facts, snapshot);
	gather_kill(facts, snapshot, kill);
	gather_course(facts, snapshot->course);
	gather_swings(facts, snapshot->swings);
}
