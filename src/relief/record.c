// SPDX-License-Identifier: Apache-2.0
// In: a folder, changes that are about to be made. Out: they are on disk, to be undone.
#include "relief/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "relief/record_priv.h"

enum { RECORD_BYTES_MAX = 64 << 10, LOCK_TRIES = 200, LOCK_PAUSE_NS = 10000000 };

static bool is_private(int fd, mode_t kind)
{
	struct stat stat;
	return fstat(fd, &stat) == 0 && (stat.st_mode & S_IFMT) == kind &&
	       stat.st_uid == geteuid() && !(stat.st_mode & (S_IWGRP | S_IWOTH));
}

static bool lock(const struct relief_state *state, struct error *error)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(state->dir, LOCK_EX | LOCK_NB) == 0)
			return true;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_set_os(error, errno, "cannot lock %s", state->path);
		nanosleep(&pause, NULL);
	}
	return error_set(error, ERROR_LIMIT, "another whyoom is changing something (%s is locked)",
			 state->path);
}

bool relief_state_open(const char *path, struct relief_state *out, struct error *error)
{
	struct relief_state state = {.dir = -1};
	snprintf(state.path, sizeof state.path, "%s", path);
	if (mkdir(path, 0700) != 0 && errno != EEXIST) {
		error_set_os(error, errno, "cannot make %s, where it is noted how to undo", path);
		return error_hint(error, "--state DIR names another folder");
	}
	state.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state.dir < 0)
		return error_set_os(error, errno, "cannot open %s", path);
	if (is_private(state.dir, S_IFDIR) ? lock(&state, error)
					   : error_set(error, ERROR_USAGE,
						       "%s is not a folder that only its owner, "
						       "who runs whyoom, may write to",
						       path)) {
		*out = state;
		return true;
	}
	relief_state_close(&state);
	return false;
}

void relief_state_close(struct relief_state *state)
{
	cleanup_close(&state->dir);
	state->dir = -1;
}

bool relief_record_begin(pid_t pid, uint64_t start_ticks, uint64_t inode, const char *path,
			 struct relief_record *out, struct error *error)
{
	struct relief_record record = {.pid = pid, .start_ticks = start_ticks, .inode = inode};
	char text[RELIEF_BOOT_ID_MAX + 2];
	_cleanup_close_ int fd = -1;
	if (!file_open(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &fd, error) ||
	    !file_read_into(fd, "boot_id", text, sizeof text, error))
		return false;
	snprintf(record.boot_id, sizeof record.boot_id, "%.*s", (int)strcspn(text, "\n"), text);
	snprintf(record.path, sizeof record.path, "%s", path);
	*out = record;
	return true;
}

static void file_name(const struct relief_record *record, char name[64])
{
	if (record->pid)
		snprintf(name, 64, "process-%d.json", record->pid);
	else
		snprintf(name, 64, "cgroup-%" PRIu64 ".json", record->inode);
}

void relief_record_path(const struct relief_state *state, const struct relief_record *record,
			char path[PATH_MAX + 64])
{
	char name[64];
	file_name(record, name);
	snprintf(path, PATH_MAX + 64, "%s/%s", state->path, name);
}

bool relief_record_load(const struct relief_state *state, struct relief_record *record, bool *stale,
			struct error *error)
{
	char name[64];
	_cleanup_free_ char *text = NULL;
	size_t size;
	struct relief_record found;
	*stale = false;
	file_name(record, name);
	_cleanup_close_ int fd = openat(state->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return true;
	if (fd < 0)
		return error_set_os(error, errno, "cannot open %s/%s", state->path, name);
	if (!is_private(fd, S_IFREG))
		return error_set(error, ERROR_USAGE, "%s/%s is not ours alone: not used",
				 state->path, name);
	if (!file_read(fd, name, RECORD_BYTES_MAX, &text, &size, error) ||
	    !relief_record_parse(text, size, &found, error))
		return error_wrap(error, "%s/%s", state->path, name);
	*stale = strcmp(found.boot_id, record->boot_id) != 0 || found.pid != record->pid ||
		 found.start_ticks != record->start_ticks || found.inode != record->inode;
	if (!*stale)
		*record = found;
	return true;
}

static struct relief_entry *find(struct relief_record *record, const char *name)
{
	for (size_t i = 0; i < record->count; i++)
		if (strcmp(record->entries[i].name, name) == 0)
			return &record->entries[i];
	return NULL;
}

const struct relief_entry *relief_record_find(const struct relief_record *record, const char *name)
{
	for (size_t i = 0; i < record->count; i++)
		if (strcmp(record->entries[i].name, name) == 0)
			return &record->entries[i];
	return NULL;
}

bool relief_entry_is_ours(const struct relief_entry *entry, int64_t value)
{
	return value == entry->written || (value == entry->earlier && value != entry->before);
}

bool relief_record_add(struct relief_record *record, const char *name, int64_t before,
		       int64_t written, struct error *error)
{
	struct relief_entry *entry = find(record, name);
	bool ours = entry && relief_entry_is_ours(entry, before);
	if (!entry && record->count == RELIEF_ENTRIES_MAX)
		return error_set(error, ERROR_LIMIT, "too many changes of one thing");
	if (!entry)
		entry = &record->entries[record->count++];
	snprintf(entry->name, sizeof entry->name, "%s", name);
	if (!ours)
		entry->before = before;
	entry->earlier = before;
	entry->written = written;
	entry->unix_ns = clock_unix_ns();
	return true;
}

void relief_record_drop(struct relief_record *record, const char *name)
{
	struct relief_entry *entry = find(record, name);
	if (entry)
		*entry = record->entries[--record->count];
}

static bool write_synced(const struct relief_state *state, const char *name, const char *text,
			 struct error *error)
{
	_cleanup_close_ int fd = openat(
		state->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_os(error, errno, "cannot write %s/%s", state->path, name);
	if (!file_write(fd, name, text, strlen(text), error))
		return error_wrap(error, "%s", state->path);
	return fsync(fd) == 0 || error_set_os(error, errno, "cannot sync %s/%s", state->path, name);
}

bool relief_record_store(const struct relief_state *state, const struct relief_record *record,
			 struct error *error)
{
	char name[64], temporary[80];
	file_name(record, name);
	if (!record->count)
		return unlinkat(state->dir, name, 0) == 0 || errno == ENOENT ||
		       error_set_os(error, errno, "cannot remove %s/%s", state->path, name);
	snprintf(temporary, sizeof temporary, "%s.new", name);
	_cleanup_free_ char *text = relief_record_write_text(record);
	if (!text)
		return error_set(error, ERROR_BAD_DATA, "the record cannot be written as text");
	if (!write_synced(state, temporary, text, error))
		return error_hint(error, "nothing was changed: without a note it could not be "
					 "undone");
	if (renameat(state->dir, temporary, state->dir, name) != 0 || fsync(state->dir) != 0)
		return error_set_os(error, errno, "cannot write %s/%s", state->path, name);
	return true;
}
