// SPDX-License-Identifier: Apache-2.0
// In: the directories of the container runtimes. Out: the ids of containers, and their open files.
#include "system/container_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { ENTRIES_MAX = 100000 };

static const struct container_place places[] = {
	{CONTAINER_ROOT_DOCKER, "containers/ID/config.v2.json", CONTAINER_FILE_DOCKER,
	 CONTAINER_DOCKER},
	{CONTAINER_ROOT_DOCKER_RUN, "runtime-runc/moby/ID/state.json", CONTAINER_FILE_RUNC,
	 CONTAINER_DOCKER},
	{CONTAINER_ROOT_CONTAINERD_STATE, "io.containerd.runtime.v2.task/NS/ID/config.json",
	 CONTAINER_FILE_OCI, CONTAINER_CONTAINERD},
	{CONTAINER_ROOT_CONTAINERD_STATE, "runc/NS/ID/state.json", CONTAINER_FILE_RUNC,
	 CONTAINER_CONTAINERD},
	// By the driver of containers/storage: the usual one first.
	{CONTAINER_ROOT_STORAGE_RUN, "overlay-containers/ID/userdata/config.json",
	 CONTAINER_FILE_OCI, CONTAINER_RUNTIME_UNKNOWN},
	{CONTAINER_ROOT_STORAGE, "overlay-containers/ID/userdata/config.json", CONTAINER_FILE_OCI,
	 CONTAINER_RUNTIME_UNKNOWN},
	{CONTAINER_ROOT_STORAGE, "overlay-containers/containers.json", CONTAINER_FILE_STORAGE,
	 CONTAINER_RUNTIME_UNKNOWN},
	{CONTAINER_ROOT_STORAGE_RUN, "vfs-containers/ID/userdata/config.json", CONTAINER_FILE_OCI,
	 CONTAINER_RUNTIME_UNKNOWN},
	{CONTAINER_ROOT_STORAGE, "vfs-containers/ID/userdata/config.json", CONTAINER_FILE_OCI,
	 CONTAINER_RUNTIME_UNKNOWN},
	{CONTAINER_ROOT_STORAGE, "vfs-containers/containers.json", CONTAINER_FILE_STORAGE,
	 CONTAINER_RUNTIME_UNKNOWN},
	{CONTAINER_ROOT_STORAGE_RUN, "btrfs-containers/ID/userdata/config.json", CONTAINER_FILE_OCI,
	 CONTAINER_RUNTIME_UNKNOWN},
	{CONTAINER_ROOT_STORAGE, "btrfs-containers/ID/userdata/config.json", CONTAINER_FILE_OCI,
	 CONTAINER_RUNTIME_UNKNOWN},
	{CONTAINER_ROOT_STORAGE, "btrfs-containers/containers.json", CONTAINER_FILE_STORAGE,
	 CONTAINER_RUNTIME_UNKNOWN},
	{CONTAINER_ROOT_STORAGE_RUN, "zfs-containers/ID/userdata/config.json", CONTAINER_FILE_OCI,
	 CONTAINER_RUNTIME_UNKNOWN},
	{CONTAINER_ROOT_STORAGE, "zfs-containers/ID/userdata/config.json", CONTAINER_FILE_OCI,
	 CONTAINER_RUNTIME_UNKNOWN},
	{CONTAINER_ROOT_STORAGE, "zfs-containers/containers.json", CONTAINER_FILE_STORAGE,
	 CONTAINER_RUNTIME_UNKNOWN},
	{CONTAINER_ROOT_CONTAINERD, "io.containerd.metadata.v1.bolt/meta.db", CONTAINER_FILE_BOLT,
	 CONTAINER_CONTAINERD},
	{CONTAINER_ROOT_RUNC, "ID/state.json", CONTAINER_FILE_RUNC, CONTAINER_RUNTIME_UNKNOWN},
};

static const struct {
	const char *key, *usual[CONTAINER_ROOTS_MAX];
} root_rows[CONTAINER_ROOT_COUNT] = {
	[CONTAINER_ROOT_DOCKER] = {"docker", {"/var/lib/docker"}},
	[CONTAINER_ROOT_DOCKER_RUN] = {"docker-run", {"/run/docker"}},
	[CONTAINER_ROOT_CONTAINERD] = {"containerd",
				       {"/var/lib/containerd",
					"/var/lib/rancher/k3s/agent/containerd"}},
	[CONTAINER_ROOT_CONTAINERD_STATE] = {"containerd-state",
					     {"/run/containerd", "/run/k3s/containerd"}},
	[CONTAINER_ROOT_RUNC] = {"runc", {"/run/runc"}},
	[CONTAINER_ROOT_STORAGE] = {"storage", {"/var/lib/containers/storage"}},
	[CONTAINER_ROOT_STORAGE_RUN] = {"storage-run",
					{"/run/containers/storage", "/var/run/containers/storage"}},
};

// Adds a path behind those that are there.
static bool add_root(struct container_roots *roots, enum container_root root, const char *path,
		     size_t length)
{
	for (size_t i = 0; i < CONTAINER_ROOTS_MAX; i++) {
		char *slot = roots->paths[root][i];
		if (slot[0])
			continue;
		if (length >= CONTAINER_ROOT_PATH_MAX)
			return false;
		memcpy(slot, path, length);
		slot[length] = '\0';
		return true;
	}
	return false;
}

static bool add_named(struct container_roots *roots, const char *row, size_t length,
		      struct error *error)
{
	const char *equals = memchr(row, '=', length);
	size_t key_length = equals ? (size_t)(equals - row) : 0;
	for (enum container_root root = 0; equals && root < CONTAINER_ROOT_COUNT; root++) {
		if (strlen(root_rows[root].key) != key_length ||
		    memcmp(root_rows[root].key, row, key_length) != 0)
			continue;
		if (equals[1] == '/' && add_root(roots, root, equals + 1, length - key_length - 1))
			return true;
		break;
	}
	error_set(error, ERROR_USAGE, "%s: cannot use \"%.*s\"", CONTAINER_ROOTS_VARIABLE,
		  length > 200 ? 200 : (int)length, row);
	return error_hint(error, "it is KEY=/PATH:KEY=/PATH, with the keys docker, docker-run, "
				 "containerd, containerd-state, runc, storage, storage-run");
}

bool container_roots_init(struct container_roots *roots, const char *more, struct error *error)
{
	*roots = (struct container_roots){.proc = "/proc", .mountinfo = "/proc/self/mountinfo"};
	while (more && *more) {
		size_t length = strcspn(more, ":");
		if (length && !add_named(roots, more, length, error))
			return false;
		more += length;
		more += *more == ':';
	}
	for (enum container_root root = 0; root < CONTAINER_ROOT_COUNT; root++)
		for (size_t i = 0; i < CONTAINER_ROOTS_MAX && root_rows[root].usual[i]; i++)
			(void)add_root(roots, root, root_rows[root].usual[i],
				       strlen(root_rows[root].usual[i]));
	return true;
}

bool container_key_equal(const struct container_key *a, const struct container_key *b)
{
	return strcmp(a->id, b->id) == 0 && (container_id_is_made_up(a->id) ||
					     strcmp(a->namespace_name, b->namespace_name) == 0);
}

struct walk {
	const struct container_place *place;
	const struct container_key *wanted; // NULL: all
	struct container_key key;           // where the walk is
	int64_t entries_left;
	bool denied;
	void (*arrive)(struct walk *walk, int dir, const char *file);
	void *context;
};

// Names as runtimes allow them; neither "." nor "..".
static bool is_name(const char *name, size_t capacity)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.+-";
	size_t length = strspn(name, allowed);
	return length && !name[length] && length < capacity && name[0] != '.';
}

static void note_denial(struct walk *walk)
{
	walk->denied = walk->denied || errno == EACCES || errno == EPERM;
}

static void walk_pattern(struct walk *walk, int dir, const char *pattern);

static void walk_into(struct walk *walk, int dir, const char *name, const char *rest)
{
	_cleanup_close_ int below =
		openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below < 0)
		note_denial(walk);
	else
		walk_pattern(walk, below, rest);
}

static void walk_named(struct walk *walk, int dir, const char *name, char *slot, size_t capacity,
		       const char *rest)
{
	if (!is_name(name, capacity))
		return;
	strcpy(slot, name);
	walk_into(walk, dir, name, rest);
	slot[0] = '\0';
}

static void walk_all(struct walk *walk, int dir, char *slot, size_t capacity, const char *rest)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	while (entries && walk->entries_left > 0 && (entry = readdir(entries))) {
		walk->entries_left--;
		if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN)
			walk_named(walk, dir, entry->d_name, slot, capacity, rest);
	}
	if (entries)
		closedir(entries);
	else if (copy >= 0)
		close(copy);
}

static void walk_pattern(struct walk *walk, int dir, const char *pattern)
{
	char name[64];
	const char *slash = strchr(pattern, '/'), *wanted = NULL;
	if (!slash) {
		walk->arrive(walk, dir, pattern);
		return;
	}
	snprintf(name, sizeof name, "%.*s", (int)(slash - pattern), pattern);
	bool is_id = strcmp(name, "ID") == 0;
	if (!is_id && strcmp(name, "NS") != 0) {
		walk_into(walk, dir, name, slash + 1);
		return;
	}
	char *slot = is_id ? walk->key.id : walk->key.namespace_name;
	size_t capacity = is_id ? sizeof walk->key.id : sizeof walk->key.namespace_name;
	if (walk->wanted)
		wanted = is_id ? walk->wanted->id : walk->wanted->namespace_name;
	if (wanted && wanted[0])
		walk_named(walk, dir, wanted, slot, capacity, slash + 1);
	else
		walk_all(walk, dir, slot, capacity, slash + 1);
}

static bool walk_places(const struct container_roots *roots, struct walk *walk)
{
	walk->entries_left = ENTRIES_MAX;
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		walk->place = &places[i];
		for (size_t j = 0; j < CONTAINER_ROOTS_MAX; j++) {
			const char *path = roots->paths[places[i].root][j];
			_cleanup_close_ int root =
				path[0] ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
			if (root >= 0)
				walk_pattern(walk, root, places[i].pattern);
			else if (path[0])
				note_denial(walk);
		}
	}
	return walk->entries_left > 0;
}

struct listing {
	void (*see)(void *context, const struct container_place *place,
		    const struct container_key *key);
	void *context;
};

static void list_one(struct walk *walk, int dir, const char *file)
{
	const struct listing *listing = walk->context;
	if (walk->key.id[0] && faccessat(dir, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		listing->see(listing->context, walk->place, &walk->key);
}

bool container_places_list(const struct container_roots *roots,
			   void (*see)(void *context, const struct container_place *place,
				       const struct container_key *key),
			   void *context)
{
	struct listing listing = {.see = see, .context = context};
	struct walk walk = {.arrive = list_one, .context = &listing};
	return walk_places(roots, &walk);
}

// A regular file and nothing else: no pipe to wait for, no link to elsewhere.
static int open_regular(int dir, const char *file)
{
	char link[32];
	struct stat stat;
	_cleanup_close_ int place = openat(dir, file, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0 || fstat(place, &stat) != 0 || !S_ISREG(stat.st_mode))
		return -1;
	snprintf(link, sizeof link, "/proc/self/fd/%d", place);
	return open(link, O_RDONLY | O_CLOEXEC);
}

static bool is_open(const struct container_sources *sources, const struct walk *walk)
{
	VEC_FOREACH (file, &sources->files)
		if (file->place == walk->place && strcmp(file->key.id, walk->key.id) == 0 &&
		    strcmp(file->key.namespace_name, walk->key.namespace_name) == 0)
			return true;
	return false;
}

static void open_one(struct walk *walk, int dir, const char *file)
{
	struct container_sources *sources = walk->context;
	// The first root that has it counts; of the files about all containers each may.
	if (walk->key.id[0] && is_open(sources, walk))
		return;
	if (sources->files.count >= CONTAINER_SOURCES_MAX) {
		sources->too_many = true;
		return;
	}
	errno = 0;
	int fd = open_regular(dir, file);
	if (fd < 0)
		note_denial(walk);
	else
		vec_push(&sources->files, {.place = walk->place, .key = walk->key, .fd = fd});
}

static bool has_shared(const struct container_sources *sources)
{
	VEC_FOREACH (file, &sources->files)
		if (!file->key.id[0])
			return true;
	return false;
}

static void open_one_own(struct walk *walk, int dir, const char *file)
{
	if (walk->key.id[0])
		open_one(walk, dir, file);
}

void container_places_open(const struct container_roots *roots, const struct container_key *key,
			   struct container_sources *sources)
{
	struct walk walk = {.wanted = key,
			    .arrive = has_shared(sources) ? open_one_own : open_one,
			    .context = sources};
	if (!walk_places(roots, &walk))
		sources->too_many = true;
	sources->denied = sources->denied || walk.denied;
}

void container_sources_deinit(struct container_sources *sources)
{
	VEC_FOREACH (file, &sources->files)
		close(file->fd);
	vec_deinit(&sources->files);
}
