// SPDX-License-Identifier: Apache-2.0
// In: the evidence. Out: all of its facts, as text or JSON.
#include "report/facts.h"

#include <string.h>

#include "base/units.h"
#include "report/json_build.h"
#include "verdict/sites.h"

enum { SITES_SHOWN = 30, GROUPS_SHOWN = 30 };

static const char *unit_name(enum fact_unit unit)
{
	static const char *const names[] = {[FACT_BYTES] = "bytes",
					    [FACT_COUNT] = "count",
					    [FACT_SHARE] = "share",
					    [FACT_NS] = "ns",
					    [FACT_YES] = "flag"};
	return names[unit];
}

static struct human number_text(const char *name, double value)
{
	struct human text;
	switch (scope_unit(name)) {
	case FACT_BYTES:
		return human_bytes((int64_t)value);
	case FACT_SHARE:
		return human_percent(value);
	case FACT_NS:
		return human_duration((int64_t)value);
	case FACT_COUNT:
	case FACT_YES:
		break;
	}
	snprintf(text.text, sizeof text.text, "%.6g", value);
	return text;
}

// What rules may name, too, and is worked out of the two instants.
static const char *const worked_out[] = {"interval", "gc.cpu_now", "heap.kept", "heap.unknown"};

static bool number_before(const struct scope *scope, const char *name, double *before)
{
	char full[64];
	snprintf(full, sizeof full, "%s.before", name);
	return scope_number(scope, full, before);
}

static void write_number(struct strbuf *out, const char *name, double value, const double *before)
{
	const char *meaning = fact_meaning(name);
	strbuf_addf(out, "%-34.80s %14s %14s   %s\n", name, number_text(name, value).text,
		    before ? number_text(name, *before).text : "", meaning ? meaning : "");
}

static void write_numbers(const struct evidence *evidence, struct strbuf *out)
{
	struct scope scope = {.evidence = evidence};
	double value, before;
	strbuf_addf(out, "%-34s %14s %14s   %s\n", "FACT", "now", "before", "meaning");
	VEC_FOREACH (fact, &evidence->now->list)
		write_number(out, fact->name, fact->value,
			     facts_get(evidence->before, fact->name, &before) ? &before : NULL);
	for (size_t i = 0; i < sizeof worked_out / sizeof *worked_out; i++)
		if (scope_number(&scope, worked_out[i], &value))
			write_number(out, worked_out[i], value,
				     number_before(&scope, worked_out[i], &before) ? &before
										   : NULL);
}

static void write_classes(const struct evidence *evidence, struct strbuf *out)
{
	strbuf_addf(out, "\n%-34s %14s %14s %14s\n", "CLASS", "now", "before",
		    evidence->by_growth ? "grown" : "counts");
	for (int i = 0; i < CLASS_COUNT; i++) {
		const struct class_figure *figure = &evidence->classes[i];
		if (figure->known)
			strbuf_addf(out, "%-34s %14s %14s %14s\n", class_name(i),
				    human_bytes(figure->bytes).text,
				    human_bytes(figure->before_bytes).text,
				    human_bytes(figure->rise).text);
	}
}

static struct sites sorted_sites(const struct evidence *evidence)
{
	struct sites_filter all = {.ownerless = true};
	struct sites sites = {0};
	sites_collect(evidence, &all, &sites);
	for (size_t i = 1; i < sites.list.count; i++)
		for (size_t j = i; j && site_rise(evidence, &sites.list.items[j]) >
						site_rise(evidence, &sites.list.items[j - 1]);
		     j--) {
			struct site held = sites.list.items[j];
			sites.list.items[j] = sites.list.items[j - 1];
			sites.list.items[j - 1] = held;
		}
	return sites;
}

static void write_sites(const struct evidence *evidence, struct strbuf *out)
{
	struct sites sites = sorted_sites(evidence);
	strbuf_addf(out, "\n%11s %11s %11s %10s   %s\n", "SITE now", "before", "allocated",
		    "objects", evidence->heap_by_growth ? "by growth" : "by size");
	for (size_t i = 0; i < sites.list.count && i < SITES_SHOWN; i++) {
		const struct site *site = &sites.list.items[i];
		strbuf_addf(out, "%11s %11s %11s %10s   ", human_bytes(site->bytes).text,
			    human_bytes(site->before_bytes).text, human_bytes(site->allocated).text,
			    human_count(site->objects).text);
		strbuf_add_safe(out, site->frame.function[0] ? site->frame.function
							     : "(no code of the program's own)");
		strbuf_add(out, " > ");
		strbuf_add_safe(out, site->callee);
		strbuf_add(out, "\n");
	}
	sites_deinit(&sites);
}

static void write_groups(const struct evidence *evidence, struct strbuf *out)
{
	strbuf_addf(out, "\n%8s %8s %11s   %s\n", "GROUP", "before", "stacks",
		    "wait, where, made by");
	for (size_t i = 0; i < evidence->groups.count && i < GROUPS_SHOWN; i++) {
		const struct wait_group *group = &evidence->groups.items[i];
		const struct goroutine_group *example = group->example;
		strbuf_addf(out, "%8llu %8llu %11s   ", (unsigned long long)group->count,
			    (unsigned long long)group->before,
			    human_bytes((int64_t)group->stack_bytes).text);
		strbuf_add_safe(out, example->wait_reason ? example->wait_reason : example->state);
		for (size_t j = 0; j < example->depth && j < 6; j++) {
			strbuf_add(out, j ? " < " : ", ");
			strbuf_add_safe(out, example->frames[j].function);
		}
		strbuf_add(out, ", by ");
		strbuf_add_safe(out, example->created_by.function);
		strbuf_add(out, "\n");
	}
}

void report_write_facts(const struct evidence *evidence, struct strbuf *out)
{
	write_numbers(evidence, out);
	write_classes(evidence, out);
	if (evidence->heap.stacks)
		write_sites(evidence, out);
	if (evidence->now->goroutines)
		write_groups(evidence, out);
}

// ---- JSON ----

static void add_number(json_t *object, const char *name, double value, const double *before)
{
	json_t *item = json_object();
	json_object_set_new(item, "value", json_real(value));
	json_object_set_new(item, "before", before ? json_real(*before) : json_null());
	set_text(item, "unit", unit_name(scope_unit(name)));
	json_object_set_new(object, name, item);
}

static json_t *numbers_to_json(const struct evidence *evidence)
{
	struct scope scope = {.evidence = evidence};
	json_t *object = json_object();
	double value, before;
	VEC_FOREACH (fact, &evidence->now->list)
		add_number(object, fact->name, fact->value,
			   facts_get(evidence->before, fact->name, &before) ? &before : NULL);
	for (size_t i = 0; i < sizeof worked_out / sizeof *worked_out; i++)
		if (scope_number(&scope, worked_out[i], &value))
			add_number(object, worked_out[i], value,
				   number_before(&scope, worked_out[i], &before) ? &before : NULL);
	return object;
}

static json_t *classes_to_json(const struct evidence *evidence)
{
	json_t *object = json_object();
	for (int i = 0; i < CLASS_COUNT; i++) {
		const struct class_figure *figure = &evidence->classes[i];
		json_t *item = json_object();
		if (!figure->known) {
			json_decref(item);
			continue;
		}
		set_int(item, "bytes", figure->bytes);
		set_int(item, "before_bytes", figure->before_bytes);
		set_int(item, "rise_bytes", figure->rise);
		json_object_set_new(object, class_name(i), item);
	}
	return object;
}

static json_t *sites_to_json(const struct evidence *evidence)
{
	json_t *array = json_array();
	struct sites sites = sorted_sites(evidence);
	for (size_t i = 0; i < sites.list.count && i < SITES_SHOWN; i++) {
		const struct site *site = &sites.list.items[i];
		json_t *item = json_object();
		set_text(item, "function", site->frame.function);
		set_text(item, "file", site->frame.file);
		set_int(item, "line", site->frame.line);
		set_text(item, "calls", site->callee);
		set_int(item, "bytes", site->bytes);
		set_int(item, "before_bytes", site->before_bytes);
		set_int(item, "allocated_bytes", site->allocated);
		set_int(item, "objects", site->objects);
		json_array_append_new(array, item);
	}
	sites_deinit(&sites);
	return array;
}

json_t *report_facts_to_json(const struct evidence *evidence)
{
	json_t *object = json_object();
	json_object_set_new(object, "numbers", numbers_to_json(evidence));
	json_object_set_new(object, "classes", classes_to_json(evidence));
	json_object_set_new(object, "sites", sites_to_json(evidence));
	json_object_set_new(object, "by_growth", json_boolean(evidence->by_growth));
	json_object_set_new(object, "heap_by_growth", json_boolean(evidence->heap_by_growth));
	set_int(object, "interval_ns", evidence->interval_ns);
	return object;
}
