// SPDX-License-Identifier: Apache-2.0
// whyoom timeline, mark, incidents: what the timeline's database has, and adding to it.
#include "cli/timeline.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/i18n.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"
#include "report/report.h"
#include "store/rows.h"
#include "store/timeline.h"
#include "store/writer.h"

enum { WIDTH_DEFAULT = 100, INCIDENTS_LISTED = 200, MARK_PATIENCE_MS = 5000 };
static const int64_t SINCE_DEFAULT_NS = 7200000000000, SINCE_MAX_NS = 366LL * 86400 * 1000000000;

struct job {
	const struct cli_arguments *arguments;
	const char *path;
	int64_t since_ns;
	const char *who;
	struct timeline_style style;
	int64_t incident;
	int answer; // where the directory of that goes
};

char *cli_timeline_path(const struct cli_arguments *arguments)
{
	const char *given = cli_value(arguments, "db");
	return given && strcmp(given, "none") == 0 ? NULL : database_default_path(given);
}

bool cli_timeline_size(const struct cli_arguments *arguments, int64_t *bytes, struct error *error)
{
	const char *text = cli_value(arguments, "db-size");
	if (text && (!parse_bytes(text, bytes) || *bytes < STORE_SIZE_MIN))
		return error_set(error, ERROR_USAGE,
				 "--db-size takes a size of %s or more, not "
				 "%.64s",
				 human_bytes(STORE_SIZE_MIN).text, text);
	return true;
}

// In a child: what it opens may have been written by anybody.
static int run_with_path(int (*work)(const void *job), struct job *job)
{
	_cleanup_free_ char *path = cli_timeline_path(job->arguments);
	if (!path)
		return cli_usage("--db none: there is no timeline then");
	job->path = path;
	return cli_run_apart(work, job);
}

static bool open_to_read(const struct job *job, sqlite3 **database, struct error *error)
{
	_cleanup_free_ char *real = NULL;
	return database_confine(job->path, DATABASE_READ, false, &real, error) &&
	       database_open(real, DATABASE_READ, 0, database, error);
}

// ---- mark ----

static int mark(const void *context)
{
	const struct job *job = context;
	struct store_mark mark = {.unix_ns = clock_unix_ns(), .kind = "hand"};
	_cleanup_free_ char *real = NULL;
	sqlite3 *database = NULL;
	struct error error = {0};
	snprintf(mark.text, sizeof mark.text, "%s", job->who);
	if (!database_confine(job->path, DATABASE_WRITE, false, &real, &error) ||
	    !database_open(real, DATABASE_WRITE, 0, &database, &error))
		return cli_fail(job->arguments, &error);
	sqlite3_busy_timeout(database, MARK_PATIENCE_MS);
	bool ok = rows_add_mark(database, 0, &mark, &error);
	database_close(database);
	if (!ok)
		return cli_fail(job->arguments, &error);
	struct human time = human_time(mark.unix_ns);
	return printf(_("marked %.19s\n"), time.text) < 0 ? EXIT_INTERNAL : EXIT_OK;
}

int cli_mark(const struct cli_arguments *arguments)
{
	struct job job = {.arguments = arguments};
	if (arguments->positional_count != 1 || !arguments->positional[0][0])
		return cli_usage("mark: give one text, in quotes: whyoom mark \"deploy v1.4\"");
	job.who = arguments->positional[0];
	if (strlen(job.who) >= sizeof((struct store_mark *)NULL)->text)
		return cli_usage("mark: the text is longer than %zu bytes",
				 sizeof((struct store_mark *)NULL)->text - 1);
	return run_with_path(mark, &job);
}

// ---- timeline ----

static bool print_piece(const char *text)
{
	if (fputs(text, stdout) != EOF)
		return true;
	if (errno != EPIPE) // who closed the pipe has read enough
		fprintf(stderr, _("whyoom: cannot write to standard output: %s\n"),
			gettext(strerror(errno)));
	return false;
}

static bool show(const struct job *job, const struct timeline *timeline, struct error *error)
{
	struct timeline_sink sink = {print_piece};
	if (cli_flag(job->arguments, "json"))
		return timeline_write_json(timeline, sink, error);
	if (cli_flag(job->arguments, "csv"))
		return timeline_write_csv(timeline, sink, error);
	struct strbuf text = {0};
	bool ok = timeline_write_text(timeline, job->style, &text, error) &&
		  (cli_print(text.text) ||
		   error_set(error, ERROR_LIMIT, "the output was not taken whole"));
	strbuf_deinit(&text);
	return ok;
}

static int timeline(const void *context)
{
	const struct job *job = context;
	struct error error = {0};
	struct timeline timeline;
	sqlite3 *database = NULL;
	int64_t now_ns = clock_unix_ns();
	if (!open_to_read(job, &database, &error))
		return cli_fail(job->arguments, &error);
	bool ok = timeline_read(database, job->who, now_ns - job->since_ns, now_ns, &timeline,
				&error);
	if (ok) {
		ok = show(job, &timeline, &error);
		timeline_deinit(&timeline);
	}
	database_close(database);
	if (ferror(stdout)) // and it was said
		return EXIT_INTERNAL;
	return ok && cli_print("") ? EXIT_OK : cli_fail(job->arguments, &error);
}

static bool terminal_is_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);
		if (value && value[0])
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

static int terminal_width(void)
{
	struct winsize size;
	const char *columns = getenv("COLUMNS");
	int64_t width;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return columns && parse_integer(columns, 20, 1000, &width) ? (int)width : WIDTH_DEFAULT;
}

int cli_timeline(const struct cli_arguments *arguments)
{
	const char *since = cli_value(arguments, "since");
	struct job job = {
		.arguments = arguments,
		.since_ns = SINCE_DEFAULT_NS,
		.who = arguments->positional_count ? arguments->positional[0] : NULL,
		.style = {terminal_width(), terminal_is_utf8(), cli_colour()},
	};
	if (arguments->positional_count > 1)
		return cli_usage("timeline: give one process id or name, or none");
	if (cli_flag(arguments, "json") && cli_flag(arguments, "csv"))
		return cli_usage("timeline: give --json or --csv, not both");
	if (since && (!parse_duration(since, &job.since_ns) || job.since_ns < 1000000000 ||
		      job.since_ns > SINCE_MAX_NS))
		return cli_usage("timeline: --since takes a time such as 90s, 30m, 2h or 7d, not "
				 "%.64s",
				 since);
	return run_with_path(timeline, &job);
}

// ---- incidents ----

static json_t *incident_to_json(const struct timeline_incident *row)
{
	const struct store_incident *incident = &row->incident;
	json_t *object = json_object();
	json_object_set_new(object, "id", json_integer(row->id));
	json_object_set_new(object, "time",
			    json_string(human_time_rfc3339(incident->unix_ns).text));
	json_object_set_new(object, "name", report_text_to_json(row->target.target.name));
	json_object_set_new(object, "pid", json_integer(row->target.target.pid));
	json_object_set_new(object, "container_id",
			    report_text_to_json(row->target.target.container));
	json_object_set_new(object, "cause", report_text_to_json(incident->cause));
	json_object_set_new(object, "sentence", report_text_to_json(incident->sentence));
	json_object_set_new(object, "rule", report_text_to_json(incident->rule));
	json_object_set_new(object, "confidence", report_text_to_json(incident->confidence));
	json_object_set_new(object, "function", report_text_to_json(incident->function));
	json_object_set_new(object, "file", report_text_to_json(incident->file));
	json_object_set_new(object, "line", json_integer(incident->line));
	json_object_set_new(object, "bytes", json_integer(incident->bytes));
	json_object_set_new(object, "build_id", report_text_to_json(incident->build_id));
	json_object_set_new(object, "directory", report_text_to_json(incident->directory));
	json_object_set_new(object, "removed", json_boolean(row->removed));
	return object;
}

// By --keep, or by hand.
static bool was_removed(const char *directory)
{
	struct stat status;
	return directory[0] && stat(directory, &status) != 0 &&
	       (errno == ENOENT || errno == ENOTDIR);
}

static int incidents(const void *context)
{
	const struct job *job = context;
	struct timeline_incidents incidents;
	struct error error = {0};
	sqlite3 *database = NULL;
	if (!open_to_read(job, &database, &error) ||
	    !timeline_read_incidents(database, 0, INCIDENTS_LISTED, &incidents, &error))
		return cli_fail(job->arguments, &error);
	VEC_FOREACH (row, &incidents.list)
		row->removed = was_removed(row->incident.directory);
	bool ok;
	if (cli_flag(job->arguments, "json")) {
		json_t *list = json_array();
		VEC_FOREACH (row, &incidents.list)
			json_array_append_new(list, incident_to_json(row));
		ok = cli_print_json(list);
	} else {
		struct strbuf text = {0};
		timeline_write_incidents(&incidents, &text);
		ok = cli_print(text.text);
		strbuf_deinit(&text);
	}
	vec_deinit(&incidents.list);
	database_close(database);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

int cli_incidents(const struct cli_arguments *arguments)
{
	struct job job = {.arguments = arguments};
	if (arguments->positional_count)
		return cli_usage("incidents: unexpected argument %.64s", arguments->positional[0]);
	return run_with_path(incidents, &job);
}

static int find_incident(const void *context)
{
	const struct job *job = context;
	struct timeline_incidents incidents;
	struct error error = {0};
	sqlite3 *database = NULL;
	if (!open_to_read(job, &database, &error) ||
	    !timeline_read_incidents(database, job->incident, 1, &incidents, &error))
		return cli_fail(job->arguments, &error);
	const char *directory = incidents.list.items[0].incident.directory;
	ssize_t size = (ssize_t)strlen(directory);
	// One write: it fits into a pipe.
	return write(job->answer, directory, (size_t)size) == size ? EXIT_OK : EXIT_INTERNAL;
}

int cli_timeline_incident(const struct cli_arguments *arguments, int64_t id, char *path,
			  size_t capacity)
{
	struct job job = {.arguments = arguments, .incident = id};
	struct error error = {0};
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0) {
		fprintf(stderr, _("whyoom: cannot make a pipe: %s\n"), gettext(strerror(errno)));
		return EXIT_INTERNAL;
	}
	job.answer = ends[1];
	int code = run_with_path(find_incident, &job);
	close(ends[1]);
	ssize_t size = code == EXIT_OK ? read(ends[0], path, capacity - 1) : 0;
	close(ends[0]);
	path[size > 0 ? size : 0] = '\0';
	if (code == EXIT_OK && path[0] != '/')
		return cli_usage("the timeline has no usable directory for incident %lld",
				 (long long)id);
	if (code == EXIT_OK && was_removed(path)) {
		error_set(&error, ERROR_NOT_FOUND,
			  "the files of incident %lld are not there: %.512s", (long long)id, path);
		error_hint(&error, "--keep removed them, or somebody did; `whyoom incidents` still "
				   "has what it found, and says which are kept");
		return cli_fail(arguments, &error);
	}
	return code;
}
