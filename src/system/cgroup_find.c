// SPDX-License-Identifier: Apache-2.0
// In: /proc/PID/cgroup and mountinfo. Out: the directory of the memory cgroup.
#include "system/cgroup_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define MOUNTINFO_LIMIT_BYTES ((size_t)16 << 20)
#define CGROUP_LIMIT_BYTES    ((size_t)1 << 20)

// One line of /proc/PID/cgroup: "ID:CONTROLLERS:PATH".
struct member {
	bool found;
	char name[PATH_MAX];
};

// One mounted hierarchy.
struct mount {
	bool found;
	char root[PATH_MAX];  // which cgroup is mounted: "/" as a rule
	char point[PATH_MAX]; // where
};

// Is `word` one of those between the commas?
static bool lists(struct text list, const char *word)
{
	struct text part;
	while (text_until(&list, ',', &part))
		if (text_equals(&part, word))
			return true;
	return text_equals(&list, word);
}

static void take_member(struct text line, struct member *v1, struct member *v2)
{
	struct text id, controllers;
	if (!text_until(&line, ':', &id) || !text_until(&line, ':', &controllers))
		return;
	bool unified = text_equals(&id, "0") && text_empty(&controllers);
	struct member *member = unified ? v2 : lists(controllers, "memory") ? v1 : NULL;
	if (!member || text_left(&line) >= PATH_MAX)
		return;
	member->found = true;
	text_copy(&line, member->name, sizeof member->name);
}

static bool read_members(const char *proc_root, pid_t pid, struct member *v1, struct member *v2,
			 struct error *error)
{
	char path[PATH_MAX];
	struct error failure = {0};
	_cleanup_free_ char *data = NULL;
	size_t size;
	snprintf(path, sizeof path, "%s/%d/cgroup", proc_root, (int)pid);
	if (!file_read_path(AT_FDCWD, path, CGROUP_LIMIT_BYTES, &data, &size, &failure)) {
		if (failure.os_errno == ENOENT || failure.os_errno == ESRCH)
			return error_set(error, ERROR_NOT_FOUND, "there is no process %d",
					 (int)pid);
		if (error)
			*error = failure;
		return false;
	}
	struct text all = text_over_bytes(data, size), line;
	while (text_line(&all, &line))
		take_member(line, v1, v2);
	return text_check_end(&all, path, error);
}

// mountinfo writes blanks and backslashes as \ooo.
static bool unescape(struct text text, char *buffer)
{
	size_t used = 0;
	for (; text.at < text.end; text.at++) {
		if (used == PATH_MAX - 1)
			return false;
		char c = *text.at;
		if (c == '\\' && text_left(&text) > 3) {
			c = (char)((text.at[1] - '0') * 64 + (text.at[2] - '0') * 8 +
				   (text.at[3] - '0'));
			text.at += 3;
		}
		buffer[used++] = c;
	}
	buffer[used] = '\0';
	return true;
}

// "36 35 98:0 /root /point rw,... [optional...] - TYPE SOURCE OPTIONS"
static bool take_mount(struct text line, const char *type, const char *option, struct mount *mount)
{
	struct text words[5], skipped;
	for (size_t i = 0; i < 5; i++)
		words[i] = text_word(&line);
	do {
		skipped = text_word(&line);
		if (text_empty(&skipped))
			return false;
	} while (!text_equals(&skipped, "-"));
	struct text found_type = text_word(&line);
	text_word(&line);
	struct text options = text_word(&line);
	if (!text_equals(&found_type, type) || (option && !lists(options, option)))
		return false;
	mount->found = unescape(words[3], mount->root) && unescape(words[4], mount->point);
	return mount->found;
}

// What is left of `name` below the mounted cgroup; NULL when it is not below it.
static const char *name_below(const struct mount *mount, const char *name)
{
	size_t length = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
	if (strncmp(name, mount->root, length) != 0 || strncmp(name, "/..", 3) == 0)
		return NULL;
	return name[length] == '/' || name[length] == '\0' ? name + length : NULL;
}

// The mount that shows `name`; else the last of that kind, so that the message can name it.
static void find_mount(const char *data, size_t size, const char *type, const char *option,
		       const char *name, struct mount *mount)
{
	struct text all = text_over_bytes(data, size), line;
	while (text_line(&all, &line)) {
		struct mount candidate = {0};
		if (!take_mount(line, type, option, &candidate))
			continue;
		*mount = candidate;
		if (name_below(mount, name))
			return;
	}
}

static bool join(const struct mount *mount, const char *name, struct cgroup_place *place,
		 struct error *error)
{
	const char *below = name_below(mount, name);
	if (!below) {
		error_set(error, ERROR_NOT_FOUND,
			  "cgroup %.200s is outside of what is mounted here: %.200s shows %.60s",
			  name, mount->point, mount->root);
		return error_hint(error, "run on the host, or mount the host's cgroups into the "
					 "container and use its cgroup namespace");
	}
	size_t length = strlen(mount->point);
	if (length + strlen(below) >= sizeof place->path)
		return error_set(error, ERROR_LIMIT, "the path of cgroup %.200s is too long", name);
	memcpy(place->path, mount->point, length);
	strcpy(place->path + length, strcmp(below, "/") == 0 ? "" : below);
	strcpy(place->name, name);
	return true;
}

static bool has_memory(const char *path)
{
	char file[PATH_MAX + 16];
	snprintf(file, sizeof file, "%s/%s", path, cgroup_kind_v2.files[FILE_STAT]);
	return access(file, F_OK) == 0;
}

// On v2 a cgroup without the controller is charged to the nearest one above that has it.
static bool climb_to_memory(const struct mount *mount, struct cgroup_place *place,
			    struct error *error)
{
	while (!has_memory(place->path)) {
		char *slash = strrchr(place->path, '/'), *name = strrchr(place->name, '/');
		if (strlen(place->path) <= strlen(mount->point) || !slash || !name)
			return error_set(error, ERROR_NOT_FOUND,
					 "no memory controller: it is neither mounted as cgroup v1 "
					 "nor enabled in the cgroup v2 at %.300s",
					 mount->point);
		*slash = '\0';
		name[name == place->name] = '\0';
	}
	return true;
}

static bool find_v2(const char *data, size_t size, const struct member *member,
		    struct cgroup_place *place, struct error *error)
{
	struct mount mount = {0};
	find_mount(data, size, "cgroup2", NULL, member->name, &mount);
	if (!member->found || !mount.found)
		return error_set(
			error, ERROR_NOT_FOUND,
			"no memory controller: no cgroup hierarchy with it is mounted here");
	place->version = CGROUP_V2;
	return join(&mount, member->name, place, error) && climb_to_memory(&mount, place, error);
}

bool cgroup_find(const char *proc_root, const char *mountinfo_path, pid_t pid,
		 struct cgroup_place *place, struct error *error)
{
	struct member v1 = {0}, v2 = {0};
	struct mount mount = {0};
	_cleanup_free_ char *data = NULL;
	_cleanup_free_ struct cgroup_place *found = alloc_zero(sizeof *found);
	size_t size;
	if (!read_members(proc_root, pid, &v1, &v2, error) ||
	    !file_read_path(AT_FDCWD, mountinfo_path, MOUNTINFO_LIMIT_BYTES, &data, &size, error))
		return false;
	if (v1.found)
		find_mount(data, size, "cgroup", "memory", v1.name, &mount);
	found->version = CGROUP_V1;
	if (mount.found ? !join(&mount, v1.name, found, error)
			: !find_v2(data, size, &v2, found, error))
		return false;
	*place = *found;
	return true;
}

bool cgroup_find_top(const char *proc_root, const char *mountinfo_path, struct cgroup_place *place,
		     struct error *error)
{
	struct member v1 = {0}, v2 = {0};
	struct mount mount = {0};
	_cleanup_free_ char *data = NULL;
	size_t size;
	if (!read_members(proc_root, getpid(), &v1, &v2, error) ||
	    !file_read_path(AT_FDCWD, mountinfo_path, MOUNTINFO_LIMIT_BYTES, &data, &size, error))
		return false;
	if (v1.found)
		find_mount(data, size, "cgroup", "memory", "/", &mount);
	place->version = mount.found ? CGROUP_V1 : CGROUP_V2;
	if (!mount.found)
		find_mount(data, size, "cgroup2", NULL, "/", &mount);
	if (!mount.found)
		return error_set(error, ERROR_NOT_FOUND,
				 "no cgroup hierarchy with the memory controller is mounted here");
	strcpy(place->path, mount.point);
	strcpy(place->name, mount.root);
	return true;
}
