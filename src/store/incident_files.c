// SPDX-License-Identifier: Apache-2.0
// In: the directory of an incident. Out: its files, each as the manifest says, or which is not.
#include "store/incident_files.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sha256.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/file.h"

enum { FILE_LIMIT = 256 << 20, MANIFEST_LIMIT = 1 << 20 };

// No links, no pipes, no devices: they could lead elsewhere, or make us wait.
static int open_part(int dir, const char *name, int64_t *modified_unix_s)
{
	struct stat status;
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))) {
		*modified_unix_s = fd < 0 ? 0 : status.st_mtime;
		return fd;
	}
	close(fd);
	return -1;
}

bool incident_files_open(const char *path, struct incident_files **out, struct error *error)
{
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_set_os(error, errno, "cannot open %.300s", path);
	struct incident_files *files = alloc_zero(sizeof *files);
	files->path = alloc_string(path);
	for (int i = 0; i < INCIDENT_PARTS; i++)
		files->fds[i] = open_part(dir, incident_part_name(i), &files->modified_unix_s[i]);
	if (files->fds[INCIDENT_MANIFEST] < 0) {
		incident_files_free(files);
		return error_set(error, ERROR_NOT_FOUND,
				 "%.300s is no incident: there is no manifest.json in it", path);
	}
	*out = files;
	return true;
}

void incident_files_free(struct incident_files *files)
{
	if (!files)
		return;
	for (int i = 0; i < INCIDENT_PARTS; i++) {
		cleanup_close(&files->fds[i]);
		free(files->data[i]);
	}
	free(files->path);
	free(files);
}

static bool read_part(struct incident_files *files, int part, size_t limit, struct error *error)
{
	const char *name = incident_part_name(part);
	if (files->fds[part] < 0)
		return error_set(error, ERROR_BAD_DATA, "%s is missing", name);
	if (!file_read(files->fds[part], name, limit, &files->data[part], &files->sizes[part],
		       error))
		return false;
	SHA256Data((const uint8_t *)files->data[part], files->sizes[part], files->sha256[part]);
	return true;
}

static const json_t *find_entry(const json_t *manifest, const char *name)
{
	const json_t *list = json_object_get(manifest, "files");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		const char *its_name = json_string_value(json_object_get(entry, "name"));
		if (its_name && strcmp(its_name, name) == 0)
			return entry;
	}
	return NULL;
}

bool manifest_has(const json_t *manifest, const char *name, const char *sha256, struct error *error)
{
	const json_t *entry = find_entry(manifest, name);
	const char *hash = json_string_value(json_object_get(entry, "sha256"));
	if (!hash)
		return error_set(error, ERROR_BAD_DATA, "the manifest has no hash of %s", name);
	return strcmp(hash, sha256) == 0 ||
	       error_set(error, ERROR_BAD_DATA,
			 "%s is not what was written: its hash is not the manifest's", name);
}

static bool load_parts(struct incident_files *files, const json_t *manifest, struct error *error)
{
	for (int i = 0; i < INCIDENT_MANIFEST; i++)
		if (!read_part(files, i, FILE_LIMIT, error) ||
		    !manifest_has(manifest, incident_part_name(i), files->sha256[i], error))
			return false;
	return true;
}

bool incident_files_load(struct incident_files *files, struct error *error)
{
	json_error_t at;
	if (!read_part(files, INCIDENT_MANIFEST, MANIFEST_LIMIT, error))
		return error_wrap(error, "%.256s", files->path);
	json_t *manifest = json_loadb(files->data[INCIDENT_MANIFEST],
				      files->sizes[INCIDENT_MANIFEST], JSON_REJECT_DUPLICATES, &at);
	bool ok = manifest ? load_parts(files, manifest, error)
			   : error_set(error, ERROR_BAD_DATA, "manifest.json is no JSON: line %d",
				       at.line);
	json_decref(manifest);
	return ok || error_wrap(error, "%.256s", files->path);
}
