// SPDX-License-Identifier: Apache-2.0
// In: what a watch sees. Out: messages to the keeper, never waiting for it.
#include "store/writer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/vec.h"
#include "store/keeper.h"
#include "store/message.h"

enum {
	CHANNEL_BYTES = 4 << 20, // some seconds of samples of many targets
	CLOSE_PATIENCE_MS = 2000,
	TARGETS_MAX = 100000,
};
static const int64_t RESTART_AFTER_NS = 10000000000;

// To tell a new keeper about it. Ended ones are not told again.
struct told_target {
	bool ended;
	struct store_target target;
};

struct store_writer {
	char *path;
	int64_t size_bytes, commit_ns;
	pid_t keeper; // 0: none now
	int channel;  // -1: none now
	int64_t started_ns;
	struct store_news news;
	int64_t committed_before; // by earlier keepers
	VEC(struct told_target *) targets;
};

// ---- the keeper's process ----

static bool start(struct store_writer *writer, struct error *error)
{
	int channel[2];
	const int size = CHANNEL_BYTES;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, channel) != 0)
		return error_set_os(error, errno, "cannot make a channel to the database");
	if (setsockopt(channel[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
		(void)!setsockopt(channel[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		keeper_run(&(struct store_options){writer->path, writer->size_bytes,
						   writer->commit_ns},
			   channel[1]);
	int why = errno;
	close(channel[1]);
	if (pid < 0) {
		close(channel[0]);
		return error_set_os(error, why, "cannot start the process for the database");
	}
	writer->keeper = pid;
	writer->channel = channel[0];
	writer->started_ns = clock_monotonic_ns();
	return true;
}

// Ends it, whatever it does; says how it ended.
static int reap(struct store_writer *writer)
{
	int status = 0;
	cleanup_close(&writer->channel);
	writer->channel = -1;
	kill(writer->keeper, SIGKILL);
	while (waitpid(writer->keeper, &status, 0) < 0 && errno == EINTR)
		;
	writer->keeper = 0;
	writer->committed_before = writer->news.committed;
	return status;
}

// ---- telling ----

static bool tell(struct store_writer *writer, const struct message *message)
{
	ssize_t size = (ssize_t)message_size(message->kind);
	return writer->channel >= 0 &&
	       send(writer->channel, message, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL) == size;
}

static struct message *begin(enum message_kind kind, int handle, struct message *message)
{
	memset(message, 0, sizeof *message); // padding too: it goes to another process
	message->kind = kind;
	message->handle = handle;
	message->monotonic_ns = clock_monotonic_ns();
	return message;
}

static void tell_target(struct store_writer *writer, size_t handle)
{
	struct message message;
	begin(MESSAGE_TARGET, (int)handle, &message)->target =
		writer->targets.items[handle]->target;
	(void)!tell(writer, &message);
}

bool store_open(const struct store_options *options, struct store_writer **out, struct error *error)
{
	struct store_writer *writer = alloc_zero(sizeof *writer);
	writer->path = alloc_string(options->path);
	writer->size_bytes = options->size_bytes ? options->size_bytes : STORE_SIZE_DEFAULT;
	writer->commit_ns = options->commit_ns ? options->commit_ns : STORE_COMMIT_NS;
	writer->channel = -1;
	if (!start(writer, error)) {
		free(writer->path);
		free(writer);
		return false;
	}
	*out = writer;
	return true;
}

int store_target(struct store_writer *writer, const struct store_target *target)
{
	if (writer->targets.count >= TARGETS_MAX)
		return -1;
	struct told_target *told = alloc_zero(sizeof *told);
	told->target = *target;
	vec_push(&writer->targets, told);
	tell_target(writer, writer->targets.count - 1);
	return (int)writer->targets.count - 1;
}

void store_ending(struct store_writer *writer, int target, const struct store_ending *ending)
{
	struct message message;
	if (target < 0 || (size_t)target >= writer->targets.count)
		return;
	writer->targets.items[target]->ended = true;
	begin(MESSAGE_ENDING, target, &message)->ending = *ending;
	(void)!tell(writer, &message);
}

void store_sample(struct store_writer *writer, int target, const struct store_sample *sample)
{
	struct message message;
	begin(MESSAGE_SAMPLE, target, &message)->sample = *sample;
	writer->news.dropped += !tell(writer, &message);
}

void store_mark(struct store_writer *writer, int target, const struct store_mark *mark)
{
	struct message message;
	begin(MESSAGE_MARK, target, &message)->mark = *mark;
	(void)!tell(writer, &message);
}

void store_snapshot(struct store_writer *writer, int target, const struct store_snapshot *snapshot)
{
	struct message message;
	begin(MESSAGE_SNAPSHOT, target, &message)->snapshot = *snapshot;
	(void)!tell(writer, &message);
}

void store_incident(struct store_writer *writer, int target, const struct store_incident *incident)
{
	struct message message;
	begin(MESSAGE_INCIDENT, target, &message)->incident = *incident;
	(void)!tell(writer, &message);
}

// ---- hearing ----

static void take(struct store_writer *writer, const struct message_news *said, bool *changed)
{
	struct store_news *news = &writer->news;
	*changed |= said->state == STORE_SET_ASIDE ||
		    (said->state != news->state &&
		     (said->state >= STORE_FAILING || news->state >= STORE_FAILING));
	news->state = said->state == STORE_SET_ASIDE ? STORE_WRITING : said->state;
	news->committed = writer->committed_before + said->committed;
	if (said->error.code != ERROR_NONE || said->state == STORE_WRITING)
		news->error = said->error;
	news->error.message[sizeof news->error.message - 1] = '\0';
	news->error.hint[sizeof news->error.hint - 1] = '\0';
}

// False when the keeper is gone.
static bool hear(struct store_writer *writer, bool *changed)
{
	struct message_news said;
	// One thing to tell at a time: what comes behind waits for the next call.
	while (!*changed) {
		ssize_t size = recv(writer->channel, &said, sizeof said, MSG_DONTWAIT);
		if (size < 0)
			return errno == EAGAIN || errno == EINTR;
		if (size != sizeof said)
			return false;
		take(writer, &said, changed);
	}
	return true;
}

static void restart(struct store_writer *writer)
{
	if (!start(writer, NULL)) {
		writer->started_ns = clock_monotonic_ns();
		return;
	}
	for (size_t i = 0; i < writer->targets.count; i++)
		if (!writer->targets.items[i]->ended)
			tell_target(writer, i);
}

bool store_update(struct store_writer *writer, struct store_news *news)
{
	bool changed = false;
	if (!writer->keeper) {
		if (clock_monotonic_ns() - writer->started_ns > RESTART_AFTER_NS)
			restart(writer);
	} else if (!hear(writer, &changed)) {
		int status = reap(writer);
		changed = true;
		writer->news.state = STORE_FAILING;
		error_set(&writer->news.error, ERROR_OS,
			  "the process that writes the timeline has died (%s %d); another is tried",
			  WIFSIGNALED(status) ? "signal" : "exit code",
			  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	}
	*news = writer->news;
	return changed;
}

void store_close(struct store_writer *writer)
{
	if (!writer)
		return;
	if (writer->keeper) {
		shutdown(writer->channel, SHUT_WR);
		// Its end closes the channel; until then it only has news.
		int64_t deadline_ns = clock_monotonic_ns() + CLOSE_PATIENCE_MS * 1000000LL;
		struct pollfd event = {.fd = writer->channel, .events = POLLIN};
		struct message_news said;
		while (clock_monotonic_ns() < deadline_ns && poll(&event, 1, 100) >= 0)
			if (event.revents && recv(writer->channel, &said, sizeof said, 0) <= 0) {
				waitpid(writer->keeper, NULL, 0);
				break;
			}
		close(writer->channel);
	}
	VEC_FOREACH (target, &writer->targets)
		free(*target);
	vec_deinit(&writer->targets);
	free(writer->path);
	free(writer);
}
