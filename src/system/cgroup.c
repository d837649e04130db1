// SPDX-License-Identifier: Apache-2.0
// In: the directory of a memory cgroup. Out: samples and the full account, whatever the version.
#include "system/cgroup_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

// v1 writes "no limit" as the largest page count times the page size: 4 KiB to 64 KiB pages.
#define UNLIMITED_FROM ((uint64_t)INT64_MAX - 65536)

static void cleanup_cgroup(struct cgroup **cgroup)
{
	cgroup_close(*cgroup);
}

static bool has_file(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, 0) == 0;
}

static const struct cgroup_kind *find_kind(int dir)
{
	if (has_file(dir, cgroup_kind_v1.files[FILE_USAGE]) &&
	    has_file(dir, cgroup_kind_v1.files[FILE_LIMIT]))
		return &cgroup_kind_v1;
	// The root of v2 has no memory.current, but its memory.stat.
	if (has_file(dir, "cgroup.procs") && has_file(dir, cgroup_kind_v2.files[FILE_STAT]))
		return &cgroup_kind_v2;
	return NULL;
}

static bool open_files(struct cgroup *cgroup, struct error *error)
{
	for (int i = 0; i < FILE_COUNT; i++) {
		const char *name = cgroup->kind->files[i];
		if (!name)
			continue;
		cgroup->fds[i] = openat(cgroup->dir, name, O_RDONLY | O_CLOEXEC);
		if (cgroup->fds[i] < 0 && errno != ENOENT && i != FILE_SLABINFO)
			return error_set_os(error, errno, "cannot open %s/%s", cgroup->path, name);
	}
	return true;
}

static struct cgroup *new_cgroup(void)
{
	struct cgroup *cgroup = alloc_zero(sizeof *cgroup);
	cgroup->dir = -1;
	for (int i = 0; i < FILE_COUNT; i++)
		cgroup->fds[i] = -1;
	return cgroup;
}

// The parent, or NULL where the hierarchy ends: there is no limit file. Cuts `path` to the parent.
static struct cgroup *open_parent(const struct cgroup_kind *kind, char *path)
{
	static const enum cgroup_file needed[] = {
		FILE_LIMIT, FILE_USAGE,      FILE_STAT,        FILE_HIGH,
		FILE_SWAP,  FILE_SWAP_LIMIT, FILE_MEMSW_USAGE, FILE_MEMSW_LIMIT};
	char *slash = strrchr(path, '/');
	if (!slash || slash == path)
		return NULL;
	*slash = '\0';
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return NULL;
	_cleanup_(cleanup_cgroup) struct cgroup *parent = new_cgroup();
	parent->kind = kind;
	parent->path = alloc_string(path);
	for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
		if (kind->files[needed[i]])
			parent->fds[needed[i]] =
				openat(dir, kind->files[needed[i]], O_RDONLY | O_CLOEXEC);
	return parent->fds[FILE_LIMIT] < 0 ? NULL : take_ptr(parent);
}

static void open_ancestors(struct cgroup *cgroup)
{
	_cleanup_free_ char *path = alloc_string(cgroup->path);
	struct cgroup *parent;
	while (cgroup->ancestors.count < CGROUP_DEPTH_MAX &&
	       (parent = open_parent(cgroup->kind, path)))
		vec_push(&cgroup->ancestors, parent);
}

static bool open_directory(const char *path, struct cgroup *cgroup, struct error *error)
{
	cgroup->path = realpath(path, NULL);
	if (cgroup->path)
		cgroup->dir = open(cgroup->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup->dir < 0)
		return errno == ENOENT
			       ? error_set(error, ERROR_NOT_FOUND, "there is no cgroup %s", path)
			       : error_set_os(error, errno, "cannot open cgroup %s", path);
	cgroup->kind = find_kind(cgroup->dir);
	if (cgroup->kind)
		return true;
	error_set(error, ERROR_NOT_FOUND, "%s: no memory controller", path);
	return error_hint(error, "on cgroup v1 give a directory of the memory hierarchy; on v2 the "
				 "parent's cgroup.subtree_control must list memory");
}

bool cgroup_open(const char *path, struct cgroup **cgroup, struct error *error)
{
	_cleanup_(cleanup_cgroup) struct cgroup *opened = new_cgroup();
	if (!open_directory(path, opened, error) || !open_files(opened, error))
		return false;
	open_ancestors(opened);
	*cgroup = take_ptr(opened);
	return true;
}

void cgroup_close(struct cgroup *cgroup)
{
	if (!cgroup)
		return;
	for (int i = 0; i < FILE_COUNT; i++)
		if (cgroup->fds[i] >= 0)
			close(cgroup->fds[i]);
	VEC_FOREACH (ancestor, &cgroup->ancestors)
		cgroup_close(*ancestor);
	vec_deinit(&cgroup->ancestors);
	if (cgroup->dir >= 0)
		close(cgroup->dir);
	free(cgroup->path);
	free(cgroup);
}

enum cgroup_version cgroup_get_version(const struct cgroup *cgroup)
{
	return cgroup->kind->version;
}

const char *cgroup_get_path(const struct cgroup *cgroup)
{
	return cgroup->path;
}

int cgroup_get_dir(const struct cgroup *cgroup)
{
	return cgroup->dir;
}

bool cgroup_gone(const struct cgroup *cgroup)
{
	char byte;
	int fd = cgroup->fds[FILE_STAT];
	if (fd >= 0 && pread(fd, &byte, 1, 0) < 0 && errno == ENODEV)
		return true;
	// After the privileges went, only the descriptor above can tell.
	return faccessat(cgroup->dir, "cgroup.procs", F_OK, 0) != 0 &&
	       (errno == ENOENT || errno == ENODEV);
}

bool cgroup_read_text(struct cgroup *cgroup, enum cgroup_file file, char *text, struct error *error)
{
	text[0] = '\0';
	if (cgroup->fds[file] < 0)
		return true;
	return file_read_into(cgroup->fds[file], cgroup->kind->files[file], text, CGROUP_TEXT_MAX,
			      error) ||
	       error_wrap(error, "cgroup %s", cgroup->path);
}

bool cgroup_read_number(struct cgroup *cgroup, enum cgroup_file file, struct known_u64 *value,
			struct error *error)
{
	char buffer[CGROUP_TEXT_MAX];
	uint64_t number;
	if (cgroup->fds[file] < 0)
		return true;
	if (!cgroup_read_text(cgroup, file, buffer, error))
		return false;
	struct text text = text_over(buffer);
	if (!text_u64(&text, &number) || !text_equals(&text, "\n"))
		return error_set(error, ERROR_BAD_DATA, "cgroup %s: %s holds no number",
				 cgroup->path, cgroup->kind->files[file]);
	*value = known(number);
	return true;
}

bool cgroup_limit_parse(const char *buffer, struct cgroup_limit *limit, struct error *error)
{
	struct text text = text_over(buffer);
	uint64_t bytes = UINT64_MAX;
	if ((!text_skip(&text, "max") && !text_u64(&text, &bytes)) || !text_equals(&text, "\n"))
		return error_set(error, ERROR_BAD_DATA, "not a limit of a cgroup");
	*limit = bytes >= UNLIMITED_FROM ? (struct cgroup_limit){.known = true, .unlimited = true}
					 : (struct cgroup_limit){.known = true, .bytes = bytes};
	return true;
}

bool cgroup_read_limit(struct cgroup *cgroup, enum cgroup_file file, struct cgroup_limit *limit,
		       struct error *error)
{
	char text[CGROUP_TEXT_MAX];
	if (cgroup->fds[file] < 0)
		return true;
	return cgroup_read_text(cgroup, file, text, error) &&
	       (cgroup_limit_parse(text, limit, error) ||
		error_wrap(error, "cgroup %s: %s", cgroup->path, cgroup->kind->files[file]));
}

static const struct cgroup_kind *kind_of(enum cgroup_version version)
{
	return version == CGROUP_V1 ? &cgroup_kind_v1 : &cgroup_kind_v2;
}

bool cgroup_stat_parse(enum cgroup_version version, const char *text, struct cgroup_stat *stat,
		       struct error *error)
{
	const struct cgroup_kind *kind = kind_of(version);
	struct cgroup_stat parsed = *stat;
	if (!text_assign_all(text_over(text), kind->stat_rows, kind->stat_row_count, &parsed,
			     "memory.stat", error))
		return false;
	*stat = parsed;
	return true;
}

bool cgroup_events_parse(enum cgroup_version version, const char *text,
			 struct cgroup_sample *sample, struct error *error)
{
	const struct cgroup_kind *kind = kind_of(version);
	struct cgroup_sample parsed = *sample;
	if (!text_assign_all(text_over(text), kind->event_rows, kind->event_row_count, &parsed,
			     kind->files[FILE_EVENTS], error))
		return false;
	*sample = parsed;
	return true;
}

// One read, not two: the kernel gives a number whole.
bool cgroup_usage(struct cgroup *cgroup, int64_t *bytes)
{
	char buffer[32];
	uint64_t number;
	ssize_t size = cgroup->fds[FILE_USAGE] < 0
			       ? -1
			       : pread(cgroup->fds[FILE_USAGE], buffer, sizeof buffer - 1, 0);
	if (size <= 0 || buffer[size - 1] != '\n')
		return false;
	buffer[size] = '\0';
	struct text text = text_over(buffer);
	if (!text_u64(&text, &number) || number > INT64_MAX)
		return false;
	*bytes = (int64_t)number;
	return true;
}

bool cgroup_sample(struct cgroup *cgroup, struct cgroup_sample *sample, struct error *error)
{
	char text[CGROUP_TEXT_MAX];
	struct cgroup_sample taken = {0};
	if (!cgroup_read_number(cgroup, FILE_USAGE, &taken.usage_bytes, error) ||
	    !cgroup_read_number(cgroup, FILE_LIMIT_HITS, &taken.limit_hits, error) ||
	    !cgroup_read_text(cgroup, FILE_EVENTS, text, error) ||
	    !cgroup_events_parse(cgroup->kind->version, text, &taken, error))
		return false;
	*sample = taken;
	return true;
}

static void lower_limit(struct cgroup_stat *stat, struct cgroup_limit limit, const char *path)
{
	struct cgroup_limit *least = &stat->effective_limit;
	if (!limit.known || (least->known && limit.unlimited))
		return;
	if (least->known && !least->unlimited && least->bytes <= limit.bytes)
		return;
	*least = limit;
	stat->effective_limit_path = path;
}

static bool find_effective_limit(struct cgroup *cgroup, struct cgroup_stat *stat,
				 struct error *error)
{
	lower_limit(stat, stat->limit, cgroup->path);
	VEC_FOREACH (ancestor, &cgroup->ancestors) {
		struct cgroup_limit limit = {0};
		if (!cgroup_read_limit(*ancestor, FILE_LIMIT, &limit, error))
			return false;
		lower_limit(stat, limit, (*ancestor)->path);
	}
	return true;
}

bool cgroup_stat(struct cgroup *cgroup, struct cgroup_stat *stat, struct error *error)
{
	char text[CGROUP_TEXT_MAX];
	struct cgroup_stat taken = {0};
	if (!cgroup_sample(cgroup, &taken.counts, error) ||
	    !cgroup_read_text(cgroup, FILE_STAT, text, error) ||
	    !cgroup_stat_parse(cgroup->kind->version, text, &taken, error) ||
	    !cgroup_read_limit(cgroup, FILE_LIMIT, &taken.limit, error) ||
	    !cgroup_read_number(cgroup, FILE_PEAK, &taken.peak_bytes, error) ||
	    !find_effective_limit(cgroup, &taken, error) ||
	    !cgroup->kind->stat_more(cgroup, &taken, error))
		return false;
	// What lies above the mount has a limit too, and only v1 tells it.
	struct known_u64 above = taken.hierarchical_limit;
	if (above.known && above.value < UNLIMITED_FROM)
		lower_limit(&taken, (struct cgroup_limit){.known = true, .bytes = above.value},
			    NULL);
	*stat = taken;
	return true;
}

size_t cgroup_count_levels(const struct cgroup *cgroup)
{
	return cgroup->ancestors.count + 1;
}

static struct cgroup *get_level(struct cgroup *cgroup, size_t level)
{
	assert(level <= cgroup->ancestors.count);
	return level ? cgroup->ancestors.items[level - 1] : cgroup;
}

const char *cgroup_get_level_path(struct cgroup *cgroup, size_t level)
{
	return get_level(cgroup, level)->path;
}

bool cgroup_stat_level(struct cgroup *cgroup, size_t level, struct cgroup_stat *stat,
		       struct error *error)
{
	return cgroup_stat(get_level(cgroup, level), stat, error);
}
