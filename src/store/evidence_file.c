// SPDX-License-Identifier: Apache-2.0
// In: a path that somebody gave. Out: the instant that it tells of.
#include "store/evidence_file.h"

#include <fcntl.h>
#include <jansson.h>
#include <sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "crash/crash.h"
#include "goroutine/pprof.h"
#include "profile/pprof_read.h"
#include "store/archive_library.h"
#include "store/incident_files.h"

enum { EVIDENCE_BYTES_MAX = 256 << 20, ENTRIES_MAX = 256, MAGIC_BYTES = 8 };

struct evidence_file {
	char *path;
	int fd; // of a file; -1
	bool is_zstd;
	struct archive_library library; // if it is
	struct incident_files *incident, *baseline;
};

// The library that reads it is loaded while files may be opened.
static bool begins_as_zstd(int fd)
{
	char magic[4];
	return pread(fd, magic, sizeof magic, 0) == sizeof magic &&
	       memcmp(magic, "\x28\xb5\x2f\xfd", sizeof magic) == 0;
}

// The directory of the incident that a file is a part of, or NULL. Its heap profile says enough by
// itself.
static char *incident_around(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_cleanup_free_ char *folder =
		slash ? strndup(path, (size_t)(slash - path) + 1) : alloc_string("./");
	_cleanup_free_ char *manifest =
		alloc_format("%s%s", folder, incident_part_name(INCIDENT_MANIFEST));
	bool is_part = false;
	for (int i = 0; i < INCIDENT_PARTS; i++)
		is_part |= i != INCIDENT_HEAP && strcmp(name, incident_part_name(i)) == 0;
	return is_part && access(manifest, F_OK) == 0 ? alloc_string(folder) : NULL;
}

bool evidence_file_open(const char *path, struct evidence_file **out, struct error *error)
{
	struct stat status;
	struct evidence_file *file = alloc_zero(sizeof *file);
	bool is_directory = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
	_cleanup_free_ char *directory = is_directory ? alloc_string(path) : incident_around(path);
	file->path = alloc_string(path);
	file->fd = -1;
	bool ok;
	if (directory) {
		_cleanup_free_ char *inside = alloc_format("%s/baseline", directory);
		ok = incident_files_open(directory, &file->incident, error);
		if (ok)
			(void)!incident_files_open(inside, &file->baseline, NULL);
	} else {
		ok = file_open(AT_FDCWD, path, &file->fd, error);
		file->is_zstd = ok && begins_as_zstd(file->fd);
		if (file->is_zstd)
			ok = archive_library_load(&file->library, error);
	}
	if (ok)
		*out = file;
	else
		evidence_file_free(file);
	return ok;
}

void evidence_file_free(struct evidence_file *file)
{
	if (!file)
		return;
	cleanup_close(&file->fd);
	incident_files_free(file->incident);
	incident_files_free(file->baseline);
	free(file->path);
	free(file);
}

void evidence_loaded_deinit(struct evidence_loaded *loaded)
{
	instant_free(loaded->instant);
	instant_free(loaded->baseline);
	*loaded = (struct evidence_loaded){0};
}

static bool load_files(struct incident_files *files, struct instant **instant, struct error *error)
{
	return incident_files_load(files, error) &&
	       (instant_read(files->data[INCIDENT_REPORT_JSON], files->sizes[INCIDENT_REPORT_JSON],
			     files->data[INCIDENT_HEAP], files->sizes[INCIDENT_HEAP], instant,
			     error) ||
		error_wrap(error, "%.256s", files->path));
}

// ---- bundles ----

struct part {
	char *data;
	size_t size;
};

struct parts {
	struct part report, heap, manifest, baseline_report, baseline_heap, baseline_manifest;
	bool any; // it is an archive
};

// The part that an entry is by its place: DIR/report.json, DIR/baseline/heap.pb.gz.
static struct part *find_part(struct parts *parts, const char *path)
{
	const char *name = strrchr(path, '/');
	if (!name)
		return NULL;
	size_t length = (size_t)(name - path);
	bool baseline = length > 9 && strncmp(name - 9, "/baseline", 9) == 0;
	bool top = !memchr(path, '/', length);
	if (!baseline && !top)
		return NULL;
	if (strcmp(name, "/report.json") == 0)
		return baseline ? &parts->baseline_report : &parts->report;
	if (strcmp(name, "/heap.pb.gz") == 0)
		return baseline ? &parts->baseline_heap : &parts->heap;
	if (strcmp(name, "/manifest.json") == 0)
		return baseline ? &parts->baseline_manifest : &parts->manifest;
	return NULL;
}

static bool read_entry(const struct archive_library *library, struct archive *archive,
		       struct archive_entry *entry, struct part *part)
{
	int64_t size = library->entry_size(entry);
	if (part->data || size < 0 || size > EVIDENCE_BYTES_MAX)
		return false;
	part->data = malloc((size_t)size + 1);
	if (!part->data)
		return false;
	while (part->size < (size_t)size) {
		la_ssize_t got = library->read_data(archive, part->data + part->size,
						    (size_t)size - part->size);
		if (got <= 0)
			return false;
		part->size += (size_t)got;
	}
	part->data[part->size] = '\0';
	return true;
}

static bool read_archive(const struct archive_library *library, int fd, struct parts *parts)
{
	struct archive *archive = library->read_new();
	struct archive_entry *entry;
	bool ok = archive && library->read_support_filter_zstd(archive) == ARCHIVE_OK &&
		  library->read_support_format_tar(archive) == ARCHIVE_OK &&
		  library->read_open_fd(archive, fd, 65536) == ARCHIVE_OK;
	for (int i = 0; ok && i < ENTRIES_MAX; i++) {
		if (library->read_next_header(archive, &entry) != ARCHIVE_OK)
			break;
		const char *path = library->entry_pathname(entry);
		parts->any = true;
		struct part *part = path ? find_part(parts, path) : NULL;
		if (part)
			ok = read_entry(library, archive, entry, part);
	}
	library->read_free(archive);
	return ok && parts->report.data;
}

static void free_parts(struct parts *parts)
{
	free(parts->report.data);
	free(parts->heap.data);
	free(parts->baseline_report.data);
	free(parts->baseline_heap.data);
	free(parts->manifest.data);
	free(parts->baseline_manifest.data);
}

static bool fits_manifest(const json_t *manifest, const char *name, const struct part *part,
			  struct error *error)
{
	char sha256[SHA256_DIGEST_STRING_LENGTH];
	SHA256Data((const uint8_t *)(part->data ? part->data : ""), part->size, sha256);
	return manifest_has(manifest, name, sha256, error);
}

static bool check_parts(const struct part *manifest, const struct part *report,
			const struct part *heap, struct error *error)
{
	json_t *root = manifest->data ? json_loadb(manifest->data, manifest->size,
						   JSON_REJECT_DUPLICATES, NULL)
				      : NULL;
	bool ok = root ? fits_manifest(root, "report.json", report, error) &&
				  fits_manifest(root, "heap.pb.gz", heap, error)
		       : error_set(error, ERROR_BAD_DATA, "there is no manifest in it");
	json_decref(root);
	return ok;
}

static bool load_parts(struct parts *parts, bool whole, struct evidence_loaded *loaded,
		       struct error *error)
{
	if (!whole || !parts->report.data)
		return error_set(error, ERROR_BAD_DATA,
				 "it is no bundle of whyoom, or only a part of one");
	if (!check_parts(&parts->manifest, &parts->report, &parts->heap, error) ||
	    !instant_read(parts->report.data, parts->report.size, parts->heap.data,
			  parts->heap.size, &loaded->instant, error))
		return false;
	if (parts->baseline_report.data &&
	    check_parts(&parts->baseline_manifest, &parts->baseline_report, &parts->baseline_heap,
			NULL))
		(void)!instant_read(parts->baseline_report.data, parts->baseline_report.size,
				    parts->baseline_heap.data, parts->baseline_heap.size,
				    &loaded->baseline, NULL);
	return true;
}

// `is_bundle` false: it is something else, and there is no error.
static bool load_bundle(const struct evidence_file *file, struct evidence_loaded *loaded,
			bool *is_bundle, struct error *error)
{
	struct parts parts = {0};
	bool whole = read_archive(&file->library, file->fd, &parts);
	*is_bundle = parts.any;
	bool ok = parts.any && (load_parts(&parts, whole, loaded, error) ||
				error_wrap(error, "%.256s", file->path));
	free_parts(&parts);
	loaded->kind = "bundle";
	return ok;
}

// ---- other files ----

// The crash with most goroutines says most.
static const struct crash *largest_crash(const struct crash_log *log)
{
	const struct crash *largest = NULL;
	VEC_FOREACH (crash, &log->crashes)
		if (!largest || crash->goroutines > largest->goroutines)
			largest = crash;
	return largest;
}

static bool load_log(const struct evidence_file *file, struct evidence_loaded *loaded,
		     struct error *error)
{
	struct crash_options options = {.exe_fd = -1};
	struct crash_log log = {0};
	struct goroutine_set set = {0};
	char version[64];
	if (lseek(file->fd, 0, SEEK_SET) != 0 ||
	    !crash_log_read(file->fd, file->path, &options, &log, error))
		return false;
	const struct crash *crash = largest_crash(&log);
	if (!crash) {
		crash_log_deinit(&log);
		return error_set(error, ERROR_NOT_FOUND, "no crash in %.256s", file->path);
	}
	struct snapshot_identity identity = {.go_version = version, .main_package = "main"};
	identity.module_path = crash->main_module ? crash->main_module : "";
	snprintf(version, sizeof version, "%s%s",
		 crash->version.exact && crash->version.exact[0] ? "go" : "",
		 crash->version.exact ? crash->version.exact : "");
	crash_to_goroutines(crash, &set);
	goroutine_set_sort(&set);
	snprintf(loaded->headline, sizeof loaded->headline, "%s",
		 crash->headline ? crash->headline : "");
	loaded->instant = instant_of_goroutines(&identity, &set);
	loaded->kind = "crash log";
	crash_log_deinit(&log);
	return true;
}

// False, without an error, where it is a profile of something else.
static bool load_goroutine_profile(const void *data, size_t size, struct evidence_loaded *loaded)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	struct snapshot_identity identity = {
		.go_version = "", .module_path = "", .main_package = "main"};
	struct goroutine_set set = {0};
	if (!pprof_parse(data, size, &profile, NULL) ||
	    !goroutine_set_from_profile(profile, &set, NULL))
		return false;
	goroutine_set_sort(&set);
	loaded->instant = instant_of_goroutines(&identity, &set);
	loaded->kind = "goroutine profile";
	return true;
}

static bool load_json_or_profile(const struct evidence_file *file, const uint8_t *magic,
				 struct evidence_loaded *loaded, struct error *error)
{
	_cleanup_free_ char *data = NULL;
	size_t size;
	if (!file_read(file->fd, file->path, EVIDENCE_BYTES_MAX, &data, &size, error))
		return false;
	bool json = magic[0] == '{';
	if (!json && load_goroutine_profile(data, size, loaded))
		return true;
	loaded->kind = json ? "report" : "profile";
	return json ? instant_read(data, size, NULL, 0, &loaded->instant, error)
		    : instant_read(NULL, 0, data, size, &loaded->instant, error);
}

static bool load_file(const struct evidence_file *file, struct evidence_loaded *loaded,
		      struct error *error)
{
	uint8_t magic[MAGIC_BYTES] = {0};
	if (pread(file->fd, magic, sizeof magic, 0) <= 0)
		return error_set(error, ERROR_BAD_DATA, "%.256s is empty, not a core file",
				 file->path);
	bool gzip = memcmp(magic, "\x1f\x8b", 2) == 0;
	bool is_bundle = false;
	if (file->is_zstd && (load_bundle(file, loaded, &is_bundle, error) || is_bundle))
		return is_bundle && loaded->instant;
	if (magic[0] == '{' && load_json_or_profile(file, magic, loaded, NULL))
		return true;
	if ((gzip || magic[0] == '\x0a') && load_json_or_profile(file, magic, loaded, NULL))
		return true;
	return load_log(file, loaded, error) ||
	       error_wrap(error, "%.256s is not a core file", file->path) ||
	       error_hint(error, "whyoom reads a core, an incident, a bundle, a report as JSON, a "
				 "heap profile, and a crash log");
}

bool evidence_file_load(struct evidence_file *file, struct evidence_loaded *out,
			struct error *error)
{
	struct evidence_loaded loaded = {.kind = "incident"};
	bool ok = true;
	if (file->incident) {
		ok = load_files(file->incident, &loaded.instant, error);
		if (ok && file->baseline)
			(void)!load_files(file->baseline, &loaded.baseline, NULL);
	} else {
		ok = load_file(file, &loaded, error);
	}
	if (ok)
		*out = loaded;
	else
		evidence_loaded_deinit(&loaded);
	return ok;
}
