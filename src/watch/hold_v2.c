// SPDX-License-Identifier: Apache-2.0
/*
 * In: a v2 cgroup. Out: whoever comes near its limit is slowed down, then frozen; and all of it
 * undone.
 *
 * memory.high is set a little below the limit: the kernel itself slows down who allocates beyond it
 * and says so at once, however fast that came. It does so gently at first, and many threads
 * together get through within half a second; so the guard then freezes the cgroup (cgroup.freeze),
 * which takes a millisecond but would come too late alone. memory.high counts page cache, which the
 * kernel takes back there as it would at the limit; what decides is the memory that it cannot take
 * back.
 *
 * Follows Linux mm/memcontrol.c (mem_cgroup_handle_over_high, memory_high_write).
 */
#include "watch/hold_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "ledger/headroom.h"

enum { HIGH, FREEZE, MAX, USAGE, STAT, EVENTS };
enum {
	PATROL_MS = 100,
	TEXT_MAX = 16384,
	ROOM_BYTES = 8 << 20, // between the edge and the limit, within these parts of the limit:
	ROOM_MIN_PERCENT = 4,
	ROOM_MAX_PERCENT = 8,
	HOT_CACHE_PERCENT = 10, // so much page cache may be in use, and not come back
};

// ---- reading ----

static bool read_limit(int fd, struct cgroup_limit *limit)
{
	char text[64];
	return file_read_into(fd, "a limit", text, sizeof text, NULL) &&
	       cgroup_limit_parse(text, limit, NULL);
}

static bool read_usage(const struct hold_files *files, uint64_t *bytes)
{
	struct cgroup_limit usage; // a number, as a limit is
	if (!read_limit(files->fds[USAGE], &usage))
		return false;
	*bytes = usage.bytes;
	return true;
}

static bool read_pinned(const struct hold_files *files, uint64_t usage_bytes, uint64_t *pinned)
{
	char text[TEXT_MAX];
	struct cgroup_stat stat = {.counts.usage_bytes = known(usage_bytes)};
	if (!file_read_into(files->fds[STAT], "memory.stat", text, sizeof text, NULL) ||
	    !cgroup_stat_parse(CGROUP_V2, text, &stat, NULL))
		return false;
	*pinned = usage_bytes - (uint64_t)headroom_reclaimable_bytes(&stat);
	return true;
}

static bool is_gone(const struct hold_files *files)
{
	char byte;
	return pread(files->fds[USAGE], &byte, 1, 0) < 0 && errno == ENODEV;
}

// ---- writing ----

static int put(int fd, struct cgroup_limit limit)
{
	char text[32] = "max";
	if (!limit.unlimited)
		snprintf(text, sizeof text, "%" PRIu64, limit.bytes);
	size_t length = strlen(text);
	return pwrite(fd, text, length, 0) == (ssize_t)length ? 0 : errno;
}

// Only what is still as we left it: whoever set it since meant it.
static int undo_high(const struct hold_files *files)
{
	struct cgroup_limit now;
	if (!files->notes->high_bytes)
		return 0;
	if (!read_limit(files->fds[HIGH], &now))
		return ENODEV;
	if (!now.unlimited && now.bytes == (uint64_t)files->notes->high_bytes) {
		int why = put(files->fds[HIGH], files->notes->high_before);
		if (why)
			return why;
	}
	files->notes->high_bytes = 0;
	return 0;
}

static int undo_freeze(const struct hold_files *files)
{
	if (!files->notes->frozen)
		return 0;
	if (pwrite(files->fds[FREEZE], "0", 1, 0) != 1)
		return errno;
	files->notes->frozen = false;
	return 0;
}

// In this order: the first step of who is thawed must not be slow.
static int undo(const struct hold_files *files)
{
	int high = undo_high(files), freeze = undo_freeze(files);
	if (!high && !freeze)
		hold_record_clear(files->notes);
	return high ? high : freeze;
}

static void freeze(const struct hold_files *files)
{
	if (files->fds[FREEZE] < 0)
		return;
	files->notes->frozen = true;
	(void)!hold_record_write(files->notes, false); // no time for more; it outlives us
	if (pwrite(files->fds[FREEZE], "1", 1, 0) != 1)
		files->notes->frozen = false;
}

// ---- the edge ----

static uint64_t room_of(uint64_t limit)
{
	uint64_t least = limit / 100 * ROOM_MIN_PERCENT, most = limit / 100 * ROOM_MAX_PERCENT;
	return ROOM_BYTES < least ? least : ROOM_BYTES > most ? most : ROOM_BYTES;
}

// Where a process lives near its limit, the edge is in the middle of what is left.
static uint64_t edge_of(uint64_t limit, uint64_t pinned)
{
	uint64_t edge = limit - room_of(limit);
	if (pinned > edge)
		edge = pinned < limit ? pinned + (limit - pinned) / 2 : limit;
	return edge - edge % (uint64_t)sysconf(_SC_PAGESIZE);
}

static int set_edge(struct hold_files *files, struct hold_watch *watch)
{
	struct cgroup_limit before = files->notes->high_before;
	bool is_lower = !before.unlimited && before.bytes <= watch->edge_bytes;
	if (is_lower)
		return undo_high(files);
	files->notes->high_earlier = files->notes->high_bytes;
	files->notes->high_bytes = (int64_t)watch->edge_bytes;
	int why = hold_record_write(files->notes, true);
	return why ? why : put(files->fds[HIGH], (struct cgroup_limit){.bytes = watch->edge_bytes});
}

// Follows memory.max, which may change at any time.
static int follow_limit(struct hold_files *files, struct hold_watch *watch)
{
	struct cgroup_limit limit;
	uint64_t usage, pinned;
	if (!read_limit(files->fds[MAX], &limit))
		return ENODEV;
	if (limit.unlimited) {
		watch->limit_bytes = 0;
		return undo_high(files);
	}
	if (limit.bytes == watch->limit_bytes)
		return 0;
	if (!read_usage(files, &usage) || !read_pinned(files, usage, &pinned))
		return ENODEV;
	watch->limit_bytes = limit.bytes;
	watch->edge_bytes = edge_of(limit.bytes, pinned);
	return set_edge(files, watch);
}

// Somebody else has set memory.high: theirs it is from now on.
static void notice_others(struct hold_files *files)
{
	struct cgroup_limit now;
	uint64_t ours = (uint64_t)files->notes->high_bytes;
	if (!ours || !read_limit(files->fds[HIGH], &now) || (!now.unlimited && now.bytes == ours))
		return;
	files->notes->high_bytes = 0;
	files->notes->high_before = now;
}

// ---- the kind ----

static bool check_free(struct cgroup *cgroup, struct hold_files *files, struct error *error)
{
	char frozen[8] = "";
	if (!read_limit(files->fds[HIGH], &files->notes->high_before))
		return error_set(error, ERROR_NOT_FOUND, "cannot read memory.high of %s",
				 cgroup_get_path(cgroup));
	if (pread(files->fds[FREEZE], frozen, sizeof frozen - 1, 0) <= 0 || frozen[0] != '1')
		return true;
	return error_set(error, ERROR_USAGE, "cannot hold the kill: %s is frozen already",
			 cgroup_get_path(cgroup));
}

static bool open_files(struct cgroup *cgroup, struct hold_files *files, struct error *error)
{
	static const struct {
		int which, flags;
		const char *name;
	} rows[] = {
		{HIGH, O_RDWR, "memory.high"},       {MAX, O_RDONLY, "memory.max"},
		{USAGE, O_RDONLY, "memory.current"}, {STAT, O_RDONLY, "memory.stat"},
		{EVENTS, O_RDONLY, "memory.events"}, {FREEZE, O_RDWR, "cgroup.freeze"},
	};
	struct error why = {0};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!hold_open_file(cgroup, rows[i].name, rows[i].flags, &files->fds[rows[i].which],
				    &why) &&
		    rows[i].which != FREEZE) { // it is not there before Linux 5.2
			*error = why;
			return false;
		}
	files->event = files->fds[EVENTS];
	return check_free(cgroup, files, error);
}

static int arm(struct hold_files *files, struct hold_watch *watch)
{
	char text[TEXT_MAX];
	(void)!pread(files->fds[EVENTS], text, sizeof text, 0); // so that poll tells what follows
	return follow_limit(files, watch);
}

// The memory that cannot be taken back has reached the edge; or what is in use is so far beyond it
// that the rest evidently cannot be taken back either.
static bool is_at_edge(const struct hold_watch *watch, uint64_t usage, uint64_t pinned)
{
	uint64_t room = watch->limit_bytes - watch->edge_bytes;
	uint64_t hot = watch->limit_bytes / 100 * HOT_CACHE_PERCENT;
	return pinned >= watch->edge_bytes ||
	       (usage >= watch->edge_bytes + room / 4 && pinned + hot >= watch->edge_bytes);
}

// Slowed down although there is page cache to take back: not what this is for, so not for long.
static bool is_stuck(struct hold_watch *watch, uint64_t usage)
{
	uint64_t room = watch->limit_bytes - watch->edge_bytes;
	int64_t now_ns = clock_monotonic_ns();
	if (usage < watch->edge_bytes + room / 2)
		watch->stuck_since_ns = 0;
	else if (!watch->stuck_since_ns)
		watch->stuck_since_ns = now_ns;
	return watch->stuck_since_ns && now_ns - watch->stuck_since_ns >= watch->limit_ns;
}

static enum hold_look look(struct hold_files *files, struct hold_watch *watch)
{
	char text[TEXT_MAX];
	uint64_t usage, pinned;
	(void)!pread(files->fds[EVENTS], text, sizeof text, 0);
	notice_others(files);
	if (follow_limit(files, watch) != 0 || !read_usage(files, &usage))
		return is_gone(files) ? HOLD_LOOK_GONE : HOLD_LOOK_CALM;
	if (!watch->limit_bytes || usage < watch->edge_bytes) {
		watch->stuck_since_ns = 0;
		return HOLD_LOOK_CALM;
	}
	if (!read_pinned(files, usage, &pinned))
		return HOLD_LOOK_CALM;
	if (!is_at_edge(watch, usage, pinned))
		return is_stuck(watch, usage) ? HOLD_LOOK_STUCK : HOLD_LOOK_CALM;
	freeze(files);
	return HOLD_LOOK_LIMIT;
}

const struct hold_kind hold_kind_v2 = {
	.poll_events = POLLPRI,
	.patrol_ms = PATROL_MS,
	.file_name = "memory.high and cgroup.freeze",
	.open = open_files,
	.arm = arm,
	.look = look,
	.undo = undo,
};
