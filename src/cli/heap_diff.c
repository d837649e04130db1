// SPDX-License-Identifier: Apache-2.0
// whyoom heap --diff: two saved profiles, what grew.
#include "cli/heap_diff.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "base/i18n.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/units.h"
#include "profile/diff.h"
#include "profile/pprof_read.h"
#include "profile/profile.h"
#include "report/report.h"
#include "snapshot/heap_profile.h"

enum { FILE_LIMIT = 512 << 20, FRAMES_SHOWN = 6 };

struct difference {
	const struct cli_arguments *arguments;
	int fds[2];
	int rows;
};

static bool read_saved(int fd, const char *path, struct profile **profile, struct error *error)
{
	_cleanup_free_ char *data = NULL;
	size_t size;
	return (file_read(fd, path, FILE_LIMIT, &data, &size, error) &&
		pprof_parse(data, size, profile, error)) ||
	       error_wrap(error, "%.256s", path);
}

static void print_row(const struct profile_diff *diff, const struct profile_diff_row *row,
		      struct strbuf *out)
{
	uint32_t type = diff->type;
	strbuf_addf(out, "%+12.2f MiB  %s -> %s\n", (double)row->delta[type] / (1 << 20),
		    human_bytes(row->before[type]).text, human_bytes(row->after[type]).text);
	for (uint32_t i = 0; i < row->stack.count && i < FRAMES_SHOWN; i++) {
		strbuf_add(out, "      ");
		strbuf_add_safe(out, row->stack.frames[i]->function);
		strbuf_add(out, "  ");
		strbuf_add_safe(out, row->stack.frames[i]->file);
		strbuf_addf(out, ":%lld\n", (long long)row->stack.frames[i]->line);
	}
}

static void print_heads(struct strbuf *out)
{
	const char *const heads[] = {_("grew"), _("before"), _("after")};
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		strbuf_addf(out, "%*s%s", (int)(12 - columns_of_text(heads[i]) + (i ? 2 : 0)), "",
			    heads[i]);
	strbuf_addf(out, "   %s\n", _("function"));
}

static bool print_text(const struct profile_diff *diff, int rows)
{
	const struct profile_diff_type *type = &diff->types.items[diff->type];
	struct strbuf out = {0};
	strbuf_addf(&out, _("%s: %s before, %s after\n\n"), type->type,
		    human_bytes(type->total_before).text, human_bytes(type->total_after).text);
	print_heads(&out);
	for (size_t i = 0; i < diff->functions.count && i < (size_t)rows; i++) {
		const struct profile_diff_function *row = &diff->functions.items[i];
		if (!row->flat_delta)
			continue;
		strbuf_addf(&out, "%12s  %12s  %12s   ", human_bytes(row->flat_delta).text,
			    human_bytes(row->flat_before).text, human_bytes(row->flat_after).text);
		strbuf_add_safe(&out, row->function);
		strbuf_addf(&out, "\n");
	}
	strbuf_add(&out, _("\nstacks that grew most:\n"));
	for (size_t i = 0;
	     i < diff->rows.count && i < 5 && diff->rows.items[i].delta[diff->type] > 0; i++)
		print_row(diff, &diff->rows.items[i], &out);
	bool ok = cli_print(out.text);
	strbuf_deinit(&out);
	return ok;
}

static json_t *row_to_json(const struct profile_diff *diff, const struct profile_diff_row *row)
{
	json_t *stack = json_array();
	for (uint32_t i = 0; i < row->stack.count; i++)
		json_array_append_new(stack, json_pack("{s:s%,s:s%,s:I}", "function",
						       row->stack.frames[i]->function,
						       strlen(row->stack.frames[i]->function),
						       "file", row->stack.frames[i]->file,
						       strlen(row->stack.frames[i]->file), "line",
						       (json_int_t)row->stack.frames[i]->line));
	return json_pack("{s:I,s:I,s:I,s:o}", "before", (json_int_t)row->before[diff->type],
			 "after", (json_int_t)row->after[diff->type], "delta",
			 (json_int_t)row->delta[diff->type], "stack", stack);
}

static bool print_json(const struct profile_diff *diff, int rows)
{
	const struct profile_diff_type *type = &diff->types.items[diff->type];
	json_t *array = json_array();
	for (size_t i = 0; i < diff->rows.count && i < (size_t)rows; i++)
		json_array_append_new(array, row_to_json(diff, &diff->rows.items[i]));
	return cli_print_json(json_pack("{s:s,s:s,s:I,s:I,s:o}", "type", type->type, "unit",
					type->unit, "total_before", (json_int_t)type->total_before,
					"total_after", (json_int_t)type->total_after, "stacks",
					array));
}

// The view that shows most, if both profiles have it.
static const char *choose_type(const struct cli_arguments *arguments, const struct profile *before,
			       const struct profile *after)
{
	const char *type = cli_value(arguments, "type");
	if (type)
		return type;
	bool both_now = profile_find_sample_type(before, HEAP_NOW_SPACE) != PROFILE_NONE &&
			profile_find_sample_type(after, HEAP_NOW_SPACE) != PROFILE_NONE;
	return both_now ? HEAP_NOW_SPACE : HEAP_INUSE_SPACE;
}

static int work(void *context)
{
	const struct difference *difference = context;
	const struct cli_arguments *arguments = difference->arguments;
	_cleanup_(profile_freep) struct profile *before = NULL, *after = NULL;
	_cleanup_(profile_diff_freep) struct profile_diff *diff = NULL;
	struct error error = {0};
	if (!read_saved(difference->fds[0], arguments->positional[0], &before, &error) ||
	    !read_saved(difference->fds[1], arguments->positional[1], &after, &error) ||
	    !profile_diff_new(before, after, choose_type(arguments, before, after), &diff, &error))
		return cli_fail(arguments, &error);
	bool ok = cli_flag(arguments, "json") ? print_json(diff, difference->rows)
					      : print_text(diff, difference->rows);
	return ok ? EXIT_OK : EXIT_INTERNAL;
}

int heap_diff(const struct cli_arguments *arguments, int rows)
{
	struct difference difference = {.arguments = arguments, .fds = {-1, -1}, .rows = rows};
	struct error error = {0};
	if (arguments->positional_count != 2)
		return cli_usage("heap --diff: give two profiles or incident directories");
	for (int i = 0; i < 2; i++)
		if (!cli_open_saved(arguments->positional[i], "heap.pb.gz", &difference.fds[i],
				    &error))
			return cli_fail(arguments, &error);
	return cli_run_sandboxed(work, &difference, arguments);
}
