// SPDX-License-Identifier: Apache-2.0
// whyoom why: a live process, once or twice, a core, or a file that tells of one, on one screen.
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/units.h"
#include "cli/between.h"
#include "cli/cli.h"
#include "cli/page.h"
#include "cli/timeline.h"
#include "profile/pprof_write.h"
#include "report/facts.h"
#include "report/instant.h"
#include "report/report.h"
#include "snapshot/capture.h"
#include "snapshot/course.h"
#include "snapshot/heap_profile.h"
#include "store/evidence_file.h"
#include "store/stored_course.h"
#include "system/process.h"
#include "verdict/verdict.h"

enum {
	SAVED_MAX = 512 << 20,
	STORED_PATIENCE_MS = 2000,
	PARTS = CAPTURE_ALL | CAPTURE_NATIVE | CAPTURE_RUNTIME | CAPTURE_EACH_GOROUTINE |
		CAPTURE_BLOCKED
};
static const int64_t FOR_MAX_NS = INT64_C(86400) * 1000000000;

// Files without a name: the first of two instants, on the way to who compares.
struct saved {
	int report, heap;
};

struct why {
	const struct cli_arguments *arguments;
	struct capture *capture;
	struct evidence_file *files[2]; // what it is about, and the baseline
	struct saved saved;             // -1: none
	struct between *between;        // NULL: one instant
	struct course course;           // as far as a watch has stored it
	struct cli_page page;
	bool colour;
};

static int show_facts(const struct why *why, const struct verdict *verdict,
		      const struct snapshot_baseline *baseline, const struct kill_facts *kill)
{
	struct evidence evidence;
	bool ok;
	evidence_gather(verdict->facts, baseline, kill, &evidence);
	if (cli_flag(why->arguments, "json")) {
		ok = cli_print_json(report_facts_to_json(&evidence));
	} else {
		struct strbuf text = {0};
		report_write_facts(&evidence, &text);
		ok = cli_print(text.text);
		strbuf_deinit(&text);
	}
	evidence_deinit(&evidence);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

static int show_report(const struct why *why, const struct report *report)
{
	struct error error = {0};
	bool ok;
	if (why->page.path)
		return cli_page_write(&why->page, report, &error)
			       ? EXIT_OK
			       : cli_fail(why->arguments, &error);
	if (cli_flag(why->arguments, "md"))
		return cli_print_markdown(report_to_json(report));
	if (cli_flag(why->arguments, "json")) {
		ok = cli_print_json(report_to_json(report));
	} else {
		struct strbuf text = {0};
		report_write_text(report, (struct report_style){why->colour}, &text);
		ok = cli_print(text.text);
		strbuf_deinit(&text);
	}
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

static int show(const struct why *why, const struct snapshot *snapshot,
		const struct instant *before)
{
	struct verdict verdict;
	struct snapshot_baseline baseline = {0};
	if (before)
		baseline = instant_as_baseline(before);
	const struct snapshot_baseline *used = before ? &baseline : NULL;
	verdict_decide(snapshot, used, NULL, &verdict);
	struct report report = {.snapshot = snapshot, .verdict = &verdict, .baseline = used};
	int code = cli_flag(why->arguments, "facts") ? show_facts(why, &verdict, used, NULL)
						     : show_report(why, &report);
	verdict_deinit(&verdict);
	return code;
}

// ---- a process or a core ----

static bool take(const struct why *why, struct snapshot **snapshot, struct error *error)
{
	if (!capture_take(why->capture, PARTS, HEAP_INUSE_SPACE, snapshot, error))
		return false;
	if ((*snapshot)->identity.is_go)
		return true;
	*error = (*snapshot)->go_absent;
	if (!error->hint[0] && !(*snapshot)->quality.of_core)
		error_hint(error, "whyoom account %d shows where its memory is all the same",
			   (*snapshot)->identity.pid);
	return false;
}

static bool load_saved(const struct saved *saved, struct instant **before, struct error *error)
{
	_cleanup_free_ char *report = NULL, *heap = NULL;
	size_t report_size, heap_size;
	*before = NULL;
	return saved->report < 0 ||
	       (file_read(saved->report, "the first instant", SAVED_MAX, &report, &report_size,
			  error) &&
		file_read(saved->heap, "the first instant", SAVED_MAX, &heap, &heap_size, error) &&
		instant_read(report, report_size, heap, heap_size, before, error));
}

static int look(void *context)
{
	const struct why *why = context;
	_cleanup_(snapshot_freep) struct snapshot *snapshot = NULL;
	struct evidence_loaded given = {0};
	struct instant *before = NULL;
	struct error error = {0};
	if (!take(why, &snapshot, &error) || !load_saved(&why->saved, &before, &error) ||
	    (why->files[1] && !evidence_file_load(why->files[1], &given, &error)))
		return cli_fail(why->arguments, &error);
	(void)capture_more_files(why->capture, snapshot);
	snapshot->course = why->course.count ? &why->course : NULL;
	snapshot->swings = why->between ? &why->between->swings : NULL;
	int code = show(why, snapshot, before ? before : given.instant);
	instant_free(before);
	evidence_loaded_deinit(&given);
	return code;
}

static bool save(const struct saved *saved, const struct snapshot *snapshot, struct error *error)
{
	struct verdict verdict;
	_cleanup_free_ uint8_t *heap = NULL;
	size_t size = 0;
	verdict_decide(snapshot, NULL, NULL, &verdict);
	struct report report = {.snapshot = snapshot, .verdict = &verdict};
	json_t *value = report_to_json(&report);
	_cleanup_free_ char *text = json_dumps(value, 0);
	json_decref(value);
	verdict_deinit(&verdict);
	if (snapshot_has(&snapshot->heap_absent) &&
	    !pprof_write(snapshot->heap, &heap, &size, error))
		return false;
	return text && file_write(saved->report, "memory", text, strlen(text), error) &&
	       file_write(saved->heap, "memory", heap, size, error);
}

static int look_first(void *context)
{
	const struct why *why = context;
	_cleanup_(snapshot_freep) struct snapshot *snapshot = NULL;
	struct error error = {0};
	if (!take(why, &snapshot, &error) || !save(&why->saved, snapshot, &error))
		return cli_fail(why->arguments, &error);
	why->between->places = snapshot->go.gauge_places;
	return EXIT_OK;
}

static void find_course(struct why *why, const char *target)
{
	_cleanup_free_ char *db = cli_timeline_path(why->arguments);
	struct process_files files = PROCESS_FILES_NONE;
	struct process_stat stat;
	struct course_owner owner = {0};
	if (!cli_parse_pid(target, &owner.pid, NULL) ||
	    !process_files_open("/proc", owner.pid, &files, NULL))
		return;
	if (process_stat_read(&files, &stat, NULL)) {
		owner.started_unix_ns = process_start_unix_ns(&stat, process_boot_unix_ns());
		course_add_stored(&why->course, db, &owner, STORED_PATIENCE_MS);
	}
	process_files_close(&files);
}

static int look_once(struct why *why, const char *target)
{
	struct error error = {0};
	find_course(why, target);
	if (!cli_open_capture(why->arguments, target, &why->capture, &error))
		return cli_fail(why->arguments, &error);
	capture_more_begin(why->capture, "/proc");
	int code = cli_page_run(&why->page, target, look, why, why->arguments);
	return cli_close_capture(why->arguments, why->capture, code);
}

static int look_between(void *context)
{
	const struct why *why = context;
	struct error error = {0};
	if (between_watch(why->between, capture_get_files(why->capture)))
		return EXIT_OK;
	error_set(&error, ERROR_NOT_FOUND, "the process ended before it was looked at again");
	error_hint(&error, "whyoom watch --pid PID takes the evidence before a kill");
	return cli_fail(why->arguments, &error);
}

// What is in `why` afterwards, look_once compares with.
static int look_before(struct why *why, const char *target)
{
	struct error error = {0};
	if (!cli_open_capture(why->arguments, target, &why->capture, &error))
		return cli_fail(why->arguments, &error);
	int code = cli_run_sandboxed(look_first, why, why->arguments);
	code = cli_let_go(why->arguments, why->capture, code);
	if (code == EXIT_OK)
		code = cli_run_sandboxed(look_between, why, why->arguments);
	capture_close(why->capture);
	return code;
}

// Two instants, and what grew between them.
static int look_twice(struct why *why, const char *target, int64_t apart_ns)
{
	why->between = mmap(NULL, sizeof *why->between, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	why->saved.report = memfd_create("report", MFD_CLOEXEC);
	why->saved.heap = memfd_create("heap", MFD_CLOEXEC);
	if (why->between == MAP_FAILED || why->saved.report < 0 || why->saved.heap < 0)
		return cli_usage("no memory for the first of two instants");
	why->between->apart_ns = apart_ns;
	why->between->progress = isatty(STDERR_FILENO);
	int code = look_before(why, target);
	if (code == EXIT_OK)
		code = look_once(why, target);
	close(why->saved.report);
	close(why->saved.heap);
	munmap(why->between, sizeof *why->between);
	return code;
}

// ---- files ----

static void add_log(const struct evidence_loaded *loaded, struct verdict *verdict)
{
	if (loaded->headline[0])
		vec_push(&verdict->evidence,
			 arena_string(&verdict->arena, loaded->headline, strlen(loaded->headline)));
}

static int read_files(void *context)
{
	const struct why *why = context;
	struct evidence_loaded loaded = {0}, given = {0};
	struct error error = {0};
	struct verdict verdict;
	struct snapshot_baseline baseline = {0};
	if (!evidence_file_load(why->files[0], &loaded, &error) ||
	    (why->files[1] && !evidence_file_load(why->files[1], &given, &error)))
		return cli_fail(why->arguments, &error);
	const struct instant *before = given.instant ? given.instant : loaded.baseline;
	if (before)
		baseline = instant_as_baseline(before);
	struct instant *instant = loaded.instant;
	const struct kill_facts *kill = instant->killed ? &instant->kill : NULL;
	struct facts *facts = alloc_zero(sizeof *facts);
	*facts = instant->facts;
	instant->facts = (struct facts){0};
	const struct snapshot_baseline *used = before ? &baseline : NULL;
	verdict_decide_on(facts, used, kill, &verdict);
	add_log(&loaded, &verdict);
	struct report report = {.snapshot = instant->snapshot,
				.verdict = &verdict,
				.baseline = used,
				.kill = kill,
				.timeline = instant->timeline,
				.reason = instant->reason[0] ? instant->reason : NULL};
	int code = cli_flag(why->arguments, "facts") ? show_facts(why, &verdict, used, kill)
						     : show_report(why, &report);
	verdict_deinit(&verdict);
	evidence_loaded_deinit(&loaded);
	evidence_loaded_deinit(&given);
	return code;
}

// ---- which of them ----

static bool is_elf(const char *path)
{
	char magic[4];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd >= 0 && read(fd, magic, sizeof magic) == sizeof magic &&
	       memcmp(magic, "\177ELF", 4) == 0;
}

static int64_t resident_pages(const char *pid)
{
	char path[64], text[128];
	long long pages = 0;
	snprintf(path, sizeof path, "/proc/%.20s/statm", pid);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !file_read_into(fd, path, text, sizeof text, NULL))
		return -1;
	(void)!sscanf(text, "%*s %lld", &pages);
	return pages;
}

// The process of a cgroup that holds most.
static bool largest_of_cgroup(const char *path, char *target, size_t capacity)
{
	_cleanup_free_ char *procs = alloc_format("%s/cgroup.procs", path);
	_cleanup_free_ char *text = NULL;
	size_t size;
	int64_t most = -1;
	char *rest;
	if (!file_read_path(AT_FDCWD, procs, 1 << 20, &text, &size, NULL))
		return false;
	for (char *pid = strtok_r(text, "\n", &rest); pid; pid = strtok_r(NULL, "\n", &rest)) {
		int64_t pages = resident_pages(pid);
		if (pages <= most)
			continue;
		most = pages;
		snprintf(target, capacity, "%s", pid);
	}
	return most >= 0;
}

static bool is_number(const char *text)
{
	return text[0] && strspn(text, "0123456789") == strlen(text);
}

// A cgroup or a container becomes the pid of its largest process.
static bool find_target(const char *given, char *target, struct error *error)
{
	struct stat status;
	char cgroup[PATH_MAX];
	_cleanup_free_ char *procs = alloc_format("%s/cgroup.procs", given);
	snprintf(target, PATH_MAX, "%s", given);
	if (is_number(given))
		return true;
	if (stat(procs, &status) == 0)
		return largest_of_cgroup(given, target, PATH_MAX) ||
		       error_set(error, ERROR_NOT_FOUND, "no process is in %.256s", given);
	if (stat(given, &status) == 0)
		return true;
	if (strchr(given, '/') || !cli_find_container(given, cgroup, sizeof cgroup, NULL))
		return true; // whoever opens it says what it is not
	return largest_of_cgroup(cgroup, target, PATH_MAX) ||
	       error_set(error, ERROR_NOT_FOUND, "no process is in the container %.64s", given);
}

static int look_at_files(struct why *why, const char *path)
{
	struct error error = {0};
	if (!evidence_file_open(path, &why->files[0], &error))
		return cli_fail(why->arguments, &error);
	int code = cli_page_run(&why->page, NULL, read_files, why, why->arguments);
	evidence_file_free(why->files[0]);
	return code;
}

static int look_at(struct why *why, const char *target)
{
	struct stat status;
	const char *apart = cli_value(why->arguments, "for");
	int64_t apart_ns = 0;
	bool exists = !is_number(target) && stat(target, &status) == 0;
	bool is_file = exists && (S_ISDIR(status.st_mode) || !is_elf(target));
	if (apart && (!parse_duration(apart, &apart_ns) || apart_ns <= 0 || apart_ns > FOR_MAX_NS))
		return cli_usage("why --for takes a time such as 30s, not %.64s", apart);
	if (apart && (exists || why->files[1]))
		return cli_usage("why --for is for a live process alone");
	if (is_file)
		return look_at_files(why, target);
	return apart ? look_twice(why, target, apart_ns) : look_once(why, target);
}

int cli_why(const struct cli_arguments *arguments)
{
	struct why why = {.arguments = arguments,
			  .colour = cli_colour(),
			  .saved = {-1, -1},
			  .page = {.path = cli_value(arguments, "html"), .timeline_fd = -1}};
	struct error error = {0};
	char target[PATH_MAX];
	int count = arguments->positional_count;
	if (count != 1 && count != 2)
		return cli_usage(
			"why: give one process id, cgroup, container or file, and after it "
			"a file to compare with (see whyoom why --help)");
	if (count == 2 && is_number(arguments->positional[1]))
		return cli_usage("why: what it is compared with is a file, not process %.32s",
				 arguments->positional[1]);
	if (!find_target(arguments->positional[0], target, &error) ||
	    (count == 2 && !evidence_file_open(arguments->positional[1], &why.files[1], &error)))
		return cli_fail(arguments, &error);
	int code = look_at(&why, target);
	evidence_file_free(why.files[1]);
	return code;
}
