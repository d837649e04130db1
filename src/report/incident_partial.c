// SPDX-License-Identifier: Apache-2.0
// In: the directory of a capture that nobody finished. Out: an incident that says so, with what is
// there. Nothing of its files is understood here, they are hashed only.
#include <errno.h>
#include <fcntl.h>
#include <sha256.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "report/incident.h"

enum { PART_BYTES_MAX = 512 << 20 };

// "" where it is not there.
static bool read_part(int dir, const char *name, char **data, size_t *size, struct error *error)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	*data = NULL;
	*size = 0;
	if (fd < 0 && errno == ENOENT)
		return true;
	return fd < 0 ? error_set_os(error, errno, "cannot open %s", name)
		      : file_read(fd, name, PART_BYTES_MAX, data, size, error);
}

static bool write_part(int dir, const char *name, const char *data, size_t size,
		       struct error *error)
{
	char temporary[64];
	snprintf(temporary, sizeof temporary, "%s.part", name);
	_cleanup_close_ int fd =
		openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 || !file_write(fd, name, data, size, error))
		return fd >= 0 || error_set_os(error, errno, "cannot write %s", name);
	return (fsync(fd) == 0 && renameat(dir, temporary, dir, name) == 0) ||
	       error_set_os(error, errno, "cannot write %s", name);
}

static void say_parts(int dir, struct strbuf *text)
{
	struct stat stat;
	strbuf_add(
		text,
		"PARTIAL: whyoom itself was killed while it watched this process. How the process\n"
		"ended is not known. What was on disk by then:\n");
	for (int i = 0; i < INCIDENT_MANIFEST; i++) {
		const char *name = incident_part_name((enum incident_part)i);
		bool there = fstatat(dir, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && stat.st_size;
		strbuf_addf(text, "  %-16s %s\n", name,
			    there ? human_bytes(stat.st_size).text : "not written");
	}
	strbuf_add(text, "Look at them with whyoom heap and whyoom goroutines.\n");
}

static bool write_report(int dir, struct error *error)
{
	struct strbuf text = {0};
	_cleanup_free_ char *before = NULL;
	const char *name = incident_part_name(INCIDENT_REPORT_TEXT);
	size_t size;
	if (!read_part(dir, name, &before, &size, error))
		return false;
	if (size >= 8 && strncmp(before, "PARTIAL:", 8) == 0)
		return true; // whyoom was killed here as well
	say_parts(dir, &text);
	if (size)
		strbuf_addf(&text, "\nThe last capture said:\n\n%.*s", (int)size, before);
	bool ok = write_part(dir, name, text.text, text.length, error);
	strbuf_deinit(&text);
	return ok;
}

static bool write_json(int dir, struct error *error)
{
	static const char minimal[] = "{\n  \"partial\": true\n}\n";
	_cleanup_free_ char *before = NULL;
	const char *name = incident_part_name(INCIDENT_REPORT_JSON);
	size_t size;
	return read_part(dir, name, &before, &size, error) &&
	       (size || write_part(dir, name, minimal, sizeof minimal - 1, error));
}

static bool add_part(int dir, const char *name, json_t *files, struct error *error)
{
	_cleanup_free_ char *data = NULL;
	size_t size;
	char sha256[65];
	if (!read_part(dir, name, &data, &size, error) ||
	    (!size && !write_part(dir, name, "", 0, error)))
		return false;
	SHA256Data((const uint8_t *)(data ? data : ""), size, sha256);
	json_array_append_new(files, json_pack("{s:s, s:I, s:s}", "name", name, "bytes",
					       (json_int_t)size, "sha256", sha256));
	return true;
}

static bool write_manifest(int dir, struct error *error)
{
	json_t *files = json_array();
	bool ok = true;
	for (int i = 0; ok && i < INCIDENT_MANIFEST; i++)
		ok = add_part(dir, incident_part_name((enum incident_part)i), files, error);
	json_t *manifest = json_pack(
		"{s:i, s:s, s:s, s:b, s:o}", "format", 1, "whyoom_version", WHYOOM_VERSION,
		"written", human_time_rfc3339(clock_unix_ns()).text, "partial", 1, "files", files);
	_cleanup_free_ char *text = json_dumps(manifest, JSON_INDENT(2));
	json_decref(manifest);
	return ok && (text || error_set(error, ERROR_LIMIT, "no memory for the manifest")) &&
	       write_part(dir, incident_part_name(INCIDENT_MANIFEST), text, strlen(text), error);
}

bool incident_mark_partial(const char *path, struct error *error)
{
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return error_set_os(error, errno, "cannot open %.200s", path);
	incident_settle(path, false);
	return (write_report(dir, error) && write_json(dir, error) && write_manifest(dir, error) &&
		(fsync(dir) == 0 || error_set_os(error, errno, "cannot sync"))) ||
	       error_wrap(error, "%.200s", path);
}
