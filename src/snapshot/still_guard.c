// SPDX-License-Identifier: Apache-2.0
// In: a process to hold still, one word at a time from its reader. Out: the process as it was, at
// the latest when the time is up or the reader is gone.
#include "snapshot/still_priv.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "system/frozen.h"
#include "system/guard.h"

#define FOREVER INT64_MAX

// How long a copy may live: longer than its reader may compute (SANDBOX_CPU_SECONDS).
static const int64_t COPY_NS = 120000000000;

// A word of the reader; 0 when it is gone or `deadline_ns` passed, which *in_time tells apart.
static char await_word(const struct still_guard *guard, int64_t deadline_ns, bool *in_time)
{
	struct pollfd event = {.fd = guard->channel, .events = POLLIN};
	char word;
	for (;;) {
		int64_t left_ms = (deadline_ns - clock_monotonic_ns() + 999999) / 1000000;
		int wait_ms = deadline_ns == FOREVER || left_ms > INT_MAX ? INT_MAX : (int)left_ms;
		int ready = poll(&event, 1, wait_ms < 0 ? 0 : wait_ms);
		*in_time = ready != 0;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return '\0';
		return recv(guard->channel, &word, sizeof word, 0) == (ssize_t)sizeof word ? word
											   : '\0';
	}
}

static void say(const struct still_guard *guard, char word)
{
	(void)!send(guard->channel, &word, sizeof word, MSG_NOSIGNAL);
}

// What was traced is let go by the kernel when we end, if it was not before.
static _Noreturn void fail(const struct still_guard *guard, const struct error *error)
{
	guard->board->error = *error;
	say(guard, STILL_WORD_FAILED);
	_exit(0);
}

static void stop(const struct still_guard *guard, struct tracer *tracer)
{
	struct error error = {0};
	int64_t deadline_ns = clock_monotonic_ns() + guard->stop_limit_ns;
	if (!tracer_stop(tracer, guard->files, deadline_ns, &error))
		fail(guard, &error);
	guard->board->thread_count =
		tracer_read_threads(tracer, guard->board->threads, TRACER_THREADS_MAX);
}

static void run_stop(const struct still_guard *guard)
{
	struct tracer tracer;
	bool in_time;
	if (await_word(guard, FOREVER, &in_time) != STILL_WORD_START)
		return;
	stop(guard, &tracer);
	int64_t deadline_ns = tracer.interrupted_ns + guard->stop_limit_ns;
	say(guard, STILL_WORD_START);
	char word = await_word(guard, deadline_ns, &in_time);
	guard->board->outcome = (struct still_outcome){tracer_let_go(&tracer), !in_time};
	if (!in_time)
		word = await_word(guard, FOREVER, &in_time);
	if (word == STILL_WORD_RELEASE)
		say(guard, STILL_WORD_RELEASE);
}

// With the copy's descriptors.
static bool say_frozen(const struct still_guard *guard, const struct frozen *frozen)
{
	char word = STILL_WORD_START;
	const int fds[2] = {frozen->memory_fd, frozen->maps_fd};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof fds)];
	} control = {.bytes = {0}};
	struct iovec part = {&word, sizeof word};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof control.bytes};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fds);
	memcpy(CMSG_DATA(header), fds, sizeof fds);
	return sendmsg(guard->channel, &message, MSG_NOSIGNAL) == (ssize_t)sizeof word;
}

static void run_frozen(const struct still_guard *guard)
{
	struct still_board *board = guard->board;
	struct frozen frozen;
	struct error error = {0};
	bool in_time = true;
	int64_t deadline_ns = clock_monotonic_ns() + COPY_NS;
	if (!frozen_make(guard->files, guard->stop_limit_ns, &frozen, board->threads,
			 &board->thread_count, &board->outcome.pause_ns, &error))
		fail(guard, &error);
	char word = say_frozen(guard, &frozen) ? STILL_WORD_START : '\0';
	while (word == STILL_WORD_START) {
		word = await_word(guard, deadline_ns, &in_time);
		if (word == STILL_WORD_START) // the copy is there already
			say(guard, STILL_WORD_START);
	}
	board->outcome.torn = !in_time || !frozen_is_whole(&frozen);
	if (word == STILL_WORD_RELEASE)
		say(guard, STILL_WORD_RELEASE);
	if (!frozen_end(guard->files, &frozen, &error))
		board->error = error;
	if (!in_time && await_word(guard, FOREVER, &in_time) == STILL_WORD_RELEASE)
		say(guard, STILL_WORD_RELEASE);
}

_Noreturn void still_guard_run(struct still_guard *guard)
{
	const struct process_files *files = guard->files;
	const int kept[] = {guard->channel, files->dir,  files->mem,
			    files->status,  files->stat, files->pidfd};
	guard_stand_alone("whyoom-guard", kept, sizeof kept / sizeof kept[0]);
	if (guard->mode == STILL_FROZEN)
		run_frozen(guard);
	else
		run_stop(guard);
	_exit(0);
}
