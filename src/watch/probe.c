// SPDX-License-Identifier: Apache-2.0
// In: descriptors of memory, and addresses. Out: a process that reads them when asked.
#include "watch/probe.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "system/sandbox.h"

struct probe {
	pid_t pid;
	int channel;
	size_t count;
	bool asked, lost;
	struct answer *answer;
};

struct answer {
	int64_t cost_ns;
	struct go_gauges gauges[];
};

static size_t answer_size(size_t count)
{
	return sizeof(struct answer) + count * sizeof(struct go_gauges);
}

// ---- in its own process ----

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

// Nothing of the watch's own stays open: above all not what its guard listens to.
static void close_others(const struct probe_target *targets, size_t count, int channel)
{
	int *keep = alloc_array(count + 1, sizeof *keep);
	for (size_t i = 0; i < count; i++)
		keep[i] = targets[i].mem;
	keep[count] = channel;
	qsort(keep, count + 1, sizeof *keep, compare_fds);
	int next = 3;
	for (size_t i = 0; i <= count; i++) {
		if (keep[i] > next)
			syscall(SYS_close_range, next, keep[i] - 1, 0);
		next = keep[i] + 1;
	}
	syscall(SYS_close_range, next, ~0U, 0);
	free(keep);
}

static _Noreturn void serve(const struct probe_target *targets, size_t count, int channel)
{
	struct answer *answer = alloc_zero(answer_size(count));
	char question;
	close_others(targets, count, channel);
	signal(SIGINT, SIG_IGN); // the watch decides when it is over
	signal(SIGTERM, SIG_IGN);
	if (!sandbox_enter(SANDBOX_LASTING, NULL))
		_exit(1);
	for (;;) {
		ssize_t got = read(channel, &question, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got != 1)
			_exit(0);
		// Not how long it waited for a processor: on a busy machine that is most of it.
		int64_t start_ns = clock_cpu_ns();
		for (size_t i = 0; i < count; i++)
			go_gauges_read(targets[i].mem, &targets[i].places, &answer->gauges[i]);
		answer->cost_ns = clock_cpu_ns() - start_ns;
		if (write(channel, answer, answer_size(count)) < 0)
			_exit(1);
	}
}

// ---- in the watch's process ----

bool probe_start(const struct probe_target *targets, size_t count, struct probe **out,
		 struct error *error)
{
	int channel[2];
	if (count > PROBE_TARGETS_MAX)
		return error_set(error, ERROR_LIMIT, "more than %d programs", PROBE_TARGETS_MAX);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0)
		return error_set_os(error, errno, "cannot make a channel to a probe");
	pid_t pid = fork();
	if (pid == 0)
		serve(targets, count, channel[1]);
	int why = errno;
	close(channel[1]);
	if (pid < 0) {
		close(channel[0]);
		return error_set_os(error, why, "cannot start a process for a probe");
	}
	struct probe *probe = alloc_zero(sizeof *probe);
	*probe = (struct probe){.pid = pid, .channel = channel[0], .count = count};
	probe->answer = alloc_zero(answer_size(count));
	*out = probe;
	return true;
}

void probe_free(struct probe *probe)
{
	if (!probe)
		return;
	close(probe->channel);
	kill(probe->pid, SIGKILL);
	while (waitpid(probe->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(probe->answer);
	free(probe);
}

void probe_ask(struct probe *probe)
{
	if (probe->asked || probe->lost)
		return;
	probe->asked = true;
	if (send(probe->channel, "?", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
		probe->lost = true;
}

const struct go_gauges *probe_take(struct probe *probe)
{
	if (!probe->asked || probe->lost)
		return NULL;
	ssize_t size = recv(probe->channel, probe->answer, answer_size(probe->count), MSG_DONTWAIT);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return NULL;
	probe->asked = false;
	probe->lost = size != (ssize_t)answer_size(probe->count);
	return probe->lost ? NULL : probe->answer->gauges;
}

bool probe_is_lost(const struct probe *probe)
{
	return probe->lost;
}

int64_t probe_cost_ns(const struct probe *probe)
{
	return probe->answer->cost_ns;
}
