// SPDX-License-Identifier: Apache-2.0
// In: what a worker says. Out: how far its capture is, and what is to become of it.
#include "watch/worker_priv.h"

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
#include "report/incident.h"
#include "watch/worker_words.h"

static const int64_t WORKER_TIME_LIMIT_NS = 10000000000;
static const int64_t FINISH_TIMEOUT_NS = 10000000000;
enum { DISMISSED_TIMEOUT_MS = 100 };

bool worker_start(const struct worker_request *request, struct worker **out, struct error *error)
{
	int channel[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0)
		return error_set_os(error, errno, "cannot make a channel to the capture");
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		worker_run(request, channel[1]);
	int why = errno;
	close(channel[1]);
	if (pid < 0) {
		close(channel[0]);
		return error_set_os(error, why, "cannot start a process for the capture");
	}
	struct worker *worker = alloc_zero(sizeof *worker);
	worker->pid = pid;
	worker->channel = channel[0];
	worker->started_ns = clock_monotonic_ns();
	snprintf(worker->directory, sizeof worker->directory, "%s", request->directory);
	*out = worker;
	return true;
}

#define terminate(text) ((text)[sizeof(text) - 1] = '\0')

static void terminate_texts(struct worker_summary *summary)
{
	struct store_incident *incident = &summary->incident;
	terminate(summary->build_id);
	terminate(summary->container_name);
	terminate(incident->sentence);
	terminate(incident->rule);
	terminate(incident->confidence);
	terminate(incident->function);
	terminate(incident->file);
}

static void set_failed(struct worker_news *news, const char *why)
{
	*news = (struct worker_news){0};
	error_set(&news->error, ERROR_LIMIT, "%s", why);
}

static void settle(struct worker *worker, bool again)
{
	if (!worker->settled)
		incident_settle(worker->directory, again);
	worker->settled = true;
}

static void take_news(struct worker *worker, struct worker_news *news)
{
	ssize_t size;
	do
		size = recv(worker->channel, news, sizeof *news, MSG_DONTWAIT);
	while (size < 0 && errno == EINTR);
	if (size != (ssize_t)sizeof *news)
		set_failed(news, "the process that captured died");
	news->error.message[sizeof news->error.message - 1] = '\0';
	news->error.hint[sizeof news->error.hint - 1] = '\0';
	worker_words(&news->error);
	terminate_texts(&news->summary);
	if (news->kind == NEWS_TARGET_FREE)
		worker->needs_target = false;
	if (news->kind == NEWS_WRITTEN_AGAIN || news->kind == NEWS_NOTHING_MORE)
		settle(worker, news->kind == NEWS_WRITTEN_AGAIN);
}

// What it says by the way is taken as well. False when no more came within the time.
static bool receive(struct worker *worker, struct worker_news *news, int timeout_ms, int signal_fd)
{
	struct pollfd events[] = {{.fd = worker->channel, .events = POLLIN},
				  {.fd = signal_fd, .events = POLLIN}};
	do {
		if (poll(events, 2, timeout_ms) <= 0 || !events[0].revents)
			return false;
		take_news(worker, news);
	} while (news->kind == NEWS_TARGET_FREE || news->kind == NEWS_WRITTEN_AGAIN ||
		 news->kind == NEWS_NOTHING_MORE);
	return true;
}

static void kill_worker(struct worker *worker)
{
	kill(worker->pid, SIGKILL);
	worker->state = WORKER_FAILED;
}

static void hear_more(struct worker *worker, int timeout_ms)
{
	struct worker_news news;
	struct pollfd event = {.fd = worker->channel, .events = POLLIN};
	if (poll(&event, 1, timeout_ms) <= 0)
		return;
	take_news(worker, &news);
	if (news.kind == NEWS_TAKEN) { // it died
		worker->needs_target = false;
		settle(worker, false);
	}
}

void worker_update(struct worker *worker, int timeout_ms)
{
	struct worker_news news;
	if (worker->state == WORKER_READY && !worker->settled)
		hear_more(worker, timeout_ms);
	if (worker->state != WORKER_BUSY)
		return;
	if (!receive(worker, &news, timeout_ms, -1)) {
		if (clock_monotonic_ns() - worker->started_ns < WORKER_TIME_LIMIT_NS)
			return;
		kill_worker(worker);
		set_failed(&news, "it took too long and was ended");
	}
	worker->needs_target = news.needs_target;
	worker->state = news.taken ? WORKER_READY : WORKER_FAILED;
	worker->stored = news.stored;
	worker->whole = news.whole;
	worker->duration_ns = news.duration_ns;
	worker->error = news.error;
	worker->summary = news.summary;
}

bool worker_finish_begin(struct worker *worker, const struct worker_end *end, struct error *error)
{
	worker->finish_ns = clock_monotonic_ns();
	return send(worker->channel, end, sizeof *end, MSG_NOSIGNAL) == (ssize_t)sizeof *end ||
	       error_set_os(error, errno, "the process that captured is gone");
}

bool worker_finish_poll(struct worker *worker, int timeout_ms, bool *stored, struct error *error)
{
	struct worker_news news = {0};
	*stored = false;
	if (!receive(worker, &news, timeout_ms, -1)) {
		if (clock_monotonic_ns() - worker->finish_ns < FINISH_TIMEOUT_NS)
			return false;
		kill_worker(worker);
		settle(worker, false);
		error_set(error, ERROR_LIMIT, "writing the final report took too long");
		return true;
	}
	settle(worker, false);
	worker->summary = news.summary;
	*stored = news.stored;
	if (!news.stored)
		*error = news.error;
	return true;
}

bool worker_finish(struct worker *worker, const struct worker_end *end, struct error *error)
{
	bool stored;
	if (!worker_finish_begin(worker, end, error))
		return false;
	while (!worker_finish_poll(worker, 100, &stored, error))
		;
	return stored;
}

bool worker_print(struct worker *worker, int signal_fd, int timeout_ms)
{
	struct worker_news news = {0};
	return worker->state == WORKER_READY && send(worker->channel, "p", 1, MSG_NOSIGNAL) == 1 &&
	       receive(worker, &news, timeout_ms, signal_fd) && news.printed;
}

void worker_dismiss(struct worker *worker)
{
	worker->dismissed = shutdown(worker->channel, SHUT_WR) == 0;
}

// Its end of the channel is closed then.
static bool wait_for_exit(const struct worker *worker, int timeout_ms)
{
	struct pollfd event = {.fd = worker->channel, .events = POLLRDHUP};
	int ready;
	do
		ready = poll(&event, 1, timeout_ms);
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

bool worker_has_left(const struct worker *worker)
{
	return wait_for_exit(worker, 0);
}

void worker_settle(struct worker *worker)
{
	struct worker_news news;
	struct pollfd event = {.fd = worker->channel, .events = POLLIN};
	if (worker->settled || worker->state == WORKER_FAILED)
		return;
	if (worker->dismissed && !wait_for_exit(worker, DISMISSED_TIMEOUT_MS))
		kill(worker->pid, SIGKILL);
	while (!worker->settled && poll(&event, 1, 0) > 0) {
		take_news(worker, &news);
		if (news.kind == NEWS_TAKEN)
			break;
	}
	settle(worker, false);
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	worker_settle(worker);
	close(worker->channel);
	kill(worker->pid, SIGKILL); // its files are written, or not worth waiting for
	while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(worker);
}
