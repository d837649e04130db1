// SPDX-License-Identifier: Apache-2.0
// In: two incidents. Out: identity, settings, outcome, ledgers, holders, goroutines side by side.
#include "store/incident_diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/columns.h"
#include "base/i18n.h"
#include "base/units.h"
#include "profile/diff.h"
#include "profile/pprof_read.h"
#include "profile/profile.h"
#include "report/account.h"
#include "report/ledger_json.h"
#include "snapshot/heap_profile.h"
#include "store/event_words.h"
#include "store/experiment.h"

enum { HOLDERS_SHOWN = 12, HOLDERS_IN_JSON = 100, TEXT_SHOWN = 64 };

struct side {
	json_t *report, *ledger_file;
	struct profile *heap;         // NULL: none was taken
	bool has_cgroup, has_process; // ledgers
	struct ledger cgroup, process;
};

struct incident_diff {
	struct side before, after;
	struct profile_diff *holders; // NULL: not both have a heap
	struct ledger_diff process, cgroup;
	json_t *experiment;
	bool has_process, has_cgroup;
};

// ---- reading one side ----

static json_t *parse(const struct incident_files *files, enum incident_part part,
		     struct error *error)
{
	json_error_t at;
	json_t *value =
		json_loadb(files->data[part], files->sizes[part], JSON_REJECT_DUPLICATES, &at);
	if (!value)
		error_set(error, ERROR_BAD_DATA, "%.256s/%s is no JSON: line %d", files->path,
			  incident_part_name(part), at.line);
	return value;
}

static bool read_ledger(const json_t *object, const char *total, struct ledger *ledger, bool *has,
			struct error *error)
{
	const char *its = json_string_value(json_object_get(object, "total"));
	if (*has || !its || strcmp(its, total) != 0)
		return true;
	*has = ledger_from_json(object, ledger, error);
	return *has;
}

static bool read_side(const struct incident_files *files, struct side *side, struct error *error)
{
	side->report = parse(files, INCIDENT_REPORT_JSON, error);
	side->ledger_file = side->report ? parse(files, INCIDENT_LEDGER, error) : NULL;
	if (!side->ledger_file)
		return false;
	const json_t *process = json_object_get(side->ledger_file, "process");
	if (!read_ledger(side->ledger_file, "usage", &side->cgroup, &side->has_cgroup, error) ||
	    !read_ledger(side->ledger_file, "rss", &side->process, &side->has_process, error) ||
	    !read_ledger(process, "rss", &side->process, &side->has_process, error))
		return error_wrap(error, "%.256s", files->path);
	// An empty file stands for a heap that could not be read.
	return !files->sizes[INCIDENT_HEAP] ||
	       pprof_parse(files->data[INCIDENT_HEAP], files->sizes[INCIDENT_HEAP], &side->heap,
			   error) ||
	       error_wrap(error, "%.256s", files->path);
}

static void side_deinit(struct side *side)
{
	json_decref(side->report);
	json_decref(side->ledger_file);
	profile_free(side->heap);
	ledger_deinit(&side->cgroup);
	ledger_deinit(&side->process);
}

static bool compare_holders(struct incident_diff *diff, struct error *error)
{
	const struct profile *before = diff->before.heap, *after = diff->after.heap;
	if (!before || !after)
		return true;
	bool now = profile_find_sample_type(before, HEAP_NOW_SPACE) != PROFILE_NONE &&
		   profile_find_sample_type(after, HEAP_NOW_SPACE) != PROFILE_NONE;
	return profile_diff_new(before, after, now ? HEAP_NOW_SPACE : HEAP_INUSE_SPACE,
				&diff->holders, error);
}

static bool compare_ledgers(const struct ledger *before, const struct ledger *after, bool both,
			    struct ledger_diff *diff, bool *has, struct error *error)
{
	if (!both)
		return true;
	*has = ledger_diff_build(before, after, diff, error);
	return *has;
}

bool incident_diff_new(const struct incident_files *before, const struct incident_files *after,
		       struct incident_diff **out, struct error *error)
{
	struct incident_diff *diff = alloc_zero(sizeof *diff);
	struct side *a = &diff->before, *b = &diff->after;
	if (read_side(before, a, error) && read_side(after, b, error) &&
	    compare_holders(diff, error) &&
	    compare_ledgers(&a->process, &b->process, a->has_process && b->has_process,
			    &diff->process, &diff->has_process, error) &&
	    compare_ledgers(&a->cgroup, &b->cgroup, a->has_cgroup && b->has_cgroup, &diff->cgroup,
			    &diff->has_cgroup, error)) {
		diff->experiment = experiment_new(a->report, b->report);
		*out = diff;
		return true;
	}
	incident_diff_free(diff);
	return false;
}

void incident_diff_retell(struct incident_diff *diff, bool is_after, const char *sentence)
{
	json_t *report = (is_after ? &diff->after : &diff->before)->report;
	json_t *verdict = json_object_get(report, "verdict");
	if (json_is_object(verdict))
		json_object_set_new(verdict, "sentence", report_text_to_json(sentence));
}

void incident_diff_free(struct incident_diff *diff)
{
	if (!diff)
		return;
	profile_diff_free(diff->holders);
	if (diff->has_process)
		ledger_diff_deinit(&diff->process);
	if (diff->has_cgroup)
		ledger_diff_deinit(&diff->cgroup);
	json_decref(diff->experiment);
	side_deinit(&diff->before);
	side_deinit(&diff->after);
	free(diff);
}

// ---- the fields, as data ----

enum field_section { IDENTITY, SETTINGS, OUTCOME, SECTIONS };
enum field_unit { TEXT, BYTES, COUNT, ENDING };

static const struct field {
	enum field_section section;
	const char *label;
	const char *group, *key; // in report.json; group NULL: at the top
	enum field_unit unit;
} fields[] = {
	{IDENTITY, N_("program"), "identity", "command", TEXT},
	{IDENTITY, N_("executable"), "identity", "executable", TEXT},
	{IDENTITY, N_("build ID"), "identity", "build_id", TEXT},
	{IDENTITY, "Go", "identity", "go_version", TEXT},
	{IDENTITY, N_("package"), "identity", "main_package", TEXT},
	{IDENTITY, N_("version"), "identity", "module_version", TEXT},
	{IDENTITY, N_("revision"), "identity", "vcs_revision", TEXT},
	{IDENTITY, N_("container"), "identity", "container_id", TEXT},
	{IDENTITY, "whyoom", NULL, "whyoom_version", TEXT},
	{SETTINGS, N_("limit"), "cgroup", "limit_bytes", BYTES},
	{SETTINGS, "GOGC", "memstats", "gogc", COUNT},
	{SETTINGS, "GOMEMLIMIT", "memstats", "gomemlimit_bytes", BYTES},
	{SETTINGS, "GOMAXPROCS", "memstats", "gomaxprocs", COUNT},
	{OUTCOME, N_("end"), "kill", "cause", ENDING},
	{OUTCOME, N_("verdict"), "verdict", "sentence", TEXT},
	{OUTCOME, N_("usage"), "cgroup", "usage_bytes", BYTES},
	{OUTCOME, N_("anon"), "cgroup", "anon_bytes", BYTES},
	{OUTCOME, N_("file"), "cgroup", "file_bytes", BYTES},
	{OUTCOME, N_("heap"), "memstats", "HeapAlloc", BYTES},
	{OUTCOME, N_("collections"), "memstats", "NumGC", COUNT},
	{OUTCOME, N_("goroutines"), "goroutines", "count", COUNT},
	{OUTCOME, N_("stacks"), "goroutines", "stack_bytes", BYTES},
	{OUTCOME, N_("threads"), "identity", "threads", COUNT},
};

static const char *const section_names[SECTIONS] = {
	[IDENTITY] = N_("identity"), [SETTINGS] = N_("settings"), [OUTCOME] = N_("outcome")};

static const json_t *value_of(const struct side *side, const struct field *field)
{
	const json_t *group =
		field->group ? json_object_get(side->report, field->group) : side->report;
	return json_object_get(group, field->key);
}

static void show_value(const json_t *value, enum field_unit unit, char *text, size_t capacity)
{
	if (json_is_string(value))
		snprintf(text, capacity, "%s",
			 unit == ENDING ? event_words_ending(json_string_value(value))
					: json_string_value(value));
	else if (json_is_integer(value) && unit == BYTES)
		snprintf(text, capacity, "%s", human_bytes(json_integer_value(value)).text);
	else if (json_is_integer(value))
		snprintf(text, capacity, "%s", human_count(json_integer_value(value)).text);
	else
		snprintf(text, capacity, "%s", _("none"));
	if (!text[0])
		snprintf(text, capacity, "%s", _("none"));
}

static bool values_equal(const json_t *before, const json_t *after)
{
	return (!before && !after) || json_equal(before, after);
}

// ---- text ----

static void write_label(struct strbuf *out, const char *label)
{
	strbuf_addf(out, "  %s%*s", label, 13 - (int)columns_of_text(label), "");
}

static void write_field(const struct field *field, const json_t *before, const json_t *after,
			struct strbuf *out)
{
	char a[1024], b[1024];
	show_value(before, field->unit, a, sizeof a);
	show_value(after, field->unit, b, sizeof b);
	bool is_long = strlen(a) > TEXT_SHOWN / 2 || strlen(b) > TEXT_SHOWN / 2;
	write_label(out, _(field->label));
	strbuf_add_safe(out, i18n_text(a));
	strbuf_addf(out, is_long ? "\n  %-12s " : "%s -> ", is_long ? "        ->" : "");
	strbuf_add_safe(out, i18n_text(b));
	if (json_is_integer(before) && json_is_integer(after)) {
		// Both may be anything.
		int64_t grown = 0;
		if (!__builtin_sub_overflow((int64_t)json_integer_value(after),
					    (int64_t)json_integer_value(before), &grown))
			strbuf_addf(out, "  (%s%s)", grown > 0 ? "+" : "",
				    field->unit == BYTES ? human_bytes(grown).text
							 : human_count(grown).text);
	}
	strbuf_add(out, "\n");
}

static void write_section(const struct incident_diff *diff, enum field_section section,
			  struct strbuf *out)
{
	struct strbuf same = {0};
	strbuf_addf(out, "%s\n", _(section_names[section]));
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		const json_t *before = value_of(&diff->before, &fields[i]),
			     *after = value_of(&diff->after, &fields[i]);
		if (fields[i].section != section)
			continue;
		if (!values_equal(before, after))
			write_field(&fields[i], before, after, out);
		else if (before && !json_is_null(before))
			strbuf_addf(&same, "%s%s", same.length ? _(", ") : "", _(fields[i].label));
	}
	if (same.length)
		strbuf_addf(out, _("  same: %s\n"), same.text);
	strbuf_deinit(&same);
	strbuf_add(out, "\n");
}

static void write_holders(const struct profile_diff *holders, struct strbuf *out)
{
	if (!holders) {
		strbuf_add(out, _("holders: not both incidents have a heap profile\n"));
		return;
	}
	const struct profile_diff_type *type = &holders->types.items[holders->type];
	int shown = 0;
	const char *const heads[] = {_("difference"), _("first"), _("second")};
	strbuf_addf(out, _("holders (Go heap, %s -> %s)\n"), human_bytes(type->total_before).text,
		    human_bytes(type->total_after).text);
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		strbuf_addf(out, "%*s%s", 14 - (int)columns_of_text(heads[i]), "", heads[i]);
	strbuf_addf(out, "  %s\n", _("function"));
	VEC_FOREACH (row, &holders->functions) {
		if (!row->flat_delta || shown++ >= HOLDERS_SHOWN)
			continue;
		strbuf_addf(out, "  %12s  %12s  %12s  ", human_bytes(row->flat_delta).text,
			    human_bytes(row->flat_before).text, human_bytes(row->flat_after).text);
		strbuf_add_safe(out, row->function);
		strbuf_add(out, "\n");
	}
	if (!shown)
		strbuf_add(out, _("  each function holds as much as before\n"));
}

static const json_t *states_of(const struct side *side)
{
	return json_object_get(json_object_get(side->report, "goroutines"), "states");
}

static void write_goroutines(const struct incident_diff *diff, struct strbuf *out)
{
	const json_t *before = states_of(&diff->before), *after = states_of(&diff->after);
	const json_t *sides[] = {after, before};
	bool any = false;
	strbuf_add(out, _("\ngoroutines by what they wait for\n"));
	for (int i = 0; i < 2; i++) {
		const char *state;
		const json_t *value;
		json_object_foreach ((json_t *)(uintptr_t)sides[i], state, value) {
			const json_t *a = json_object_get(before, state),
				     *b = json_object_get(after, state);
			if ((i && b) || json_equal(a, b))
				continue;
			any = true;
			strbuf_addf(out, "  %8lld -> %-8lld ", (long long)json_integer_value(a),
				    (long long)json_integer_value(b));
			strbuf_add_safe(out, state);
			strbuf_add(out, "\n");
		}
	}
	if (!any)
		strbuf_add(out, _("  the same\n"));
}

void incident_diff_write_text(const struct incident_diff *diff, struct report_style style,
			      struct strbuf *out)
{
	experiment_write_text(diff->experiment, out);
	for (int section = 0; section < SECTIONS; section++)
		write_section(diff, section, out);
	if (diff->has_cgroup)
		report_write_ledger_diff(&diff->cgroup, style, out);
	else if (diff->has_process)
		report_write_ledger_diff(&diff->process, style, out);
	strbuf_add(out, "\n");
	write_holders(diff->holders, out);
	write_goroutines(diff, out);
}

// ---- JSON ----

static json_t *section_to_json(const struct incident_diff *diff, enum field_section section)
{
	json_t *same = json_object(), *different = json_object();
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		json_t *before = (json_t *)(uintptr_t)value_of(&diff->before, &fields[i]);
		json_t *after = (json_t *)(uintptr_t)value_of(&diff->after, &fields[i]);
		if (fields[i].section != section)
			continue;
		if (values_equal(before, after)) {
			json_object_set(same, fields[i].key, before ? before : json_null());
			continue;
		}
		json_t *pair = json_object();
		json_object_set(pair, "before", before ? before : json_null());
		json_object_set(pair, "after", after ? after : json_null());
		json_object_set_new(different, fields[i].key, pair);
	}
	return json_pack("{s:o,s:o}", "same", same, "different", different);
}

static json_t *holders_to_json(const struct profile_diff *holders)
{
	json_t *list = json_array();
	if (!holders) {
		json_decref(list);
		return json_null();
	}
	for (size_t i = 0; i < holders->functions.count && i < HOLDERS_IN_JSON; i++) {
		const struct profile_diff_function *row = &holders->functions.items[i];
		json_t *item = json_object();
		json_object_set_new(item, "function", report_text_to_json(row->function));
		json_object_set_new(item, "file", report_text_to_json(row->file));
		json_object_set_new(item, "line", json_integer(row->line));
		json_object_set_new(item, "before_bytes", json_integer(row->flat_before));
		json_object_set_new(item, "after_bytes", json_integer(row->flat_after));
		json_object_set_new(item, "delta_bytes", json_integer(row->flat_delta));
		json_array_append_new(list, item);
	}
	return list;
}

json_t *incident_diff_to_json(const struct incident_diff *diff)
{
	json_t *object = json_object(), *goroutines = json_object();
	json_t *before = (json_t *)(uintptr_t)states_of(&diff->before);
	json_t *after = (json_t *)(uintptr_t)states_of(&diff->after);
	for (int section = 0; section < SECTIONS; section++)
		json_object_set_new(object, section_names[section], section_to_json(diff, section));
	json_object_set(object, "experiment", diff->experiment);
	json_object_set_new(object, "process_ledger",
			    diff->has_process ? report_ledger_diff_to_json(&diff->process)
					      : json_null());
	json_object_set_new(object, "cgroup_ledger",
			    diff->has_cgroup ? report_ledger_diff_to_json(&diff->cgroup)
					     : json_null());
	json_object_set_new(object, "holders", holders_to_json(diff->holders));
	json_object_set(goroutines, "before", before ? before : json_null());
	json_object_set(goroutines, "after", after ? after : json_null());
	json_object_set_new(object, "goroutines", goroutines);
	return object;
}
