// SPDX-License-Identifier: Apache-2.0
// In: an incident with its earlier captures. Out: a .tar.zst.
#include "store/bundle.h"

#include <limits.h>
#include <sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "store/incident_page.h"

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
	if (!archive_library_load(&bundle->library, error) ||
	    !incident_files_open(path, &files, error))
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

struct writing {
	const struct bundle *bundle;
	const struct archive_library *library;
	struct archive *archive;
};

static bool archive_failed(const struct writing *writing, struct error *error)
{
	const char *why = writing->library->error_string(writing->archive);
	return error_set(error, ERROR_OS, "cannot write the bundle: %s", why ? why : "unknown");
}

static bool add_file(const struct writing *writing, const char *name, const void *data, size_t size,
		     int64_t modified_unix_s, struct error *error)
{
	const struct archive_library *library = writing->library;
	struct archive_entry *entry = library->entry_new();
	if (!entry)
		return error_set(error, ERROR_LIMIT, "no memory for the bundle");
	library->entry_set_pathname(entry, name);
	library->entry_set_size(entry, (int64_t)size);
	library->entry_set_filetype(entry, AE_IFREG);
	library->entry_set_perm(entry, 0644);
	library->entry_set_mtime(entry, modified_unix_s, 0);
	bool ok = library->write_header(writing->archive, entry) == ARCHIVE_OK &&
		  library->write_data(writing->archive, data, size) == (la_ssize_t)size;
	library->entry_free(entry);
	return ok || archive_failed(writing, error);
}

static bool add_part(const struct writing *writing, const struct bundle_part *part,
		     struct strbuf *sums, struct error *error)
{
	const struct bundle *bundle = writing->bundle;
	const char *slash = part->name[0] ? "/" : "";
	for (int i = 0; i < INCIDENT_PARTS; i++) {
		const char *file = incident_part_name(i);
		_cleanup_free_ char *name =
			alloc_format("%s/%s%s%s", bundle->name, part->name, slash, file);
		if (!add_file(writing, name, part->files->data[i], part->files->sizes[i],
			      part->files->modified_unix_s[i], error))
			return false;
		strbuf_addf(sums, "%s  %s%s%s\n", part->files->sha256[i], part->name, slash, file);
	}
	return true;
}

static bool add_page(const struct writing *writing, const char *page, size_t size,
		     struct strbuf *sums, struct error *error)
{
	char digest[SHA256_DIGEST_STRING_LENGTH];
	const struct bundle *bundle = writing->bundle;
	_cleanup_free_ char *name = alloc_format("%s/" INCIDENT_PAGE_NAME, bundle->name);
	SHA256Data((const uint8_t *)page, size, digest);
	strbuf_addf(sums, "%s  " INCIDENT_PAGE_NAME "\n", digest);
	return add_file(writing, name, page, size,
			bundle->parts[0].files->modified_unix_s[INCIDENT_MANIFEST], error);
}

static bool add_all(const struct writing *writing, const char *page, size_t page_size,
		    struct error *error)
{
	const struct bundle *bundle = writing->bundle;
	struct strbuf sums = {0};
	bool ok = true;
	for (int i = 0; ok && i < bundle->count; i++)
		ok = add_part(writing, &bundle->parts[i], &sums, error);
	ok = ok && (!page || add_page(writing, page, page_size, &sums, error));
	_cleanup_free_ char *name = alloc_format("%s/SHA256SUMS", bundle->name);
	ok = ok && add_file(writing, name, sums.text, sums.length,
			    bundle->parts[0].files->modified_unix_s[INCIDENT_MANIFEST], error);
	strbuf_deinit(&sums);
	return ok;
}

bool bundle_write(struct bundle *bundle, const char *page, size_t page_size, int fd,
		  struct error *error)
{
	for (int i = 0; i < bundle->count; i++)
		if (!incident_files_load(bundle->parts[i].files, error))
			return false;
	const struct archive_library *library = &bundle->library;
	struct writing writing = {bundle, library, library->write_new()};
	if (!writing.archive)
		return error_set(error, ERROR_LIMIT, "no memory for the bundle");
	bool ok = (library->write_add_filter_zstd(writing.archive) == ARCHIVE_OK &&
		   library->write_set_format_ustar(writing.archive) == ARCHIVE_OK &&
		   library->write_open_fd(writing.archive, fd) == ARCHIVE_OK) ||
		  archive_failed(&writing, error);
	ok = ok && add_all(&writing, page, page_size, error);
	ok = ok && (library->write_close(writing.archive) == ARCHIVE_OK ||
		    archive_failed(&writing, error));
	library->write_free(writing.archive);
	return ok;
}
