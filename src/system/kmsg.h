// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's log, record by record, from /dev/kmsg. Opening needs root or CAP_SYSLOG where
 * kernel.dmesg_restrict is set; reading an open descriptor needs nothing.
 *
 * Format: Linux Documentation/ABI/testing/dev-kmsg.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define KMSG_RECORD_MAX 8192 // the kernel's own limit, CONSOLE_EXT_LOG_MAX

struct kmsg_record {
	unsigned int level;    // 0 emergency .. 7 debug
	unsigned int facility; // 0: the kernel itself; else someone who wrote to /dev/kmsg
	uint64_t sequence;
	int64_t monotonic_us; // the kernel's log clock: since boot, not adjusted, drifts slowly
	char text[KMSG_RECORD_MAX];
};

struct kmsg {
	int fd;
	uint64_t lost_count; // how often the log ran over before it was read
};

enum kmsg_start { KMSG_FROM_OLDEST, KMSG_FROM_NOW };

// `path` is "/dev/kmsg". Never blocks; the descriptor can be polled.
bool kmsg_open(const char *path, enum kmsg_start start, struct kmsg *kmsg,
	       struct error *error) must_check;
void kmsg_close(struct kmsg *kmsg);
// The next record; *got is false when there is none yet. A record that cannot be parsed is
// ERROR_BAD_DATA, and the next call goes on behind it.
bool kmsg_read(struct kmsg *kmsg, struct kmsg_record *record, bool *got,
	       struct error *error) must_check;
bool kmsg_parse(const char *text, struct kmsg_record *record, struct error *error) must_check;
// What to add to a record's time to get unix time, by the clocks of now.
int64_t kmsg_unix_offset_ns(void);
