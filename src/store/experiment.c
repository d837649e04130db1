// SPDX-License-Identifier: Apache-2.0
// In: two reports. Out: which variables differ, and what came of it.
#include "store/experiment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/alloc.h"
#include "base/map.h"
#include "base/vec.h"
#include "report/instant.h"
#include "report/json_build.h"

enum { KINDS_TOLD = 5, KIND_LEAST = 20 };

// What somebody changes between two runs; and how it is called.
static const struct {
	const char *name, *group, *key;
} variables[] = {
	{N_("build"), "identity", "build_id"},
	{N_("Go version"), "identity", "go_version"},
	{N_("module version"), "identity", "module_version"},
	{N_("revision"), "identity", "vcs_revision"},
	{N_("arguments"), "identity", "arguments_digest"},
	{N_("memory limit"), "cgroup", "limit_bytes"},
	{"GOGC", "memstats", "gogc"},
	{"GOMEMLIMIT", "memstats", "gomemlimit_bytes"},
	{"GOMAXPROCS", "memstats", "gomaxprocs"},
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static json_t *share_of(const json_t *value)
{
	return value ? json_incref((json_t *)(uintptr_t)value) : json_null();
}

static json_t *pair(json_t *before, json_t *after)
{
	return json_pack("{s:o,s:o}", "before", before, "after", after);
}

// ---- what was different before ----

static json_t *find_variables(const json_t *before, const json_t *after)
{
	json_t *list = json_array();
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
		const json_t *a = json_object_get(json_object_get(before, variables[i].group),
						  variables[i].key);
		const json_t *b = json_object_get(json_object_get(after, variables[i].group),
						  variables[i].key);
		if ((!a && !b) || json_equal(a, b))
			continue;
		json_t *item = pair(share_of(a), share_of(b));
		set_text(item, "name", variables[i].name);
		json_array_append_new(list, item);
	}
	return list;
}

// ---- goroutines ----

struct kind {
	const char *start, *creator; // borrowed
	int64_t counts[2];
};

struct kinds {
	struct map by_name;
	VEC(struct kind) list;
};

static void add_kinds(struct kinds *kinds, const json_t *report, int side)
{
	const json_t *groups = json_object_get(json_object_get(report, "goroutines"), "groups");
	for (size_t i = 0; i < json_array_size(groups) && i < INSTANT_GROUPS_MAX; i++) {
		const json_t *group = json_array_get(groups, i);
		const char *start = text_of(json_object_get(group, "start"), "function");
		const char *creator = text_of(json_object_get(group, "created_by"), "function");
		int64_t count = json_integer_value(json_object_get(group, "count"));
		bool is_new;
		uint64_t hash = hash_mix(hash_bytes(start, strlen(start)),
					 hash_bytes(creator, strlen(creator)));
		uint64_t *index = map_put(&kinds->by_name, hash, kinds->list.count, &is_new);
		if (is_new)
			vec_push(&kinds->list, {start, creator, {0, 0}});
		int64_t *sum = &kinds->list.items[*index].counts[side];
		if (__builtin_add_overflow(*sum, count < 0 ? 0 : count, sum))
			*sum = INT64_MAX / 2;
	}
}

static int64_t change_of(const struct kind *kind)
{
	return llabs(kind->counts[1] - kind->counts[0]);
}

static int compare_kinds(const void *left, const void *right)
{
	int64_t a = change_of(left), b = change_of(right);
	return (b > a) - (b < a);
}

static json_t *find_goroutines(const json_t *before, const json_t *after)
{
	struct kinds kinds = {0};
	json_t *list = json_array();
	add_kinds(&kinds, before, 0);
	add_kinds(&kinds, after, 1);
	if (kinds.list.count)
		qsort(kinds.list.items, kinds.list.count, sizeof *kinds.list.items, compare_kinds);
	VEC_FOREACH (kind, &kinds.list) {
		if (json_array_size(list) >= KINDS_TOLD || change_of(kind) < KIND_LEAST)
			break;
		json_t *item = pair(json_integer(kind->counts[0]), json_integer(kind->counts[1]));
		set_text(item, "start", kind->start);
		set_text(item, "created_by", kind->creator);
		json_array_append_new(list, item);
	}
	vec_deinit(&kinds.list);
	map_deinit(&kinds.by_name);
	return list;
}

// ---- numbers ----

static json_t *number_pair(const json_t *before, const json_t *after, const char *name)
{
	const json_t *sides[] = {before, after};
	json_t *values[2];
	for (int i = 0; i < 2; i++) {
		const json_t *numbers =
			json_object_get(json_object_get(sides[i], "facts"), "numbers");
		const json_t *value = json_object_get(numbers, name);
		double number = json_number_value(value);
		values[i] = json_is_number(value) && number > -9e18 && number < 9e18
				    ? json_integer((int64_t)number)
				    : json_null();
	}
	return pair(values[0], values[1]);
}

// With what it calls. Of the functions that a report lists; others hold little.
static int64_t held_by(const json_t *report, const char *function)
{
	const json_t *list = json_object_get(json_object_get(report, "heap"), "now");
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(text_of(json_array_get(list, i), "function"), function) == 0)
			return json_integer_value(
				json_object_get(json_array_get(list, i), "cum_bytes"));
	return 0;
}

// Of the run that has a cause, the first such.
static json_t *find_guilty(const json_t *before, const json_t *after)
{
	const json_t *sides[] = {before, after};
	for (int i = 0; i < 2; i++) {
		const json_t *verdict = json_object_get(sides[i], "verdict");
		const char *function = text_of(json_object_get(verdict, "guilty"), "function");
		if (strcmp(text_of(verdict, "status"), "cause") != 0 || !function[0])
			continue;
		json_t *item = pair(json_integer(held_by(before, function)),
				    json_integer(held_by(after, function)));
		set_text(item, "function", function);
		return item;
	}
	return json_null();
}

json_t *experiment_new(const json_t *before, const json_t *after)
{
	json_t *object = json_object();
	json_object_set_new(object, "variables", find_variables(before, after));
	json_object_set_new(object, "rss", number_pair(before, after, "rss"));
	json_object_set_new(object, "goroutines", number_pair(before, after, "goroutines"));
	json_object_set_new(object, "fds", number_pair(before, after, "fds"));
	json_object_set_new(object, "kinds", find_goroutines(before, after));
	json_object_set_new(object, "guilty", find_guilty(before, after));
	return object;
}

// ---- text ----

static void write_variables(const json_t *experiment, struct strbuf *out)
{
	const json_t *list = json_object_get(experiment, "variables");
	size_t count = json_array_size(list);
	if (!count)
		strbuf_add(out,
			   _("  nothing that is known was different before: the load was, or the "
			     "data\n"));
	else
		strbuf_add(out, count == 1 ? _("  one thing was different before: ")
					   : _("  different before: "));
	for (size_t i = 0; i < count; i++)
		strbuf_addf(out, "%s%s%s", i ? _(", ") : "",
			    i18n_text(text_of(json_array_get(list, i), "name")),
			    i + 1 == count ? "\n" : "");
}

static void write_pair(const json_t *value, const char *label, bool bytes, struct strbuf *out)
{
	const json_t *a = json_object_get(value, "before"), *b = json_object_get(value, "after");
	if (!json_is_integer(a) || !json_is_integer(b))
		return;
	struct human from =
		bytes ? human_bytes(json_integer_value(a)) : human_count(json_integer_value(a));
	struct human to =
		bytes ? human_bytes(json_integer_value(b)) : human_count(json_integer_value(b));
	strbuf_addf(out, "  %12s -> %-12s ", from.text, to.text);
	strbuf_add_safe(out, label);
	strbuf_add(out, "\n");
}

void experiment_write_text(const json_t *experiment, struct strbuf *out)
{
	const json_t *kinds = json_object_get(experiment, "kinds"),
		     *guilty = json_object_get(experiment, "guilty");
	strbuf_add(out, _("experiment\n"));
	write_variables(experiment, out);
	write_pair(json_object_get(experiment, "rss"), _("resident memory"), true, out);
	write_pair(json_object_get(experiment, "goroutines"), _("goroutines"), false, out);
	for (size_t i = 0; i < json_array_size(kinds); i++) {
		const json_t *kind = json_array_get(kinds, i);
		const char *creator = text_of(kind, "created_by");
		_cleanup_free_ char *label =
			creator[0] ? alloc_format(_("  of them in %s, made by %s"),
						  text_of(kind, "start"), creator)
				   : alloc_format(_("  of them in %s"), text_of(kind, "start"));
		write_pair(kind, label, false, out);
	}
	write_pair(json_object_get(experiment, "fds"), _("open files and sockets"), false, out);
	_cleanup_free_ char *label =
		alloc_format(_("what %s and what it calls hold"), text_of(guilty, "function"));
	write_pair(guilty, label, true, out);
	strbuf_add(out, "\n");
}
