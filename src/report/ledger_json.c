// SPDX-License-Identifier: Apache-2.0
// In: a ledger. Out: its JSON form; and back, from a file that anybody may have written.
#include <string.h>

#include "report/ledger_json.h"
#include "report/report.h"
#include "report/json_build.h"
#include "report/json_read.h"

enum { ROWS_MAX = 10000, DEPTH_MAX = 8 };
// As many rows as there may be sum up in bounds, and so does the difference of two such sums.
#define BYTES_MAX (INT64_C(1) << 48)

static const struct {
	const char *name;
	unsigned int flag;
} flags[] = {
	{"reclaimable", LEDGER_RECLAIMABLE},
	{"estimated", LEDGER_ESTIMATED},
	{"unexplained", LEDGER_UNEXPLAINED},
};

static json_t *row_to_json(const struct ledger_row *row)
{
	json_t *item = json_object();
	set_text(item, "key", row->key);
	set_text(item, "label", row->label);
	json_object_set_new(item, "bytes", json_integer(row->bytes));
	json_object_set_new(item, "depth", json_integer(row->depth));
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		json_object_set_new(item, flags[i].name, json_boolean(row->flags & flags[i].flag));
	set_text(item, "note", row->note);
	return item;
}

json_t *report_ledger_to_json(const struct ledger *ledger)
{
	json_t *object = json_object(), *rows = json_array(), *beside = json_array();
	set_text(object, "total", ledger->total_key);
	set_text(object, "label", ledger->total_label);
	json_object_set_new(object, "total_bytes", json_integer(ledger->total_bytes));
	VEC_FOREACH (row, &ledger->rows)
		json_array_append_new(rows, row_to_json(row));
	VEC_FOREACH (row, &ledger->beside)
		json_array_append_new(beside, row_to_json(row));
	json_object_set_new(object, "rows", rows);
	json_object_set_new(object, "beside", beside);
	return object;
}

void report_files_to_json(const struct snapshot_files *files, json_t *object)
{
	json_object_set_new(object, "cache", report_ledger_to_json(&files->cache));
	json_object_set_new(object, "shmem", report_ledger_to_json(&files->shmem));
	set_text(object, "files_partial", files->partial);
	set_text(object, "charge_absent", files->charge_absent);
	if (files->duration_ns)
		set_int(object, "files_duration_ns", files->duration_ns);
}

void report_snapshot_files_to_json(const struct snapshot *snapshot, json_t *object)
{
	if (snapshot_has(&snapshot->files_absent))
		report_files_to_json(&snapshot->files, object);
	else
		json_object_set_new(object, "files_absent",
				    report_error_to_json(&snapshot->files_absent));
}

static json_t *level_to_json(const struct headroom_level *level)
{
	json_t *object = json_object();
	set_text(object, "path", level->path ? level->path : "");
	json_object_set_new(object, "limit_bytes", json_integer(level->limit_bytes));
	if (!level->usage_bytes.known)
		return object;
	json_object_set_new(object, "usage_bytes",
			    json_integer((json_int_t)level->usage_bytes.value));
	json_object_set_new(object, "reclaimable_bytes", json_integer(level->reclaimable_bytes));
	json_object_set_new(object, "unreclaimable_bytes",
			    json_integer(level->unreclaimable_bytes));
	json_object_set_new(object, "headroom_bytes", json_integer(level->headroom_bytes));
	return object;
}

json_t *report_headroom_to_json(const struct headroom *headroom)
{
	json_t *object = json_object();
	if (headroom->limited)
		json_object_set_new(object, "bites", level_to_json(&headroom->bites));
	if (headroom->throttled)
		json_object_set_new(object, "throttles", level_to_json(&headroom->throttles));
	if (headroom->swap_left_bytes.known)
		json_object_set_new(object, "swap_left_bytes",
				    json_integer((json_int_t)headroom->swap_left_bytes.value));
	json_object_set_new(object, "partial", json_boolean(headroom->partial));
	if (headroom->partial)
		set_text(object, "reason", headroom->reason.message);
	return object;
}

static bool is_bytes(const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) <= BYTES_MAX &&
	       json_integer_value(value) >= -BYTES_MAX;
}

static bool add_row(struct ledger *ledger, bool beside, const json_t *item)
{
	const json_t *bytes = json_object_get(item, "bytes"),
		     *depth = json_object_get(item, "depth");
	unsigned int set = 0;
	if (!is_bytes(bytes) || !json_is_integer(depth) || json_integer_value(depth) < 0 ||
	    json_integer_value(depth) > DEPTH_MAX || !text_of(item, "key")[0])
		return false;
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (json_is_true(json_object_get(item, flags[i].name)))
			set |= flags[i].flag;
	if (beside)
		ledger_add_beside(ledger, text_of(item, "key"), text_of(item, "label"),
				  json_integer_value(bytes), set, text_of(item, "note"));
	else
		ledger_add(ledger, (int)json_integer_value(depth), text_of(item, "key"),
			   text_of(item, "label"), json_integer_value(bytes), set,
			   text_of(item, "note"));
	return true;
}

bool ledger_from_json(const json_t *object, struct ledger *out, struct error *error)
{
	const json_t *rows = json_object_get(object, "rows"),
		     *beside = json_object_get(object, "beside");
	const json_t *total = json_object_get(object, "total_bytes");
	struct ledger ledger = {.total_bytes = json_integer_value(total)};
	const char *broken = "rows";
	const char *key = text_of(object, "total"), *label = text_of(object, "label");
	bool ok = json_is_array(rows) && is_bytes(total) && key[0] &&
		  json_array_size(rows) <= ROWS_MAX && json_array_size(beside) <= ROWS_MAX;
	for (size_t i = 0; ok && i < json_array_size(rows); i++)
		ok = add_row(&ledger, false, json_array_get(rows, i));
	for (size_t i = 0; ok && i < json_array_size(beside); i++)
		ok = add_row(&ledger, true, json_array_get(beside, i));
	ledger.total_key = arena_string(&ledger.arena, key, strlen(key));
	ledger.total_label = arena_string(&ledger.arena, label, strlen(label));
	if (ok && ledger_sums(&ledger, &broken)) {
		*out = ledger;
		return true;
	}
	error_set(error, ERROR_BAD_DATA,
		  ok ? "the rows of this ledger do not sum up: %.64s" : "this is no ledger: %.64s",
		  broken);
	ledger_deinit(&ledger);
	return false;
}
