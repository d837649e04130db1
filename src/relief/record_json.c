// SPDX-License-Identifier: Apache-2.0
// In: a record. Out: its text; and back.
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "relief/record_priv.h"

enum { RECORD_VERSION = 1 };

static json_t *entry_to_json(const struct relief_entry *entry)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "name", entry->name, "before",
			 (json_int_t)entry->before, "earlier", (json_int_t)entry->earlier,
			 "written", (json_int_t)entry->written, "unix_ns",
			 (json_int_t)entry->unix_ns);
}

char *relief_record_write_text(const struct relief_record *record)
{
	json_t *entries = json_array();
	for (size_t i = 0; i < record->count; i++)
		json_array_append_new(entries, entry_to_json(&record->entries[i]));
	json_t *path = json_string(record->path);
	json_t *object =
		json_pack("{s:i, s:s, s:I, s:I, s:I, s:o, s:o}", "version", RECORD_VERSION,
			  "boot_id", record->boot_id, "pid", (json_int_t)record->pid, "start_ticks",
			  (json_int_t)record->start_ticks, "inode", (json_int_t)record->inode,
			  "path", path ? path : json_string(""), "changes", entries);
	char *text = json_dumps(object, JSON_INDENT(2));
	json_decref(object);
	return text;
}

static bool parse_entry(json_t *value, struct relief_entry *out)
{
	const char *name;
	json_int_t before, earlier, written, unix_ns;
	if (json_unpack(value, "{s:s, s:I, s:I, s:I, s:I}", "name", &name, "before", &before,
			"earlier", &earlier, "written", &written, "unix_ns", &unix_ns) != 0 ||
	    strlen(name) >= sizeof out->name)
		return false;
	*out = (struct relief_entry){
		.before = before, .earlier = earlier, .written = written, .unix_ns = unix_ns};
	snprintf(out->name, sizeof out->name, "%s", name);
	return true;
}

static bool parse_object(json_t *object, struct relief_record *out)
{
	struct relief_record record = {0};
	const char *boot_id, *path;
	json_int_t pid, start_ticks, inode;
	int version;
	json_t *entries, *value;
	size_t i;
	if (json_unpack(object, "{s:i, s:s, s:I, s:I, s:I, s:s, s:o}", "version", &version,
			"boot_id", &boot_id, "pid", &pid, "start_ticks", &start_ticks, "inode",
			&inode, "path", &path, "changes", &entries) != 0 ||
	    version != RECORD_VERSION || strlen(boot_id) > RELIEF_BOOT_ID_MAX ||
	    strlen(path) >= sizeof record.path || pid < 0 || pid > INT_MAX ||
	    json_array_size(entries) > RELIEF_ENTRIES_MAX)
		return false;
	snprintf(record.boot_id, sizeof record.boot_id, "%s", boot_id);
	snprintf(record.path, sizeof record.path, "%s", path);
	record.pid = (pid_t)pid;
	record.start_ticks = (uint64_t)start_ticks;
	record.inode = (uint64_t)inode;
	json_array_foreach (entries, i, value)
		if (!parse_entry(value, &record.entries[record.count++]))
			return false;
	*out = record;
	return true;
}

bool relief_record_parse(const char *text, size_t size, struct relief_record *record,
			 struct error *error)
{
	json_error_t why;
	json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
	bool ok = object && parse_object(object, record);
	json_decref(object);
	return ok || error_set(error, ERROR_BAD_DATA, "not a record of what whyoom changed");
}
