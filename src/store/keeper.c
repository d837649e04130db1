// SPDX-License-Identifier: Apache-2.0
// In: messages of a watch. Out: commits, one a second at most; news.
#include "store/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"
#include "store/keeper_priv.h"

enum {
	BUCKETS_MAX = 20000, // waiting for a database that cannot be written: 14 MB
	EVENTS_MAX = 1000,
	TARGETS_MAX = 100000,
	HEARD_AT_ONCE = 2000,
	IDLE_POLL_MS = 1000,
};
static const int64_t LAST_TRIES_NS = 5 * SECOND_NS, CLOCK_JUMP_NS = 5 * SECOND_NS;

size_t message_size(enum message_kind kind)
{
	static const size_t sizes[MESSAGE_KINDS] = {
		[MESSAGE_TARGET] = sizeof(struct store_target),
		[MESSAGE_ENDING] = sizeof(struct store_ending),
		[MESSAGE_SAMPLE] = sizeof(struct store_sample),
		[MESSAGE_MARK] = sizeof(struct store_mark),
		[MESSAGE_SNAPSHOT] = sizeof(struct store_snapshot),
		[MESSAGE_INCIDENT] = sizeof(struct store_incident),
	};
	return offsetof(struct message, target) + sizes[kind];
}

// ---- news ----

static void send_news(struct keeper *keeper)
{
	// The channel does not block on our side; what is lost is told again with the next commit.
	while (write(keeper->channel, &keeper->news, sizeof keeper->news) < 0 && errno == EINTR)
		;
}

void keeper_say(struct keeper *keeper, enum store_state state, const struct error *error)
{
	keeper->news.state = state;
	keeper->news.error = error ? *error : (struct error){0};
	send_news(keeper);
}

// ---- hearing ----

static void hear_target(struct keeper *keeper, const struct message *message)
{
	if (message->handle < 0 || message->handle >= TARGETS_MAX)
		return;
	while (keeper->targets.count <= (size_t)message->handle)
		vec_push(&keeper->targets, NULL);
	struct heard_target *target = alloc_zero(sizeof *target);
	target->kept.target = message->target;
	target->heard_unix_ns = clock_unix_ns();
	free(keeper->targets.items[message->handle]);
	keeper->targets.items[message->handle] = target;
}

static void hear_sample(struct keeper *keeper, const struct message *message)
{
	struct heard_target *target = keeper_find_target(keeper, message->handle);
	int64_t second = message->sample.unix_ns / SECOND_NS;
	if (!target)
		return;
	if (!target->bucket || keeper->buckets.items[target->bucket - 1].second != second) {
		if (keeper->buckets.count >= BUCKETS_MAX) {
			keeper->dropped++;
			return;
		}
		vec_push(&keeper->buckets,
			 (struct sample_bucket){.second = second, .target = message->handle});
		target->bucket = keeper->buckets.count;
	}
	sample_bucket_add(&keeper->buckets.items[target->bucket - 1], &message->sample);
}

static void keep_event(struct keeper *keeper, const struct message *message)
{
	if (keeper->events.count >= EVENTS_MAX) {
		keeper->dropped++;
		return;
	}
	struct message *kept = alloc_zero(sizeof *kept);
	*kept = *message;
	vec_push(&keeper->events, kept);
}

static void watch_clock(struct keeper *keeper, const struct message *message)
{
	int64_t offset_ns = message->sample.unix_ns - message->monotonic_ns;
	int64_t jump_ns = keeper->clock_offset_ns ? offset_ns - keeper->clock_offset_ns : 0;
	struct message mark = {.kind = MESSAGE_MARK, .handle = -1};
	keeper->clock_offset_ns = offset_ns;
	if (llabs(jump_ns) < CLOCK_JUMP_NS)
		return;
	mark.mark.unix_ns = message->sample.unix_ns;
	snprintf(mark.mark.kind, sizeof mark.mark.kind, "clock");
	snprintf(mark.mark.text, sizeof mark.mark.text, "the machine's clock went %s by %s%s",
		 jump_ns < 0 ? "back" : "forward", human_duration(llabs(jump_ns)).text,
		 jump_ns < 0 ? "" : ", or the machine slept");
	keep_event(keeper, &mark);
}

static void hear_one(struct keeper *keeper, struct message *message)
{
	if (message->kind == MESSAGE_TARGET) {
		hear_target(keeper, message);
	} else if (message->kind == MESSAGE_SAMPLE) {
		watch_clock(keeper, message);
		hear_sample(keeper, message);
	} else {
		keep_event(keeper, message);
	}
	keeper->heard++;
	if (!keeper->waiting_since_ns)
		keeper->waiting_since_ns = clock_monotonic_ns();
}

// False when the watch is gone or done.
static bool hear(struct keeper *keeper, int timeout_ms)
{
	struct pollfd event = {.fd = keeper->channel, .events = POLLIN};
	if (poll(&event, 1, timeout_ms) <= 0)
		return true;
	for (int i = 0; i < HEARD_AT_ONCE; i++) {
		struct message message;
		ssize_t size = read(keeper->channel, &message, sizeof message);
		if (size < 0)
			return errno == EAGAIN || errno == EINTR;
		if (size == 0)
			return false;
		if (size >= (ssize_t)offsetof(struct message, target) &&
		    message.kind < MESSAGE_KINDS && (size_t)size == message_size(message.kind))
			hear_one(keeper, &message);
	}
	return true;
}

// ---- the life ----

static int until_next(const struct keeper *keeper, int64_t now_ns)
{
	if (!keeper->waiting_since_ns || keeper->refused)
		return IDLE_POLL_MS;
	int64_t due_ns = keeper->waiting_since_ns + keeper->commit_ns;
	if (due_ns < keeper->retry_ns)
		due_ns = keeper->retry_ns;
	int64_t left_ms = (due_ns - now_ns) / 1000000;
	return left_ms < 0 ? 0 : left_ms > IDLE_POLL_MS ? IDLE_POLL_MS : (int)left_ms + 1;
}

static void serve(struct keeper *keeper)
{
	while (hear(keeper, until_next(keeper, clock_monotonic_ns()))) {
		int64_t now_ns = clock_monotonic_ns();
		if (keeper->refused)
			keeper_clear_waiting(keeper);
		if (keeper->waiting_since_ns &&
		    now_ns - keeper->waiting_since_ns >= keeper->commit_ns &&
		    now_ns >= keeper->retry_ns)
			keeper_commit(keeper);
	}
}

// The watch is gone: what it said last is written, if that can be in a few seconds.
static void finish(struct keeper *keeper)
{
	int64_t deadline_ns = clock_monotonic_ns() + LAST_TRIES_NS;
	while (keeper->waiting_since_ns && !keeper->refused) {
		keeper_commit(keeper);
		if (!keeper->waiting_since_ns || clock_monotonic_ns() > deadline_ns)
			break;
		clock_sleep_ns(SECOND_NS / 5);
	}
	keeper_close(keeper);
}

// Standard error stays, for what a crash says.
static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close(null);
}

_Noreturn void keeper_run(const struct store_options *options, int channel)
{
	struct keeper keeper = {.channel = channel,
				.size_bytes = options->size_bytes,
				.commit_ns = options->commit_ns};
	struct error error = {0};
	// Nothing of the watch's own.
	if (channel > 3)
		syscall(SYS_close_range, 3, channel - 1, 0);
	syscall(SYS_close_range, channel + 1, ~0u, 0);
	signal(SIGINT, SIG_IGN); // the watch decides when it is over
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	leave_terminal();
	setpriority(PRIO_PROCESS, 0, 5);
	prctl(PR_SET_NAME, "whyoom-store");
	if (!database_confine(options->path, DATABASE_WRITE, true, &keeper.path, &error)) {
		keeper_say(&keeper, STORE_REFUSED, &error);
		keeper.refused = true;
	} else {
		keeper_open(&keeper);
	}
	serve(&keeper);
	finish(&keeper);
	_exit(0);
}
