// SPDX-License-Identifier: Apache-2.0
// In: an incident with its earlier captures. Out: a .tar.zst.
#include "store/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

static const char *const below[] = {"baseline", "earlier-1", "earlier-2", "earlier-3", "earlier-4"};

static void set_name(struct bundle *bundle, const char *path)
{
	char real[PATH_MAX];
	const char *name = realpath(path, real) ? strrchr(real, '/') + 1 : "";
	size_t length = 0;
	for (; *name && length < sizeof bundle->name - 1; name++) {
		bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
			     (*name >= '0' && *name <= '9') || strchr("._-", *name);
		bundle->name[length++] = plain ? *name : '_';
	}
	bundle->name[length] = '\0';
	if (!length || bundle->name[0] == '.')
		snprintf(bundle->name, sizeof bundle->name, "incident");
}

bool bundle_open(const char *path, struct bundle *bundle, struct error *error)
{
	struct incident_files *files;
	*bundle = (struct bundle){0};
	set_name(bundle, path);
	if (!incident_files_open(path, &files, error))
		return false;
	bundle->parts[bundle->count++] = (struct bundle_part){"", files};
	for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
		_cleanup_free_ char *inside = alloc_format("%s/%s", path, below[i]);
		if (incident_files_open(inside, &files, NULL))
			bundle->parts[bundle->count++] = (struct bundle_part){below[i], files};
	}
	return true;
}

void bundle_close(struct bundle *bundle)
{
	for (int i = 0; i < bundle->count; i++)
		incident_files_free(bundle->parts[i].files);
	bundle->count = 0;
}

static bool archive_failed(struct archive *archive, struct error *error)
{
	const char *why = archive_error_string(archive);
	return error_set(error, ERROR_OS, "cannot write the bundle: %s", why ? why : "unknown");
}

static bool add_file(struct archive *archive, const char *name, const void *data, size_t size,
		     int64_t modified_unix_s, struct error *error)
{
	struct archive_entry *entry = archive_entry_new();
	if (!entry)
		return error_set(error, ERROR_LIMIT, "no memory for the bundle");
	archive_entry_set_pathname(entry, name);
	archive_entry_set_size(entry, (int64_t)size);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_mtime(entry, modified_unix_s, 0);
	bool ok = archive_write_header(archive, entry) == ARCHIVE_OK &&
		  archive_write_data(archive, data, size) == (la_ssize_t)size;
	archive_entry_free(entry);
	return ok || archive_failed(archive, error);
}

static bool add_part(struct archive *archive, const struct bundle *bundle,
		     const struct bundle_part *part, struct strbuf *sums, struct error *error)
{
	const char *slash = part->name[0] ? "/" : "";
	for (int i = 0; i < INCIDENT_PARTS; i++) {
		const char *file = incident_part_name(i);
		_cleanup_free_ char *name =
			alloc_format("%s/%s%s%s", bundle->name, part->name, slash, file);
		if (!add_file(archive, name, part->files->data[i], part->files->sizes[i],
			      part->files->modified_unix_s[i], error))
			return false;
		strbuf_addf(sums, "%s  %s%s%s\n", part->files->sha256[i], part->name, slash, file);
	}
	return true;
}

static bool add_all(struct archive *archive, const struct bundle *bundle, struct error *error)
{
	struct strbuf sums = {0};
	bool ok = true;
	for (int i = 0; ok && i < bundle->count; i++)
		ok = add_part(archive, bundle, &bundle->parts[i], &sums, error);
	_cleanup_free_ char *name = alloc_format("%s/SHA256SUMS", bundle->name);
	ok = ok && add_file(archive, name, sums.text, sums.length,
			    bundle->parts[0].files->modified_unix_s[INCIDENT_MANIFEST], error);
	strbuf_deinit(&sums);
	return ok;
}

bool bundle_write(struct bundle *bundle, int fd, struct error *error)
{
	for (int i = 0; i < bundle->count; i++)
		if (!incident_files_load(bundle->parts[i].files, error))
			return false;
	struct archive *archive = archive_write_new();
	if (!archive)
		return error_set(error, ERROR_LIMIT, "no memory for the bundle");
	bool ok = (archive_write_add_filter_zstd(archive) == ARCHIVE_OK &&
		   archive_write_set_format_ustar(archive) == ARCHIVE_OK &&
		   archive_write_open_fd(archive, fd) == ARCHIVE_OK) ||
		  archive_failed(archive, error);
	ok = ok && add_all(archive, bundle, error);
	ok = ok && (archive_write_close(archive) == ARCHIVE_OK || archive_failed(archive, error));
	archive_write_free(archive);
	return ok;
}
