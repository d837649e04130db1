// SPDX-License-Identifier: Apache-2.0
// In: an incident on disk. Out: its page beside the other files, whole or not at all.
#include "watch/page.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "report/page.h"
#include "store/incident_page.h"
#include "store/page_timeline.h"
#include "system/sandbox.h"

enum { STEP_US = 5000 };
static const int64_t PATIENCE_NS = 10000000000;

// In the child: what the files hold may come from the target.
static int write_page(struct incident_page *page, int fd)
{
	struct strbuf text = {0};
	return sandbox_enter(SANDBOX_DEFAULT, NULL) && incident_page_write(page, &text, NULL) &&
			       file_write(fd, INCIDENT_PAGE_NAME, text.text, text.length, NULL) &&
			       fdatasync(fd) == 0
		       ? 0
		       : 1;
}

// False when it failed, or took too long.
static bool await(pid_t child)
{
	int64_t started_ns = clock_monotonic_ns();
	int status;
	pid_t ended;
	while ((ended = waitpid(child, &status, WNOHANG)) == 0 &&
	       clock_monotonic_ns() - started_ns < PATIENCE_NS)
		usleep(STEP_US);
	if (ended != 0)
		return ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return false;
}

static bool write_apart(struct incident_page *page, const char *path, struct error *error)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_set_os(error, errno, "cannot create %.300s", path);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0)
		_exit(write_page(page, fd));
	return (child > 0 && await(child)) ||
	       error_set(error, ERROR_LIMIT, "could not write %.300s", path);
}

bool page_make(const char *directory, const char *db, const struct kill_facts *kill,
	       struct error *error)
{
	struct incident_page page;
	struct page_timeline_request request = {
		.db = db,
		.pid = kill->pid,
		.end_ns = kill->unix_ns ? kill->unix_ns : clock_unix_ns(),
	};
	if (!report_page_built_in())
		return true;
	_cleanup_free_ char *path = alloc_format("%s/" INCIDENT_PAGE_NAME, directory);
	_cleanup_free_ char *partial = alloc_format("%s.partial", path);
	if (!incident_page_open(directory, &page, error))
		return false;
	page.timeline_fd = page_timeline_open(&request);
	bool ok = write_apart(&page, partial, error);
	incident_page_close(&page);
	if (ok && rename(partial, path) != 0)
		ok = error_set_os(error, errno, "cannot create %.300s", path);
	if (!ok)
		unlink(partial);
	return ok;
}
