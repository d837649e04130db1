// SPDX-License-Identifier: Apache-2.0
/*
 * What is known of the end of a watched process: only what the cgroup and the kernel said. Plain
 * data of fixed size, so that it can go through a pipe to a process without privileges.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum kill_cause {
	KILL_NONE = 0,   // it lives, or the watch ended first
	KILL_CGROUP_OOM, // at the limit of its cgroup or of an ancestor
	KILL_GLOBAL_OOM, // the machine had no memory left
	KILL_SIGNAL,     // by a signal that the kernel's OOM killer did not send
	KILL_EXIT,       // it exited
	KILL_UNKNOWN,    // it is gone, and nobody said how
	KILL_OOMD,       // by systemd-oomd, for memory pressure or want of swap
	KILL_STARVED,    // the Go runtime ended it, since there was no memory below the limit
};

struct kill_facts {
	enum kill_cause cause;
	int pid;
	char victim[32];      // the kernel's name for it
	int signal;           // 0: not by a signal, or not known
	int exit_code;        // -1: not known
	char exit_source[64]; // who said so: "pidfd", "zombie's stat", "kernel log"
	int64_t unix_ns;      // when the kernel logged it, else when it was noticed
	int64_t limit_bytes, usage_bytes, peak_bytes; // -1: not known
	int64_t anon_rss_bytes, file_rss_bytes;       // of the victim, by the kernel; -1: not known
	int64_t oom_kills_before, oom_kills_after;    // the cgroup's counter; -1: not known
	char limit_cgroup[256];                       // the cgroup whose limit it was
	char kernel_line[512]; // "Memory cgroup out of memory: Killed process ..."; "" if not seen
	char constraint[16];   // "cgroup", "machine", "cpuset", "memory policy"; "" not known
	bool group_kill;       // its whole cgroup was killed, by memory.oom.group or systemd-oomd
	int victim_count;      // with it; 0: not known
	bool oom_score_known;
	int oom_score_adj; // of the victim
	char invoker[32];  // who asked for one page too many
	struct kill_consumer {
		int pid; // 0: not known
		int64_t rss_bytes;
		int oom_score_adj;
		char name[32];
	} consumer;            // who used the most; not always the victim
	char oomd_cgroup[256]; // which systemd-oomd says that it killed
	bool inferred;         // no log of the kernel: from its counter and the signal
	int64_t held_ns;       // for how long whyoom held the kill; 0: it did not
	bool evidence_held;    // the evidence was taken while it was held
};

static inline bool kill_is_for_memory(const struct kill_facts *kill)
{
	return kill->cause == KILL_CGROUP_OOM || kill->cause == KILL_GLOBAL_OOM ||
	       kill->cause == KILL_OOMD || kill->cause == KILL_STARVED;
}

enum { KILL_TIMELINE_MAX = 240 };

struct kill_sample {
	int64_t unix_ns, usage_bytes, anon_bytes, file_bytes;
};

// The end of a watch, as a report needs it.
struct kill_timeline {
	int count;
	struct kill_sample samples[KILL_TIMELINE_MAX]; // oldest first
};
