// SPDX-License-Identifier: Apache-2.0
/*
 * What the timeline knows besides samples: targets, marks, snapshots, incidents. Plain data of
 * fixed size, so that it can go through a channel to the process that writes the database. Texts
 * may come from a target: they are cut to size, and escaped only where they are shown.
 */
#pragma once

#include <stdint.h>

struct store_target {
	int32_t pid;
	int64_t started_unix_ns; // with the pid, what makes it this process and no other
	char name[64];
	char executable[512];
	char build_id[64];  // "" where it is not known
	char container[68]; // its id; "" outside of any
	char cgroup[512];
};

// How it ended.
struct store_ending {
	int64_t unix_ns;
	char cause[32]; // "cgroup-oom", "global-oom", "systemd-oomd", "signal", "exit", "unknown",
			// "unwatched"
	char text[256];
};

struct store_mark {
	int64_t unix_ns;
	char kind[16]; // "hand", "restart", "limit", "binary", "clock", "kill", "end"
	char text[512];
};

// A capture that the watch took.
struct store_snapshot {
	int64_t unix_ns, usage_bytes, duration_ns;
	char reason[32];
	char directory[1024]; // "" when it is not kept
};

struct store_incident {
	int64_t unix_ns;
	char directory[1024]; // absolute
	char cause[32];       // as in struct store_ending
	char sentence[1024];  // the verdict
	// What makes two incidents the same trouble.
	char rule[64], confidence[16], function[512], file[512];
	int64_t line, bytes;
	char build_id[64];
};
