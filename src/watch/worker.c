// SPDX-License-Identifier: Apache-2.0
// In: a process to capture. Out: files of an incident, and a process that can finish them.
#include "watch/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "report/incident.h"
#include "snapshot/capture.h"
#include "snapshot/heap_profile.h"
#include "system/sandbox.h"

enum { FINISH_TIMEOUT_MS = 20000 };

// From the worker to the watch.
struct worker_news {
	bool taken, stored, whole, printed;
	int64_t duration_ns;
	struct error error;
};

// ---- in the worker's process ----

struct job {
	const struct worker_request *request;
	int channel;
	struct capture *capture;
	struct incident incident;
	bool storing;
	struct snapshot *snapshot;
	struct worker_news news;
};

static void send_news(const struct job *job)
{
	// Not send(): the sandbox lets through what works on descriptors of any kind.
	while (write(job->channel, &job->news, sizeof job->news) < 0 && errno == EINTR)
		;
}

static _Noreturn void fail(struct job *job)
{
	job->news.taken = false;
	send_news(job);
	_exit(1);
}

static void write_report(struct job *job, const struct kill_facts *kill,
			 const struct kill_timeline *timeline, struct report *report,
			 struct verdict *verdict)
{
	verdict_decide(job->snapshot, kill, verdict);
	*report = (struct report){job->snapshot, verdict, kill, timeline};
	job->news.stored = job->storing && incident_write(&job->incident, report, &job->news.error);
}

static bool print_report(const struct job *job, const struct report *report)
{
	struct strbuf text = {0};
	if (job->request->json) {
		json_t *value = report_to_json(report);
		_cleanup_free_ char *dump = json_dumps(value, JSON_INDENT(2));
		json_decref(value);
		strbuf_add(&text, dump ? dump : "{}");
		strbuf_add(&text, "\n");
	} else {
		report_write_text(report, (struct report_style){job->request->colour}, &text);
	}
	bool ok = fputs(text.text, stdout) != EOF && fflush(stdout) == 0;
	strbuf_deinit(&text);
	return ok;
}

static void await_end(struct job *job)
{
	_cleanup_free_ struct worker_end *end = alloc_zero(sizeof *end);
	struct verdict verdict;
	struct report report;
	ssize_t size;
	do
		size = read(job->channel, end, sizeof *end);
	while (size < 0 && errno == EINTR);
	if (size != (ssize_t)sizeof *end)
		return; // dismissed, or the watch is gone
	job->news.error = (struct error){0};
	write_report(job, &end->kill, &end->timeline, &report, &verdict);
	job->news.printed = print_report(job, &report);
	send_news(job);
}

static void open_everything(struct job *job)
{
	const struct worker_request *request = job->request;
	if (!capture_open("/proc", request->pid, request->cgroup_path, &job->capture,
			  &job->news.error))
		fail(job);
	job->storing = request->directory &&
		       incident_open(request->directory, &job->incident, &job->news.error);
}

static _Noreturn void run(const struct worker_request *request, int channel)
{
	struct job job = {.request = request, .channel = channel};
	struct verdict verdict;
	struct report report;
	// Nothing of the watch's own: above all not what its guard listens to.
	if (channel > 3)
		syscall(SYS_close_range, 3, channel - 1, 0);
	syscall(SYS_close_range, channel + 1, ~0u, 0);
	signal(SIGINT, SIG_IGN); // the watch decides when it is over
	signal(SIGTERM, SIG_IGN);
	open_everything(&job);
	if (!sandbox_enter(SANDBOX_DEFAULT, &job.news.error) ||
	    !capture_take(job.capture, CAPTURE_ALL, HEAP_NOW_SPACE, &job.snapshot, &job.news.error))
		fail(&job);
	write_report(&job, NULL, NULL, &report, &verdict);
	job.news.taken = true;
	job.news.whole = snapshot_has(&job.snapshot->heap_absent) &&
			 snapshot_has(&job.snapshot->process_ledger_absent) &&
			 !job.snapshot->quality.target_ended;
	job.news.duration_ns = job.snapshot->quality.duration_ns;
	send_news(&job);
	verdict_deinit(&verdict);
	await_end(&job);
	_exit(0);
}

// ---- in the watch's process ----

bool worker_start(const struct worker_request *request, struct worker **out, struct error *error)
{
	int channel[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0)
		return error_set_os(error, errno, "cannot make a channel to the capture");
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		run(request, channel[1]);
	close(channel[1]);
	if (pid < 0) {
		close(channel[0]);
		return error_set_os(error, errno, "cannot start a process for the capture");
	}
	struct worker *worker = alloc_zero(sizeof *worker);
	worker->pid = pid;
	worker->channel = channel[0];
	if (request->directory)
		snprintf(worker->directory, sizeof worker->directory, "%s", request->directory);
	*out = worker;
	return true;
}

static bool receive(struct worker *worker, struct worker_news *news, int timeout_ms)
{
	struct pollfd event = {.fd = worker->channel, .events = POLLIN};
	ssize_t size = 0;
	if (poll(&event, 1, timeout_ms) <= 0)
		return false;
	do
		size = recv(worker->channel, news, sizeof *news, 0);
	while (size < 0 && errno == EINTR);
	if (size == (ssize_t)sizeof *news)
		return true;
	*news = (struct worker_news){0};
	error_set(&news->error, ERROR_LIMIT, "the process that captured died");
	return true;
}

void worker_update(struct worker *worker, int timeout_ms)
{
	struct worker_news news;
	if (worker->state != WORKER_BUSY || !receive(worker, &news, timeout_ms))
		return;
	worker->state = news.taken ? WORKER_READY : WORKER_FAILED;
	worker->stored = news.stored;
	worker->whole = news.whole;
	worker->duration_ns = news.duration_ns;
	worker->error = news.error;
}

bool worker_finish(struct worker *worker, const struct worker_end *end, bool *printed,
		   struct error *error)
{
	struct worker_news news = {0};
	*printed = false;
	if (send(worker->channel, end, sizeof *end, MSG_NOSIGNAL) != (ssize_t)sizeof *end)
		return error_set_os(error, errno, "the process that captured is gone");
	if (!receive(worker, &news, FINISH_TIMEOUT_MS))
		return error_set(error, ERROR_LIMIT, "the process that captured does not answer");
	*printed = news.printed;
	if (!news.stored)
		*error = news.error;
	return news.stored;
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	close(worker->channel); // it ends by itself
	if (worker->state != WORKER_READY)
		kill(worker->pid, SIGKILL);
	while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(worker);
}
