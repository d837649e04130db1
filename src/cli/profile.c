// SPDX-License-Identifier: Apache-2.0
// whyoom profile: each kind of profile that net/http/pprof serves, of a live process or a core.
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "profile/pprof_write.h"
#include "report/profile.h"
#include "snapshot/capture.h"
#include "snapshot/contention_profile.h"
#include "snapshot/goroutine_profile.h"
#include "snapshot/heap_profile.h"

enum { ROWS_DEFAULT = 10, ROWS_MAX = 1000000 };

// A profile, by the name of its path below /debug/pprof.
struct kind {
	const char *name;
	unsigned int parts;
	const char *sample_type;
	// The snapshot's own, or one made of it into *made, which the caller frees.
	const struct profile *(*find)(const struct snapshot *snapshot, struct profile **made,
				      struct error *error);
};

struct request {
	const struct cli_arguments *arguments;
	const struct kind *kind;
	struct capture *capture;
	struct cli_output output;
	int rows;
};

static const struct profile *present(const struct profile *profile, const struct error *absent,
				     struct error *error)
{
	if (snapshot_has(absent))
		return profile;
	*error = *absent;
	return NULL;
}

static const struct profile *find_heap(const struct snapshot *snapshot, struct profile **made,
				       struct error *error)
{
	(void)made;
	return present(snapshot->heap, &snapshot->heap_absent, error);
}

static const struct profile *find_block(const struct snapshot *snapshot, struct profile **made,
					struct error *error)
{
	(void)made;
	return present(snapshot->contention[GO_CONTENTION_BLOCK],
		       &snapshot->contention_absent[GO_CONTENTION_BLOCK], error);
}

static const struct profile *find_mutex(const struct snapshot *snapshot, struct profile **made,
					struct error *error)
{
	(void)made;
	return present(snapshot->contention[GO_CONTENTION_MUTEX],
		       &snapshot->contention_absent[GO_CONTENTION_MUTEX], error);
}

static const struct profile *make_goroutines(const struct snapshot *snapshot, bool leaked,
					     struct profile **made, struct error *error)
{
	struct goroutine_profile_source source = {.goroutines = &snapshot->each_goroutine,
						  .leaked = leaked,
						  .taken_unix_ns = snapshot->quality.taken_unix_ns,
						  .executable = snapshot->executable};
	const struct error *absent = &snapshot->goroutines_absent;
	if (snapshot_has(absent) && leaked)
		absent = &snapshot->leaks_absent;
	if (snapshot_has(absent))
		return goroutine_profile_build(&source, made, error) ? *made : NULL;
	*error = *absent;
	return NULL;
}

static const struct profile *find_goroutine(const struct snapshot *snapshot, struct profile **made,
					    struct error *error)
{
	return make_goroutines(snapshot, false, made, error);
}

static const struct profile *find_leaked(const struct snapshot *snapshot, struct profile **made,
					 struct error *error)
{
	return make_goroutines(snapshot, true, made, error);
}

static const struct kind kinds[] = {
	{"heap", CAPTURE_HEAP, HEAP_INUSE_SPACE, find_heap},
	{"allocs", CAPTURE_HEAP, HEAP_ALLOC_SPACE, find_heap},
	{"block", CAPTURE_BLOCK, CONTENTION_DELAY, find_block},
	{"mutex", CAPTURE_MUTEX, CONTENTION_DELAY, find_mutex},
	{"goroutine", CAPTURE_GOROUTINES | CAPTURE_EACH_GOROUTINE, "goroutine", find_goroutine},
	{"goroutineleak", CAPTURE_GOROUTINES | CAPTURE_EACH_GOROUTINE, "goroutineleak",
	 find_leaked},
};

static int write_profile(const struct request *request, const struct profile *profile)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t size;
	struct error error = {0};
	if (!pprof_write(profile, &data, &size, &error))
		return cli_fail(request->arguments, &error);
	if (file_write(request->output.fd, request->output.path, data, size, &error))
		return EXIT_OK;
	cli_fail(request->arguments, &error);
	return EXIT_NOT_STORED;
}

static int print_profile(const struct request *request, const struct snapshot *snapshot,
			 const struct profile *profile)
{
	uint32_t type = profile_find_sample_type(profile, request->kind->sample_type);
	if (cli_flag(request->arguments, "json")) {
		json_t *object = report_profile_to_json(profile, request->kind->name, type);
		json_object_set_new(object, "identity",
				    report_identity_to_json(&snapshot->identity));
		json_object_set_new(object, "evidence", report_quality_to_json(&snapshot->quality));
		return cli_print_json(object) ? EXIT_OK : EXIT_INTERNAL;
	}
	struct strbuf text = {0};
	report_write_profile(profile, type, request->rows, &text);
	bool ok = cli_print(text.text);
	strbuf_deinit(&text);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

static int work(void *context)
{
	const struct request *request = context;
	const struct kind *kind = request->kind;
	_cleanup_(snapshot_freep) struct snapshot *snapshot = NULL;
	_cleanup_(profile_freep) struct profile *made = NULL;
	struct error error = {0};
	if (!capture_take(request->capture, kind->parts, kind->sample_type, &snapshot, &error))
		return cli_fail(request->arguments, &error);
	const struct profile *profile = kind->find(snapshot, &made, &error);
	if (!profile)
		return cli_fail(request->arguments, &error);
	return request->output.fd >= 0 ? write_profile(request, profile)
				       : print_profile(request, snapshot, profile);
}

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

int cli_profile(const struct cli_arguments *arguments)
{
	struct request request = {.arguments = arguments};
	const char *rows = cli_value(arguments, "rows");
	struct error error = {0};
	int64_t count = ROWS_DEFAULT;
	if (rows && !parse_integer(rows, 1, ROWS_MAX, &count))
		return cli_usage("profile: --rows takes a number from 1 to %d, not %s", ROWS_MAX,
				 rows);
	request.rows = (int)count;
	if (arguments->positional_count != 2)
		return cli_usage("profile: give one process id or core file, and a kind (see "
				 "whyoom profile --help)");
	request.kind = find_kind(arguments->positional[1]);
	if (!request.kind)
		return cli_usage("profile: there is no kind %s; heap, allocs, block, mutex, "
				 "goroutine and goroutineleak are",
				 arguments->positional[1]);
	if (!cli_open_capture(arguments, arguments->positional[0], &request.capture, &error))
		return cli_fail(arguments, &error);
	int code = cli_run_with_output(work, &request, arguments, &request.output);
	return cli_close_capture(arguments, request.capture, code);
}
