// SPDX-License-Identifier: Apache-2.0
// In: directories of captures. Out: one incident directory, made whole by renaming.
#include "watch/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { PATH_BYTES = 4096, OTHERS_LOOKED_AT = 1000 };

// A process's name goes into a path: only what is harmless there.
static void add_safe_name(char *name, size_t capacity, const char *command)
{
	size_t length = strlen(name);
	for (; *command && length < capacity - 1; command++) {
		bool plain = (*command >= 'a' && *command <= 'z') ||
			     (*command >= 'A' && *command <= 'Z') ||
			     (*command >= '0' && *command <= '9') || strchr("._-", *command);
		name[length++] = plain ? *command : '_';
	}
	name[length] = '\0';
}

static void partial_path(const struct store *store, char *path)
{
	snprintf(path, PATH_BYTES, "%s/%s.partial", store->out, store->name);
}

// Two of the same process may begin within the same second.
static void make_unique(struct store *store)
{
	char path[PATH_BYTES], partial[PATH_BYTES];
	size_t length = strlen(store->name);
	for (int number = 2; number < 100; number++) {
		snprintf(path, sizeof path, "%s/%s", store->out, store->name);
		partial_path(store, partial);
		if (access(path, F_OK) != 0 && access(partial, F_OK) != 0)
			return;
		snprintf(store->name + length, sizeof store->name - length, "-%d", number);
	}
}

void store_begin(struct store *store, const char *out, const char *kind,
		 const struct process_files *process)
{
	struct process_status status = {0};
	time_t now = time(NULL);
	struct tm parts;
	char pid[16], when[32];
	*store = (struct store){0};
	localtime_r(&now, &parts);
	strftime(when, sizeof when, "%Y%m%d-%H%M%S", &parts);
	snprintf(store->name, sizeof store->name, "%s-%s-", kind, when);
	if (process_status_read(process, &status, NULL))
		add_safe_name(store->name, 128, status.name);
	snprintf(pid, sizeof pid, "-%d", process->pid);
	strncat(store->name, pid, sizeof store->name - strlen(store->name) - 1);
	snprintf(store->out, sizeof store->out, "%s", out);
	make_unique(store);
}

// It has its name once it is locked: so nobody takes it for one that was left.
static bool make_locked(const char *path, int *lock)
{
	char fresh[PATH_BYTES + 16];
	snprintf(fresh, sizeof fresh, "%s.new", path);
	if (mkdir(fresh, 0755) != 0)
		return false;
	_cleanup_close_ int fd = open(fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)!flock(fd, LOCK_EX | LOCK_NB); // some file systems have none
	if (fd < 0 || rename(fresh, path) != 0) {
		rmdir(fresh);
		return false;
	}
	*lock = take_fd(&fd);
	return true;
}

void store_next(struct store *store, char *directory, size_t capacity)
{
	char partial[PATH_BYTES];
	partial_path(store, partial);
	if (!store->made) {
		mkdir(store->out, 0755);
		make_unique(store); // somebody may have taken the name since
		partial_path(store, partial);
		store->made = make_locked(partial, &store->lock);
	}
	snprintf(directory, capacity, "%s/capture-%d", partial, ++store->captures);
}

static void remove_directory(const char *path)
{
	DIR *dir = opendir(path);
	if (!dir)
		return;
	for (struct dirent *entry; (entry = readdir(dir));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(path);
}

void store_drop(struct store *store, const char *directory)
{
	if (store->made && directory[0])
		remove_directory(directory);
}

static void copy_file(int from_dir, int to_dir, const char *name)
{
	_cleanup_close_ int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int to =
		openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	char block[1 << 16];
	ssize_t size;
	while (from >= 0 && to >= 0 && (size = read(from, block, sizeof block)) > 0)
		if (write(to, block, (size_t)size) != size)
			return;
}

void store_copy_baseline(const char *directory, const char *incident)
{
	char path[PATH_BYTES + 32];
	snprintf(path, sizeof path, "%s/baseline", incident);
	DIR *dir = opendir(directory);
	if (dir && mkdir(path, 0755) == 0) {
		_cleanup_close_ int to = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		for (struct dirent *entry; to >= 0 && (entry = readdir(dir));)
			if (entry->d_name[0] != '.')
				copy_file(dirfd(dir), to, entry->d_name);
	}
	if (dir)
		closedir(dir);
}

static void sync_directory(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd);
}

// What else there is goes below the incident; most numbers have been dropped on the way.
static void move_others(const struct store *store, const char *incident, const char *baseline)
{
	char partial[PATH_BYTES], from[PATH_BYTES + 32], to[PATH_BYTES + 32];
	int count = 0;
	partial_path(store, partial);
	snprintf(to, sizeof to, "%s/baseline", incident);
	if (baseline[0])
		rename(baseline, to);
	for (int i = store->captures > OTHERS_LOOKED_AT ? store->captures - OTHERS_LOOKED_AT : 1;
	     i <= store->captures; i++) {
		snprintf(from, sizeof from, "%s/capture-%d", partial, i);
		snprintf(to, sizeof to, "%s/earlier-%d", incident, count + 1);
		count += rename(from, to) == 0;
	}
}

// Under its name, or that with a number: an incident is never lost for a name.
static bool rename_to_free(const struct store *store, const char *directory, char *path)
{
	snprintf(path, PATH_BYTES, "%s/%s", store->out, store->name);
	for (int number = 2; rename(directory, path) != 0; number++) {
		if ((errno != ENOTEMPTY && errno != EEXIST) || number == 100)
			return false;
		snprintf(path, PATH_BYTES, "%s/%s-%d", store->out, store->name, number);
	}
	return true;
}

bool store_keep(struct store *store, const char *directory, const char *baseline, char *incident,
		size_t capacity, struct error *error)
{
	char path[PATH_BYTES];
	if (!rename_to_free(store, directory, path))
		return error_set_os(error, errno, "cannot rename %.200s to %.200s", directory,
				    path);
	if (strcmp(directory, baseline) != 0)
		move_others(store, path, baseline);
	else
		move_others(store, path, "");
	sync_directory(path);
	sync_directory(store->out);
	snprintf(incident, capacity, "%s", path);
	return true;
}

void store_remove_partial(const char *path)
{
	char directory[PATH_BYTES + 300];
	DIR *dir = opendir(path);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		snprintf(directory, sizeof directory, "%s/%s", path, entry->d_name);
		if (strncmp(entry->d_name, "capture-", 8) == 0)
			remove_directory(directory);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

void store_end(struct store *store, bool discard)
{
	char partial[PATH_BYTES], directory[PATH_BYTES + 32];
	partial_path(store, partial);
	for (int i = 1; store->made && discard && i <= store->captures; i++) {
		snprintf(directory, sizeof directory, "%s/capture-%d", partial, i);
		remove_directory(directory);
	}
	if (!store->made)
		return;
	rmdir(partial);
	close(store->lock);
	store->made = false;
}
