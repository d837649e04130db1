// SPDX-License-Identifier: Apache-2.0
// In: a process to capture. Out: the files of an incident, and news for the watch.
#include "watch/worker_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/i18n.h"
#include "report/incident.h"
#include "report/instant.h"
#include "snapshot/capture.h"
#include "snapshot/heap_profile.h"
#include "system/sandbox.h"

enum { PROFILE_LIMIT = 512 << 20 };

struct job {
	const struct worker_request *request;
	int channel;
	struct capture *capture;
	struct incident incident;
	bool storing;
	int baseline_fd, baseline_report_fd;
	struct snapshot *snapshot;
	struct instant *before; // NULL: no baseline
	struct snapshot_baseline baseline;
	struct worker_news news;
	enum i18n_language language; // of who reads the report; what is stored is English
};

static void send_news(struct job *job, enum news_kind kind)
{
	job->news.kind = (uint8_t)kind;
	// Not send(): the sandbox lets through what works on descriptors of any kind.
	while (write(job->channel, &job->news, sizeof job->news) < 0 && errno == EINTR)
		;
}

static _Noreturn void fail(struct job *job)
{
	job->news.taken = false;
	send_news(job, NEWS_TAKEN);
	_exit(1);
}

// Its report says more than the profile; an older one, or a torn one, may have none.
static void read_baseline(struct job *job)
{
	_cleanup_free_ char *heap = NULL, *report = NULL;
	size_t size, report_size = 0;
	if (job->baseline_fd < 0 ||
	    !file_read(job->baseline_fd, "the baseline", PROFILE_LIMIT, &heap, &size, NULL))
		return;
	bool has_report = job->baseline_report_fd >= 0 &&
			  file_read(job->baseline_report_fd, "the baseline", PROFILE_LIMIT, &report,
				    &report_size, NULL) &&
			  report_size;
	if ((!has_report || !instant_read(report, report_size, heap, size, &job->before, NULL)) &&
	    !instant_read(NULL, 0, heap, size, &job->before, NULL))
		return;
	job->baseline = instant_as_baseline(job->before);
	job->baseline.usage_bytes = job->request->baseline_usage_bytes;
	if (!has_report)
		job->baseline.facts = NULL;
}

static void summarize(const struct snapshot *snapshot, const struct verdict *verdict,
		      struct worker_summary *summary)
{
	const struct snapshot_go *go = &snapshot->go;
	struct store_incident *incident = &summary->incident;
	bool has_go = snapshot_has(&snapshot->go_absent);
	*summary = (struct worker_summary){
		.heap_live_bytes = has_go ? (int64_t)go->heap_alloc_bytes : -1,
		.heap_goal_bytes =
			has_go && go->stats.next_gc < INT64_MAX ? (int64_t)go->stats.next_gc : -1,
		.goroutines = snapshot_has(&snapshot->goroutines_absent)
				      ? (int64_t)snapshot->goroutines.user
				      : -1,
	};
	summary->gauge_places = go->gauge_places;
	snprintf(summary->container_name, sizeof summary->container_name, "%s",
		 snapshot->identity.container.name);
	snprintf(summary->build_id, sizeof summary->build_id, "%s",
		 snapshot->identity.build_name ? snapshot->identity.build_name : "");
	snprintf(incident->sentence, sizeof incident->sentence, "%s", verdict->sentence);
	snprintf(incident->rule, sizeof incident->rule, "%s", verdict->rule);
	snprintf(incident->confidence, sizeof incident->confidence, "%s",
		 confidence_name(verdict->confidence));
	snprintf(incident->function, sizeof incident->function, "%s", verdict->guilty.function);
	snprintf(incident->file, sizeof incident->file, "%s", verdict->guilty.file);
	incident->line = verdict->guilty.line;
	incident->bytes = verdict->bytes;
}

static void decide(struct job *job, const struct worker_end *end, struct report *report,
		   struct verdict *verdict)
{
	// A trigger's incident is about a process that lives.
	bool triggered = end && end->reason[0];
	const struct kill_facts *kill = end && !triggered ? &end->kill : NULL;
	const struct kill_timeline *timeline = end ? &end->timeline : NULL;
	const struct snapshot_baseline *baseline = job->before ? &job->baseline : NULL;
	job->snapshot->course = end ? &end->course : NULL;
	verdict_decide(job->snapshot, baseline, kill, verdict);
	job->snapshot->course = NULL; // goes with `end`; the verdict has what it found in it
	summarize(job->snapshot, verdict, &job->news.summary);
	*report = (struct report){job->snapshot, baseline, verdict,
				  kill,          timeline, triggered ? end->reason : NULL};
}

static void write_report(struct job *job, const struct worker_end *end, struct report *report,
			 struct verdict *verdict)
{
	decide(job, end, report, verdict);
	job->news.stored = job->storing && incident_write(&job->incident, report, &job->news.error);
}

// What is stored is English; who watches reads the same rules' words over the same facts.
static void write_for_reader(const struct job *job, struct report report,
			     const struct worker_end *end, struct strbuf *text)
{
	struct verdict verdict;
	i18n_use(job->language);
	job->snapshot->course = &end->course;
	verdict_decide(job->snapshot, report.baseline, report.kill, &verdict);
	job->snapshot->course = NULL;
	report.verdict = &verdict;
	report_write_text(&report, (struct report_style){job->request->colour}, text);
	verdict_deinit(&verdict);
}

static bool print_report(const struct job *job, const struct report *report,
			 const struct worker_end *end)
{
	struct strbuf text = {0};
	if (job->request->json) {
		json_t *value = report_to_json(report);
		_cleanup_free_ char *dump = json_dumps(value, JSON_INDENT(2));
		json_decref(value);
		strbuf_add(&text, dump ? dump : "{}");
		strbuf_add(&text, "\n");
	} else if (job->language == I18N_ENGLISH) {
		report_write_text(report, (struct report_style){job->request->colour}, &text);
	} else {
		write_for_reader(job, *report, end, &text);
	}
	bool ok = fputs(text.text, stdout) != EOF && fflush(stdout) == 0;
	strbuf_deinit(&text);
	return ok;
}

// False when it was dismissed, or the watch is gone.
static bool await(const struct job *job, void *message, size_t size)
{
	ssize_t got;
	do
		got = read(job->channel, message, size);
	while (got < 0 && errno == EINTR);
	return got == (ssize_t)size;
}

static void await_end(struct job *job)
{
	_cleanup_free_ struct worker_end *end = alloc_zero(sizeof *end);
	struct verdict verdict;
	struct report report;
	char go;
	if (!await(job, end, sizeof *end))
		return;
	read_baseline(job);
	if (job->storing) // else it still says why not
		job->news.error = (struct error){0};
	write_report(job, end, &report, &verdict);
	send_news(job, NEWS_FINISHED);
	if (!await(job, &go, sizeof go))
		return;
	job->news.printed = print_report(job, &report, end);
	send_news(job, NEWS_PRINTED);
}

static void open_baseline(struct job *job, const char *heap_path)
{
	const char *slash = strrchr(heap_path, '/');
	_cleanup_free_ char *report = alloc_format(
		"%.*sreport.json", slash ? (int)(slash + 1 - heap_path) : 0, heap_path);
	(void)!file_open(AT_FDCWD, heap_path, &job->baseline_fd, NULL);
	(void)!file_open(AT_FDCWD, report, &job->baseline_report_fd, NULL);
}

static void open_everything(struct job *job)
{
	const struct worker_request *request = job->request;
	if (!capture_open("/proc", request->pid, request->cgroup_path, &job->capture,
			  &job->news.error))
		fail(job);
	capture_more_begin(job->capture, "/proc");
	job->storing = incident_open(request->directory, &job->incident, &job->news.error);
	if (request->baseline_path)
		open_baseline(job, request->baseline_path);
}

// What is worth less than the kill's delay, or nothing without what is on disk by now.
static void take_more(struct job *job)
{
	struct report report;
	struct verdict verdict;
	bool more =
		job->news.needs_target && capture_more_native(job->capture, job->snapshot, NULL);
	if (job->news.needs_target && !job->request->unhurried)
		send_news(job, NEWS_TARGET_FREE);
	more |= capture_more_files(job->capture, job->snapshot);
	if (!more || !job->news.stored) {
		send_news(job, NEWS_NOTHING_MORE);
		return;
	}
	decide(job, NULL, &report, &verdict);
	bool written = incident_write_again(&job->incident, &report, NULL);
	send_news(job, written ? NEWS_WRITTEN_AGAIN : NEWS_NOTHING_MORE);
	verdict_deinit(&verdict);
}

_Noreturn void worker_run(const struct worker_request *request, int channel)
{
	struct job job = {.request = request,
			  .channel = channel,
			  .baseline_fd = -1,
			  .baseline_report_fd = -1};
	struct verdict verdict;
	struct report report;
	job.language = i18n_get();
	i18n_use(I18N_ENGLISH);
	// Nothing of the watch's own: above all not what its guard listens to.
	if (channel > 3)
		syscall(SYS_close_range, 3, channel - 1, 0);
	syscall(SYS_close_range, channel + 1, ~0u, 0);
	signal(SIGINT, SIG_IGN); // the watch decides when it is over
	signal(SIGTERM, SIG_IGN);
	open_everything(&job);
	if (!sandbox_enter(SANDBOX_DEFAULT, &job.news.error) ||
	    !capture_take(job.capture, CAPTURE_ALL | CAPTURE_RUNTIME | CAPTURE_IN_HASTE,
			  HEAP_NOW_SPACE, &job.snapshot, &job.news.error))
		fail(&job);
	write_report(&job, NULL, &report, &verdict);
	job.news.taken = true;
	job.news.whole = snapshot_has(&job.snapshot->heap_absent) &&
			 snapshot_has(&job.snapshot->process_ledger_absent) &&
			 !job.snapshot->quality.target_ended;
	job.news.needs_target = !request->small && !job.snapshot->quality.target_ended &&
				capture_worth_native(job.snapshot);
	job.news.duration_ns = job.snapshot->quality.duration_ns;
	verdict_deinit(&verdict);
	if (!request->unhurried)
		send_news(&job, NEWS_TAKEN);
	if (!request->small)
		take_more(&job);
	if (request->unhurried) {
		job.news.needs_target = false;
		send_news(&job, NEWS_TAKEN);
	}
	await_end(&job);
	_exit(0);
}
