// SPDX-License-Identifier: Apache-2.0
// In: what a hold is about to change. Out: it is on disk; and back from there.
#include "watch/hold_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "relief/record.h"
#include "watch/hold_priv.h"

enum { RECORD_BYTES_MAX = PATH_MAX + 512, NAME_MAX_BYTES = 40 };
#define UNLIMITED ((int64_t)-1)

// Numbers of a fixed width, so that each write covers the one before.
#define FORMAT                                                               \
	"whyoom-hold 1\nboot %-36.36s\nversion %d\ninode %020" PRIu64        \
	"\ndisabled %d\nfrozen %d\nhigh %020" PRId64 "\nearlier %020" PRId64 \
	"\nbefore %020" PRId64 "\npath %s\n"
#define SCAN_FORMAT                                                                        \
	"whyoom-hold 1\nboot %36s\nversion %d\ninode %" SCNu64                             \
	"\ndisabled %d\nfrozen %d\nhigh %" SCNd64 "\nearlier %" SCNd64 "\nbefore %" SCNd64 \
	"\npath %n"

// ---- writing ----

int hold_record_write(const struct hold_notes *notes, bool sync)
{
	const struct hold_record *record = &notes->record;
	char text[RECORD_BYTES_MAX];
	if (record->fd < 0)
		return 0;
	int size = snprintf(
		text, sizeof text, FORMAT, record->boot_id, record->version, record->inode,
		notes->disabled, notes->frozen, notes->high_bytes, notes->high_earlier,
		notes->high_before.unlimited ? UNLIMITED : (int64_t)notes->high_before.bytes,
		record->path);
	if (size < 0 || (size_t)size >= sizeof text)
		return ENAMETOOLONG;
	if (pwrite(record->fd, text, (size_t)size, 0) != size)
		return errno ? errno : EIO;
	return sync && fsync(record->fd) != 0 ? errno : 0;
}

void hold_record_clear(const struct hold_notes *notes)
{
	if (notes->record.fd >= 0)
		(void)!ftruncate(notes->record.fd, 0);
}

// ---- reading ----

struct left_record {
	char boot_id[40], path[PATH_MAX];
	int version, disabled, frozen;
	uint64_t inode;
	int64_t high, earlier, before;
};

// False where it holds nothing: all was undone.
static bool read_record(int fd, struct left_record *out)
{
	char text[RECORD_BYTES_MAX + 1];
	struct left_record record = {0};
	int at = 0;
	ssize_t size = pread(fd, text, sizeof text - 1, 0);
	if (size <= 0)
		return false;
	text[size] = '\0';
	if (sscanf(text, SCAN_FORMAT, record.boot_id, &record.version, &record.inode,
		   &record.disabled, &record.frozen, &record.high, &record.earlier, &record.before,
		   &at) != 8 ||
	    at <= 0)
		return false;
	size_t length = strcspn(text + at, "\n");
	if (text[at] != '/' || length >= sizeof record.path || text[at + (int)length] != '\n')
		return false;
	memcpy(record.path, text + at, length);
	*out = record;
	return true;
}

static bool read_number_after(int dir, const char *name, const char *key, int64_t *value)
{
	char text[256];
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !file_read_into(fd, name, text, sizeof text, NULL))
		return false;
	const char *found = strstr(text, key);
	if (found && strncmp(found + strlen(key), "max", 3) == 0)
		*value = UNLIMITED;
	return found &&
	       (*value == UNLIMITED || sscanf(found + strlen(key), "%20" SCNd64, value) == 1);
}

static bool put(int dir, const char *name, int64_t value, struct error *error)
{
	char text[32] = "max";
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
	if (value != UNLIMITED)
		snprintf(text, sizeof text, "%" PRId64, value);
	return (fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text)) ||
	       error_set_os(error, errno, "cannot write %s", name);
}

// Puts one value back if it is still what whyoom made it.
static bool put_back(int dir, const char *name, const char *key, const int64_t ours[2],
		     int64_t before, bool *done, struct error *error)
{
	int64_t now = 0;
	if (!read_number_after(dir, name, key, &now) || (now != ours[0] && now != ours[1]))
		return true;
	*done = true;
	return put(dir, name, before, error);
}

static bool restore(const struct left_record *record, int dir, bool *done, struct error *error)
{
	const int64_t one[2] = {1, 1}, high[2] = {record->high, record->earlier};
	bool ok = true;
	*done = false;
	if (record->version == CGROUP_V1)
		return !record->disabled || put_back(dir, "memory.oom_control", "oom_kill_disable ",
						     one, 0, done, error);
	if (record->high) // first: who is thawed must not be slow
		ok = put_back(dir, "memory.high", "", high, record->before, done, error);
	return (!record->frozen || put_back(dir, "cgroup.freeze", "", one, 0, done, error)) && ok;
}

static void undo(const struct left_record *record, struct hold_left *left)
{
	struct stat stat;
	bool done = false;
	_cleanup_close_ int dir = open(record->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(left->path, sizeof left->path, "%s", record->path);
	left->outcome = HOLD_LEFT_GONE;
	if (dir < 0 || fstat(dir, &stat) != 0 || stat.st_ino != record->inode)
		return;
	if (!restore(record, dir, &done, &left->error))
		left->outcome = HOLD_LEFT_FAILED;
	else
		left->outcome = done ? HOLD_LEFT_RESTORED : HOLD_LEFT_NOT_OURS;
}

// ---- the folder ----

static bool read_boot_id(char *text, size_t capacity)
{
	_cleanup_close_ int fd = -1;
	if (!file_open(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &fd, NULL) ||
	    !file_read_into(fd, "boot_id", text, capacity, NULL))
		return false;
	text[strcspn(text, "\n")] = '\0';
	return true;
}

static void file_name(uint64_t inode, char name[NAME_MAX_BYTES])
{
	snprintf(name, NAME_MAX_BYTES, "hold-%" PRIu64, inode);
}

static bool is_ours(int fd)
{
	struct stat stat;
	return fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_uid == geteuid() &&
	       !(stat.st_mode & (S_IWGRP | S_IWOTH));
}

// False where somebody who lives has it, or there is nothing to say.
static bool recover_one(int dir, const char *name, const char *boot_id, struct hold_left *left)
{
	struct left_record record;
	_cleanup_close_ int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || !is_ours(fd) || flock(fd, LOCK_EX | LOCK_NB) != 0)
		return false;
	// Cgroups do not outlive the machine's boot.
	bool is_left = read_record(fd, &record) && strcmp(record.boot_id, boot_id) == 0;
	if (is_left)
		undo(&record, left);
	if (!is_left || left->outcome != HOLD_LEFT_FAILED)
		unlinkat(dir, name, 0);
	return is_left;
}

static void recover_all(const struct relief_state *state, const char *boot_id,
			hold_left_list *found)
{
	DIR *dir = opendir(state->path);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		_cleanup_free_ struct hold_left *left = alloc_zero(sizeof *left);
		if (strncmp(entry->d_name, "hold-", 5) == 0 &&
		    recover_one(dirfd(dir), entry->d_name, boot_id, left))
			vec_push(found, *left);
	}
	if (dir)
		closedir(dir);
}

bool hold_recover(const char *state_path, hold_left_list *found, struct error *error)
{
	struct relief_state state;
	char boot_id[64];
	if (access(state_path, F_OK) != 0)
		return true;
	if (!read_boot_id(boot_id, sizeof boot_id))
		return error_set(error, ERROR_OS, "cannot tell which boot this is");
	if (!relief_state_open(state_path, &state, error))
		return false;
	recover_all(&state, boot_id, found);
	relief_state_close(&state);
	return true;
}

static bool create(const char *state_path, struct hold_record *record, struct error *error)
{
	struct relief_state state;
	char name[NAME_MAX_BYTES];
	struct error none = {0};
	if (!relief_state_open(state_path, &state, error))
		return false;
	file_name(record->inode, name);
	record->fd = openat(state.dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (record->fd < 0)
		error_set_os(&none, errno, "cannot write %s/%s", state_path, name);
	else if (flock(record->fd, LOCK_EX | LOCK_NB) != 0)
		error_set(&none, ERROR_USAGE, "another whyoom holds the kill in %.300s",
			  record->path);
	else if (fsync(state.dir) != 0)
		error_set_os(&none, errno, "cannot sync %s", state_path);
	relief_state_close(&state);
	if (none.code == ERROR_NONE)
		return true;
	cleanup_close(&record->fd);
	record->fd = -1;
	if (error)
		*error = none;
	return false;
}

bool hold_record_open(const char *state_path, const struct cgroup *cgroup,
		      struct hold_record *record, struct error *error)
{
	struct stat stat;
	*record = (struct hold_record){.fd = -1, .version = (int)cgroup_get_version(cgroup)};
	if (!state_path)
		return true;
	if (fstat(cgroup_get_dir(cgroup), &stat) != 0 ||
	    !read_boot_id(record->boot_id, sizeof record->boot_id))
		return error_set_os(error, errno, "cannot note what is held");
	record->inode = stat.st_ino;
	snprintf(record->path, sizeof record->path, "%s", cgroup_get_path(cgroup));
	return create(state_path, record, error);
}

void hold_record_end(struct hold_record *record, const char *state_path, bool undone)
{
	char name[NAME_MAX_BYTES], path[PATH_MAX + NAME_MAX_BYTES];
	if (record->fd < 0)
		return;
	file_name(record->inode, name);
	snprintf(path, sizeof path, "%s/%s", state_path, name);
	if (undone)
		unlink(path);
	cleanup_close(&record->fd);
	record->fd = -1;
}

struct hold_left_text hold_left_text(const struct hold_left *left)
{
	struct hold_left_text out;
	static const char *const words[] = {
		[HOLD_LEFT_RESTORED] = "its settings are put back",
		[HOLD_LEFT_GONE] = "the cgroup is gone, nothing to undo",
		[HOLD_LEFT_NOT_OURS] = "its settings are not as whyoom left them: not touched",
		[HOLD_LEFT_FAILED] = "",
	};
	snprintf(out.text, sizeof out.text,
		 "a whyoom that was killed with its guard held the kill in %s: %s%s", left->path,
		 words[left->outcome],
		 left->outcome == HOLD_LEFT_FAILED ? left->error.message : "");
	return out;
}
