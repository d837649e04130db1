// SPDX-License-Identifier: Apache-2.0
// What the tests of system/ and watch/ stand on: real cgroups, child processes, directories of
// files, and text cut at every byte. Each lab_need_* skips the test with a message when lacking.
#pragma once

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <sys/types.h>

#include <cmocka.h>

#include "base/error.h"

// assert_true(CALL), with the error's message when it fails.
#define assert_ok(call)                                                            \
	do {                                                                       \
		struct error error = {0};                                          \
		if (!(call))                                                       \
			fail_msg("%s: %s (%s)", #call, error.message, error.hint); \
	} while (0)

#define assert_error(expected, call)                         \
	do {                                                 \
		struct error error = {0};                    \
		assert_false(call);                          \
		assert_int_equal(expected, (int)error.code); \
		assert_true(error.message[0]);               \
	} while (0)

void lab_need_root(void);

// A directory for fixtures below /tmp.
struct lab_dir {
	char path[64];
};
void lab_dir_make(struct lab_dir *dir);
// Writes `text` to dir/name, making the directories in between.
void lab_dir_write(const struct lab_dir *dir, const char *name, const char *text);
void lab_dir_remove(const struct lab_dir *dir);

// A v1 memory cgroup below the one this process is in.
struct lab_cgroup {
	char path[PATH_MAX];
	char name[PATH_MAX]; // in the kernel's log
};
void lab_cgroup_make(struct lab_cgroup *cgroup, const char *name, uint64_t limit_bytes);
void lab_cgroup_make_below(const struct lab_cgroup *above, struct lab_cgroup *cgroup);
void lab_cgroup_write(const struct lab_cgroup *cgroup, const char *file, const char *text);
uint64_t lab_cgroup_read(const struct lab_cgroup *cgroup, const char *file, const char *key);
void lab_cgroup_remove(const struct lab_cgroup *cgroup);

typedef void lab_work(void *context);
// A child that runs `work` and then sleeps until it is killed; inside `cgroup` unless NULL.
// Returns when the child is about to start its work.
pid_t lab_spawn(const struct lab_cgroup *cgroup, lab_work *work, void *context);
// Waits up to 10 s for the end; returns the wait status, or -1.
int lab_wait(pid_t pid, int timeout_ms);
void lab_kill(pid_t pid);
// For lab_spawn: takes and touches *(size_t *)bytes of fresh memory.
void lab_allocate(void *bytes);
void lab_sleep_ms(int ms);

// Calls `parse` with each head of `text` in a block of exactly that size (and a NUL). It must
// refuse a head that ends inside a line; what it says of the others is up to it.
typedef bool lab_parse(const char *text, struct error *error);
void lab_cut(const char *text, lab_parse *parse);
