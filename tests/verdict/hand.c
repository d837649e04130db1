// SPDX-License-Identifier: Apache-2.0
#include "verdict/hand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "snapshot/heap_profile.h"
#include "system/lab.h"

enum { FRAMES_MAX = 64 };

static void absent(struct error *error)
{
	error_set(error, ERROR_NOT_FOUND, "not in this test");
}

struct snapshot *hand_snapshot(void)
{
	struct snapshot *snapshot = alloc_zero(sizeof *snapshot);
	struct snapshot_identity *identity = &snapshot->identity;
	*identity = (struct snapshot_identity){
		.pid = 4242,
		.command = "app",
		.executable = "/usr/bin/app",
		.build_id = "",
		.container_id = "",
		.cgroup_path = "",
		.is_go = true,
		.go_version = "go1.26.8",
		.main_package = "example.com/app/cmd/app",
		.module_path = "example.com/app",
		.module_version = "v1.2.3",
		.vcs_revision = "",
	};
	snapshot->quality.mode = "by hand";
	snapshot->go.stats.memory_limit = INT64_MAX;
	absent(&snapshot->cgroup_absent);
	absent(&snapshot->cgroup_ledger_absent);
	absent(&snapshot->process_ledger_absent);
	absent(&snapshot->goroutines_absent);
	absent(&snapshot->files_absent);
	snapshot->heap = profile_new();
	assert_ok(profile_add_sample_type(snapshot->heap, HEAP_INUSE_SPACE, "bytes", &error));
	assert_ok(profile_add_sample_type(snapshot->heap, HEAP_NOW_SPACE, "bytes", &error));
	return snapshot;
}

static uint32_t add_frame(struct profile *profile, char *text)
{
	struct profile_line line = {0};
	uint32_t index;
	char *colon = strrchr(text, ':');
	if (colon) {
		*colon = '\0';
		line.line = strtol(colon + 1, NULL, 10);
	}
	assert_ok(profile_add_function(profile, text, "/src/app/x.go", 1, &line.function, &error));
	uint64_t address = (uint64_t)line.function << 20 | (uint64_t)line.line;
	assert_ok(profile_add_location(profile, PROFILE_NONE, address, &line, 1, &index, &error));
	return index;
}

void hand_hold(struct snapshot *snapshot, const char *stack, int64_t bytes)
{
	uint32_t locations[FRAMES_MAX], count = 0;
	int64_t values[] = {bytes / 2, bytes};
	char *text = strdup(stack), *rest;
	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		locations[count++] = add_frame(snapshot->heap, word);
	assert_ok(profile_add_sample(snapshot->heap, locations, count, values, NULL, 0, &error));
	free(text);
}

void hand_account(struct snapshot *snapshot, int64_t objects, int64_t idle, int64_t not_go)
{
	struct ledger *ledger = &snapshot->process_ledger;
	ledger_deinit(ledger);
	snapshot->process_ledger_absent = (struct error){0};
	snapshot->go.heap_alloc_bytes = (uint64_t)objects;
	snapshot->go.heap_objects = (uint64_t)objects / 1024;
	ledger->total_key = "rss";
	ledger->total_label = "resident";
	ledger->total_bytes = objects + idle + not_go;
	ledger_add(ledger, 0, "go", "Go runtime", objects + idle, 0, "");
	ledger_add(ledger, 1, "go.heap.objects", "heap objects", objects, LEDGER_ESTIMATED, "live");
	ledger_add(ledger, 1, "go.heap.idle", "heap idle", idle, 0, "");
	ledger_add(ledger, 0, "anon", "not Go's", not_go, 0, "");
}

void hand_cgroup(struct snapshot *snapshot, int64_t limit, int64_t anon, int64_t cache)
{
	struct ledger *ledger = &snapshot->cgroup_ledger;
	snapshot->cgroup_absent = snapshot->cgroup_ledger_absent = (struct error){0};
	snapshot->cgroup = (struct snapshot_cgroup){
		.version = 2,
		.path = "/sys/fs/cgroup/pod",
		.usage_bytes = anon + cache,
		.limit_bytes = limit,
		.limit_path = "/sys/fs/cgroup/pod",
		.anon_bytes = anon,
		.file_bytes = cache,
		.oom_kills = -1,
		.processes = 1,
	};
	ledger->total_key = "usage";
	ledger->total_label = "charged to the cgroup";
	ledger->total_bytes = anon + cache;
	ledger_add(ledger, 0, "anon", "anonymous memory", anon, 0, "");
	ledger_add(ledger, 0, "cache", "page cache", cache, LEDGER_RECLAIMABLE, "");
}

void hand_goroutines(struct snapshot *snapshot, uint64_t count)
{
	static const struct goroutine_frame frame = {"main.wait", "/src/app/x.go", 7};
	struct goroutine_group group = {.state = "waiting",
					.wait_reason = "chan receive",
					.frames = &frame,
					.depth = 1,
					.created_by = {"", "", 0},
					.start = frame,
					.count = count,
					.stack_bytes = 2048 * count,
					.example_id = 9};
	snapshot->goroutines_absent = (struct error){0};
	goroutine_set_add(&snapshot->goroutines, &group);
	goroutine_set_sort(&snapshot->goroutines);
}

struct kill_facts hand_kill(int64_t limit)
{
	return (struct kill_facts){
		.cause = KILL_CGROUP_OOM,
		.pid = 4242,
		.victim = "app",
		.signal = 9,
		.exit_code = -1,
		.exit_source = "kernel log",
		.unix_ns = 1795230245678999999,
		.limit_bytes = limit,
		.usage_bytes = limit,
		.peak_bytes = -1,
		.anon_rss_bytes = limit - 4096,
		.file_rss_bytes = 4096,
		.oom_kills_before = 0,
		.oom_kills_after = 1,
		.limit_cgroup = "/pod",
		.kernel_line = "Memory cgroup out of memory: Killed process 4242 (app)",
	};
}
