// SPDX-License-Identifier: Apache-2.0
// In: the report model. Out: the files of an incident, synced, with a manifest.
#include "report/incident.h"

#include <errno.h>
#include <fcntl.h>
#include <sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/units.h"
#include "profile/pprof_write.h"

static const char *const names[INCIDENT_PARTS] = {
	[INCIDENT_HEAP] = "heap.pb.gz",        [INCIDENT_GOROUTINES] = "goroutines.txt",
	[INCIDENT_LEDGER] = "ledger.json",     [INCIDENT_REPORT_JSON] = "report.json",
	[INCIDENT_REPORT_TEXT] = "report.txt", [INCIDENT_MANIFEST] = "manifest.json",
};

// The ledger, and what follows it.
enum { FIRST_AGAIN = INCIDENT_LEDGER };

static const char *again_name(enum incident_part part, char *buffer, size_t capacity)
{
	snprintf(buffer, capacity, "%s.new", names[part]);
	return buffer;
}

const char *incident_part_name(enum incident_part part)
{
	return names[part];
}

static void close_file(int *fd)
{
	cleanup_close(fd);
	*fd = -1;
}

void incident_close(struct incident *incident)
{
	for (int i = 0; i < INCIDENT_PARTS; i++) {
		close_file(&incident->files[i].fd);
		close_file(&incident->again[i]);
	}
}

static int create(int dir, const char *name)
{
	return openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
}

bool incident_open(const char *path, struct incident *out, struct error *error)
{
	struct incident incident = {0};
	for (int i = 0; i < INCIDENT_PARTS; i++)
		incident.files[i].fd = incident.again[i] = -1;
	if (mkdir(path, 0755) != 0)
		return error_set_os(error, errno, "cannot make the directory %s", path);
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; dir >= 0 && i < INCIDENT_PARTS; i++) {
		char again[64];
		incident.files[i].fd = create(dir, names[i]);
		if (i >= FIRST_AGAIN)
			incident.again[i] = create(dir, again_name(i, again, sizeof again));
		if (incident.files[i].fd >= 0 && (i < FIRST_AGAIN || incident.again[i] >= 0))
			continue;
		error_set_os(error, errno, "cannot create %s/%s", path, names[i]);
		incident_close(&incident);
		return false;
	}
	if (dir < 0)
		return error_set_os(error, errno, "cannot open %s", path);
	*out = incident;
	return true;
}

// Replaces what the file held.
static bool write_part(struct incident *incident, enum incident_part part, const void *data,
		       size_t size, struct error *error)
{
	struct incident_file *file = &incident->files[part];
	file->written = false;
	SHA256Data(data, size, file->sha256);
	file->size_bytes = (int64_t)size;
	if (lseek(file->fd, 0, SEEK_SET) != 0 || ftruncate(file->fd, 0) != 0)
		return error_set_os(error, errno, "cannot write %s", names[part]);
	if (!file_write(file->fd, names[part], data, size, error))
		return false;
	if (fdatasync(file->fd) != 0)
		return error_set_os(error, errno, "cannot sync %s to disk", names[part]);
	file->written = true;
	return true;
}

static bool write_json(struct incident *incident, enum incident_part part, json_t *value,
		       struct error *error)
{
	_cleanup_free_ char *text = json_dumps(value, JSON_INDENT(2));
	json_decref(value);
	return text ? write_part(incident, part, text, strlen(text), error)
		    : error_set(error, ERROR_LIMIT, "no memory for %s", names[part]);
}

static bool write_heap(struct incident *incident, const struct snapshot *snapshot,
		       struct error *error)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t size = 0;
	if (!snapshot_has(&snapshot->heap_absent)) // an empty profile would be a lie
		return write_part(incident, INCIDENT_HEAP, "", 0, error);
	return pprof_write(snapshot->heap, &data, &size, error) &&
	       write_part(incident, INCIDENT_HEAP, data, size, error);
}

static bool write_goroutines(struct incident *incident, const struct snapshot *snapshot,
			     struct error *error)
{
	struct strbuf text = {0};
	if (snapshot_has(&snapshot->goroutines_absent)) {
		goroutine_set_write_text(&snapshot->goroutines, &text);
	} else {
		strbuf_add(&text, "goroutines not read: ");
		strbuf_add_safe(&text, snapshot->goroutines_absent.message);
		strbuf_add(&text, "\n");
	}
	bool ok = write_part(incident, INCIDENT_GOROUTINES, text.text, text.length, error);
	strbuf_deinit(&text);
	return ok;
}

static bool write_ledger(struct incident *incident, const struct snapshot *snapshot,
			 struct error *error)
{
	json_t *value;
	if (snapshot_has(&snapshot->cgroup_ledger_absent))
		value = report_ledger_to_json(&snapshot->cgroup_ledger);
	else if (snapshot_has(&snapshot->process_ledger_absent))
		value = report_ledger_to_json(&snapshot->process_ledger);
	else
		value = report_error_to_json(&snapshot->process_ledger_absent);
	if (snapshot_has(&snapshot->process_ledger_absent))
		json_object_set_new(value, "process",
				    report_ledger_to_json(&snapshot->process_ledger));
	report_snapshot_files_to_json(snapshot, value);
	return write_json(incident, INCIDENT_LEDGER, value, error);
}

static bool write_text(struct incident *incident, const struct report *report, struct error *error)
{
	struct strbuf text = {0};
	report_write_text(report, (struct report_style){0}, &text);
	bool ok = write_part(incident, INCIDENT_REPORT_TEXT, text.text, text.length, error);
	strbuf_deinit(&text);
	return ok;
}

static bool write_manifest(struct incident *incident, const struct snapshot *snapshot,
			   struct error *error)
{
	json_t *files = json_array();
	for (int i = 0; i < INCIDENT_MANIFEST; i++) {
		json_t *file = json_object();
		json_object_set_new(file, "name", json_string(names[i]));
		json_object_set_new(file, "bytes", json_integer(incident->files[i].size_bytes));
		json_object_set_new(file, "sha256", json_string(incident->files[i].sha256));
		json_array_append_new(files, file);
	}
	json_t *manifest = json_object();
	json_object_set_new(manifest, "format", json_integer(1));
	json_object_set_new(manifest, "whyoom_version", json_string(WHYOOM_VERSION));
	json_object_set_new(manifest, "written",
			    json_string(human_time_rfc3339(clock_unix_ns()).text));
	json_object_set_new(manifest, "identity", report_identity_to_json(&snapshot->identity));
	json_object_set_new(manifest, "evidence", report_quality_to_json(&snapshot->quality));
	json_object_set_new(manifest, "files", files);
	return write_json(incident, INCIDENT_MANIFEST, manifest, error);
}

bool incident_write(struct incident *incident, const struct report *report, struct error *error)
{
	const struct snapshot *snapshot = report->snapshot;
	return (incident->files[INCIDENT_HEAP].written || write_heap(incident, snapshot, error)) &&
	       (incident->files[INCIDENT_GOROUTINES].written ||
		write_goroutines(incident, snapshot, error)) &&
	       (incident->files[INCIDENT_LEDGER].written ||
		write_ledger(incident, snapshot, error)) &&
	       write_json(incident, INCIDENT_REPORT_JSON, report_to_json(report), error) &&
	       write_text(incident, report, error) && write_manifest(incident, snapshot, error);
}

bool incident_write_again(struct incident *incident, const struct report *report,
			  struct error *error)
{
	struct incident again = *incident;
	for (int i = FIRST_AGAIN; i < INCIDENT_PARTS; i++) {
		if (incident->again[i] < 0)
			return error_set(error, ERROR_LIMIT, "it was written again before");
		again.files[i] = (struct incident_file){.fd = incident->again[i]};
		again.again[i] = -1;
	}
	if (!incident_write(&again, report, error)) {
		for (int i = FIRST_AGAIN; i < INCIDENT_PARTS; i++)
			(void)!ftruncate(incident->again[i], 0); // the disk may be full
		return false;
	}
	for (int i = FIRST_AGAIN; i < INCIDENT_PARTS; i++)
		close(incident->files[i].fd);
	*incident = again;
	return true;
}

void incident_settle(const char *path, bool again)
{
	char name[64];
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = FIRST_AGAIN; dir >= 0 && i < INCIDENT_PARTS; i++) {
		again_name(i, name, sizeof name);
		if (again)
			renameat(dir, name, dir, names[i]);
		else
			unlinkat(dir, name, 0);
	}
}
