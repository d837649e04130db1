// SPDX-License-Identifier: Apache-2.0
/*
 * A snapshot: everything known about one process and its cgroup at one instant.
 *
 * Immutable once taken. Every part is optional: where it is absent, its `absent` error says why.
 * Rules, diffs, reports and exports consume snapshots and nothing else, so that a crash log alone
 * or a profile alone can go through the same rules as a full live capture.
 */
#pragma once

#include "base/error.h"
#include "golang/backlog.h"
#include "golang/blocked.h"
#include "golang/buckets.h"
#include "golang/contention.h"
#include "golang/gauge.h"
#include "golang/goroutines.h"
#include "golang/last_collection.h"
#include "golang/memstats.h"
#include "golang/metrics.h"
#include "golang/pools.h"
#include "golang/reach.h"
#include "golang/setting_places.h"
#include "golang/settings.h"
#include "golang/span_classes.h"
#include "goroutine/groups.h"
#include "ledger/headroom.h"
#include "ledger/ledger.h"
#include "profile/profile.h"
#include "system/container.h"

struct snapshot_identity {
	int pid;
	char command[32];         // as the kernel knows it
	const char *executable;   // path, "" when not known
	const char *build_id;     // GNU build ID, "" when there is none
	const char *build_name;   // that, else Go's own; may be NULL
	const char *container_id; // "" when it is in none that whyoom knows
	const char *cgroup_path;  // of the memory controller; "" when there is none
	// What is known of that container; its cgroup_path and main_pid are not filled.
	struct container container;
	int64_t started_unix_ns; // 0: not known
	int threads;
	bool is_go, is_race; // is_race: built with -race
	const char *go_version, *main_package, *module_path, *module_version, *vcs_revision;
	char arguments_digest[9];           // whether two command lines are the same; "" not known
	VEC(const char *) replaced_modules; // paths that a replace directive made the user's own
};

// Beside memory; see snapshot/surroundings.h.
struct snapshot_surroundings {
	bool fds_known;
	uint64_t fds, sockets, files, pipes; // open descriptors, and those of a kind
	int cpu_count;                       // of the machine; 0: not known
	double cpu_quota;                    // processors by the cgroup's quota; 0: none known
};

// How the evidence was taken, and how good it is.
struct snapshot_quality {
	const char *mode;          // "live, target not stopped"
	const char *layout_caveat; // "" where the Go version is one that whyoom was measured with
	bool of_core;
	bool symbols_from_code;      // there is no symbol table
	const char *missing_symbols; // names of the runtime's variables that were not found; ""
	int64_t taken_unix_ns, duration_ns;
	int64_t target_pause_ns; // the longest, as we measured it; 0: never stopped
	bool torn;               // it was to stand still and went on before all was read
	uint64_t reads, read_bytes, failed_reads, table_failures;
	int profile_attempts;
	bool profile_consistent;
	uint64_t damaged_buckets, failed_spans, failed_stacks;
	uint64_t unreadable_goroutines, moved_goroutines, running_stacks; // see golang/goroutines.h
	int64_t sample_rate_bytes;
	bool target_ended; // while it was read: what was read last may be torn
};

struct snapshot_cgroup {
	int version; // 1 or 2
	const char *path;
	int64_t usage_bytes;    // -1: not known, as of the root of v2
	int64_t limit_bytes;    // -1: none
	const char *limit_path; // the cgroup whose limit bites: this one or an ancestor
	int64_t anon_bytes, file_bytes, shmem_bytes, inactive_file_bytes;
	int64_t kernel_bytes, sock_bytes; // of the usage: v1 charges sockets apart
	struct headroom headroom;         // its paths live as long as this
	int64_t oom_kills;                // -1: not known
	int processes;
	int unseen_processes; // of these: hidden, of another pid namespace, or ended meanwhile
};

// Which files the page cache and the shared memory of the cgroup are: looked for after everything
// else, so with totals of its own.
struct snapshot_files {
	struct ledger cache, shmem; // see ledger/file_ledger.h
	char partial[128];          // why there may be more files; "" when not
	char charge_absent[256];    // why it is not known whose the pages are; "" when it is
	int64_t taken_unix_ns, duration_ns;
};

// With the process's ledger, of the same smaps.
struct snapshot_process_memory {
	int64_t rss_bytes, pss_bytes;
	int64_t anon_bytes; // written pages of private file mappings included
};

struct snapshot_go {
	struct go_memstats stats;
	uint64_t heap_alloc_bytes, heap_objects; // exact, from the spans
	uint64_t unswept_bytes; // of heap_alloc: in spans that hold garbage of the last cycle still
	struct go_gauge_places gauge_places; // for who wants to look on without a snapshot
};

// Where a setting is, for who may write it; `absent` says why whyoom would not.
struct snapshot_setting {
	struct error absent;
	struct go_setting_place place;
};

struct snapshot_runtime {
	struct go_gc_state gc;
	struct go_last_collection last_collection;
	struct go_settings settings;
	struct go_metrics metrics;
	struct go_span_classes classes;
	struct go_scheduler scheduler;
	bool pools_known, backlog_known;
	struct go_backlog backlog;
	struct go_pools pools;
	struct snapshot_setting writable[GO_SETTING_COUNT];
	int64_t taken_monotonic_ns; // the clock of the runtime's timers
};

struct course;
struct swings;

// One part that can be missing: `absent.code` is ERROR_NONE when it is there.
struct snapshot {
	struct arena arena;
	struct snapshot_identity identity;
	struct snapshot_quality quality;
	struct snapshot_surroundings surroundings;

	struct error cgroup_absent;
	struct snapshot_cgroup cgroup;
	struct error go_absent;
	struct snapshot_go go;
	struct error runtime_absent;
	struct snapshot_runtime runtime; // with `go`: what it says of the heap belongs together
	struct error heap_absent;
	struct profile *heap;      // sample types: see snapshot/heap_profile.h
	uint8_t *heap_kinds;       // of each of its samples, an enum alloc_kind; NULL: not known
	struct go_buckets buckets; // the raw samples behind `heap`
	struct functab *functab;   // resolves the stacks of `buckets`
	struct error contention_absent[2]; // by enum go_contention_kind
	struct profile *contention[2];     // see snapshot/contention_profile.h
	struct error goroutines_absent;
	struct goroutine_set goroutines;
	uint64_t dead_goroutines;            // whose structures are kept for new ones
	struct error leaks_absent;           // whether the runtime can tell leaked goroutines
	struct go_goroutines each_goroutine; // one by one, where that was asked for
	struct error blocks_absent;
	struct go_blocks blocks; // what each of them waits on, where that was asked for
	struct error reach_absent;
	struct go_reach reach; // whether anything can wake them, where that was asked for
	struct profile_mapping executable; // for a profile of them
	struct error process_ledger_absent;
	struct snapshot_process_memory process_memory;
	struct ledger process_ledger; // sums to the process's resident memory
	struct error cgroup_ledger_absent;
	struct ledger cgroup_ledger; // sums to the cgroup's charge
	struct error files_absent;   // for what is not worth the time, too
	struct snapshot_files files;
	const struct course *course; // how it came to this; borrowed; NULL: nobody watched
	const struct swings *swings; // since the baseline; borrowed; NULL: nobody looked
};

// What was there before, to tell who grew from who is large.
struct snapshot_baseline {
	const struct profile *heap; // as `heap` above; NULL: not known
	int64_t taken_unix_ns;
	int64_t usage_bytes;       // of the cgroup whose limit bites; 0: not known
	const struct facts *facts; // all that was known then (verdict/facts.h); NULL: no more
};

static inline bool snapshot_has(const struct error *absent)
{
	return absent->code == ERROR_NONE;
}
