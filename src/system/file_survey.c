// SPDX-License-Identifier: Apache-2.0
// In: a cgroup. Out: the files of its page cache, as a child with privileges finds them.
#include "system/file_survey.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

enum { ANSWER_LIMIT_BYTES = 64 << 20, CPU_SECONDS = 20 };
static const int64_t PATIENCE_NS = 1000000000; // beyond the budget, for the answer to come

struct file_survey {
	pid_t pid;
	int asked;  // an eventfd
	int answer; // the end of a pipe
	int64_t budget_ns;
};

// ---- in the child ----

struct ends {
	int asked, answer;
};

// False when nobody is there to hear the answer. A signal at the death of the caller would not
// come: it is sent with the rights of the caller, who has given them up.
static bool wait_until_asked(void *context)
{
	const struct ends *ends = context;
	struct pollfd events[] = {{.fd = ends->asked, .events = POLLIN}, {.fd = ends->answer}};
	while (poll(events, 2, -1) < 0)
		if (errno != EINTR)
			return false;
	return !events[1].revents;
}

static int by_number(const void *a, const void *b)
{
	int left = *(const int *)a, right = *(const int *)b;
	return (left > right) - (left < right);
}

// All but these and the first three: what the caller has open is none of the child's business.
static void close_others(int first, int second, int third)
{
	int kept[] = {2, first, second, third};
	size_t count = sizeof kept / sizeof *kept;
	qsort(kept, count, sizeof *kept, by_number);
	for (size_t i = 0; i < count; i++) {
		unsigned int from = (unsigned int)kept[i] + 1;
		unsigned int to = i + 1 < count ? (unsigned int)kept[i + 1] - 1 : ~0U;
		if (from <= to)
			syscall(SYS_close_range, from, to, 0);
	}
}

static void set_limits(void)
{
	struct rlimit files;
	const struct rlimit time = {CPU_SECONDS, CPU_SECONDS};
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)setrlimit(RLIMIT_CPU, &time);
}

static _Noreturn void look(struct file_cache_request *request, int asked, int answer)
{
	struct file_cache cache;
	struct strbuf packed = {0};
	struct ends ends = {asked, answer};
	close_others(asked, answer, request->cgroup_dir);
	signal(SIGPIPE, SIG_IGN);
	set_limits();
	request->wait = wait_until_asked;
	request->wait_context = &ends;
	file_cache_collect(request, &cache);
	file_cache_pack(&cache, &packed);
	_exit(file_write(answer, "pipe", packed.text, packed.length, NULL) ? 0 : 1);
}

// ---- in the caller ----

static bool start(struct file_cache_request *request, struct file_survey *survey,
		  struct error *error)
{
	int ends[2];
	_cleanup_close_ int asked = eventfd(0, EFD_CLOEXEC);
	if (asked < 0 || pipe2(ends, O_CLOEXEC) != 0)
		return error_set_os(error, errno, "cannot make a pipe");
	fflush(NULL);
	survey->pid = fork();
	if (survey->pid == 0)
		look(request, asked, ends[1]);
	int why = errno;
	close(ends[1]);
	if (survey->pid < 0) {
		close(ends[0]);
		return error_set_os(error, why, "cannot start a process");
	}
	survey->asked = take_fd(&asked);
	survey->answer = ends[0];
	return true;
}

bool file_survey_begin(struct cgroup *cgroup, const char *proc_root, int64_t budget_ns,
		       struct file_survey **out, struct error *error)
{
	_cleanup_(cgroup_pids_deinit) struct cgroup_pids pids = {0};
	struct file_cache_request request = {.proc_root = proc_root,
					     .cgroup_dir = cgroup_get_dir(cgroup),
					     .pids = &pids,
					     .budget_ns = budget_ns};
	if (!cgroup_read_pids(cgroup, &pids, error))
		return false;
	struct file_survey *survey = alloc_zero(sizeof *survey);
	survey->budget_ns = budget_ns ? budget_ns : FILE_CACHE_BUDGET_NS;
	if (!start(&request, survey, error)) {
		free(survey);
		return false;
	}
	*out = survey;
	return true;
}

// Up to its end; false when that does not come in time.
static bool hear(const struct file_survey *survey, struct strbuf *answer, struct error *error)
{
	// The budget twice: what is opened before the question may have taken all of one.
	int64_t deadline_ns = clock_monotonic_ns() + 2 * survey->budget_ns + PATIENCE_NS;
	char piece[65536];
	struct pollfd event = {.fd = survey->answer, .events = POLLIN};
	for (;;) {
		int64_t left_ns = deadline_ns - clock_monotonic_ns();
		if (left_ns <= 0 || answer->length > ANSWER_LIMIT_BYTES)
			return error_set(error, ERROR_LIMIT, "looking for the files took too long");
		if (poll(&event, 1, (int)(left_ns / 1000000) + 1) <= 0)
			continue;
		ssize_t got = read(survey->answer, piece, sizeof piece);
		if (got == 0)
			return true;
		if (got > 0)
			strbuf_add_bytes(answer, piece, (size_t)got);
		else if (errno != EINTR)
			return error_set_os(error, errno, "cannot read which files there are");
	}
}

bool file_survey_take(struct file_survey *survey, struct file_cache *cache, struct error *error)
{
	struct strbuf answer = {0};
	const uint64_t once = 1;
	bool ok = file_write(survey->asked, "eventfd", &once, sizeof once, error) &&
		  hear(survey, &answer, error) &&
		  file_cache_unpack(answer.text, answer.length, cache, error);
	strbuf_deinit(&answer);
	return ok;
}

void file_survey_end(struct file_survey *survey)
{
	if (!survey)
		return;
	kill(survey->pid, SIGKILL);
	while (waitpid(survey->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(survey->asked);
	close(survey->answer);
	free(survey);
}
