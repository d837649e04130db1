// SPDX-License-Identifier: Apache-2.0
// In: mountinfo. Out: a table of mounts, and of which kind each is.
#include "system/mounts.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "system/text_priv.h"

static const struct {
	const char *type;
	enum mount_kind kind;
} kinds[] = {
	{"tmpfs", MOUNT_TMPFS},      {"devtmpfs", MOUNT_TMPFS},     {"nfs", MOUNT_REMOTE},
	{"nfs4", MOUNT_REMOTE},      {"cifs", MOUNT_REMOTE},        {"smb3", MOUNT_REMOTE},
	{"smbfs", MOUNT_REMOTE},     {"ceph", MOUNT_REMOTE},        {"afs", MOUNT_REMOTE},
	{"coda", MOUNT_REMOTE},      {"9p", MOUNT_REMOTE},          {"virtiofs", MOUNT_REMOTE},
	{"lustre", MOUNT_REMOTE},    {"gpfs", MOUNT_REMOTE},        {"gfs2", MOUNT_REMOTE},
	{"ocfs2", MOUNT_REMOTE},     {"orangefs", MOUNT_REMOTE},    {"beegfs", MOUNT_REMOTE},
	{"autofs", MOUNT_REMOTE},    {"fuse", MOUNT_REMOTE},        {"fuseblk", MOUNT_REMOTE},
	{"proc", MOUNT_KERNEL},      {"sysfs", MOUNT_KERNEL},       {"cgroup", MOUNT_KERNEL},
	{"cgroup2", MOUNT_KERNEL},   {"devpts", MOUNT_KERNEL},      {"mqueue", MOUNT_KERNEL},
	{"hugetlbfs", MOUNT_KERNEL}, // its pages are no page cache
	{"debugfs", MOUNT_KERNEL},   {"tracefs", MOUNT_KERNEL},     {"securityfs", MOUNT_KERNEL},
	{"selinuxfs", MOUNT_KERNEL}, {"smackfs", MOUNT_KERNEL},     {"configfs", MOUNT_KERNEL},
	{"fusectl", MOUNT_KERNEL},   {"pstore", MOUNT_KERNEL},      {"efivarfs", MOUNT_KERNEL},
	{"bpf", MOUNT_KERNEL},       {"binfmt_misc", MOUNT_KERNEL}, {"rpc_pipefs", MOUNT_KERNEL},
	{"nsfs", MOUNT_KERNEL},      {"resctrl", MOUNT_KERNEL},
};

enum mount_kind mount_kind_of(const char *type)
{
	if (strncmp(type, "fuse.", 5) == 0)
		return MOUNT_REMOTE;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].type, type) == 0)
			return kinds[i].kind;
	return MOUNT_LOCAL;
}

void mounts_deinit(struct mounts *mounts)
{
	vec_deinit(&mounts->list);
	arena_deinit(&mounts->texts);
}

// mountinfo writes blanks and backslashes as \ooo.
static const char *unescape(struct mounts *mounts, struct text text)
{
	char *copy = arena_string(&mounts->texts, text.at, text_left(&text)), *to = copy;
	if (!copy)
		return "";
	for (const char *from = copy; *from; from++) {
		bool octal = from[0] == '\\' && from[1] >= '0' && from[1] <= '3' &&
			     from[2] >= '0' && from[2] <= '7' && from[3] >= '0' && from[3] <= '7';
		*to++ = octal ? (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + from[3] - '0')
			      : *from;
		from += octal ? 3 : 0;
	}
	*to = '\0';
	return copy;
}

// "36 35 98:0 /root /point rw,... [optional...] - TYPE SOURCE OPTIONS"
static bool take_mount(struct text line, struct mounts *mounts, struct mount_entry *mount)
{
	uint64_t id, parent, major, minor;
	if (!text_u64(&line, &id) || !text_skip(&line, " ") || !text_u64(&line, &parent) ||
	    !text_skip(&line, " ") || !text_u64(&line, &major) || !text_skip(&line, ":") ||
	    !text_u64(&line, &minor) || major > UINT32_MAX || minor > UINT32_MAX)
		return false;
	struct text root = text_word(&line), point = text_word(&line), word;
	do {
		word = text_word(&line);
		if (text_empty(&word))
			return false;
	} while (!text_equals(&word, "-"));
	word = text_word(&line);
	if (text_empty(&word) || text_empty(&point))
		return false;
	*mount = (struct mount_entry){
		.id = id,
		.device_major = (uint32_t)major,
		.device_minor = (uint32_t)minor,
		.type = unescape(mounts, word),
		.root = unescape(mounts, root),
		.point = unescape(mounts, point),
	};
	mount->kind = mount_kind_of(mount->type);
	return true;
}

bool mounts_parse(const char *data, size_t size, struct mounts *out, struct error *error)
{
	_cleanup_(mounts_deinit) struct mounts mounts = {0};
	struct text all = text_over_bytes(data, size), line;
	while (text_line(&all, &line)) {
		struct mount_entry mount;
		if (!take_mount(line, &mounts, &mount))
			return error_set(error, ERROR_BAD_DATA,
					 "mountinfo: line %zu is not one of it",
					 mounts.list.count + 1);
		if (mounts.list.count == MOUNTS_COUNT_LIMIT)
			return error_set(error, ERROR_LIMIT, "more than %d mounts",
					 MOUNTS_COUNT_LIMIT);
		vec_push(&mounts.list, mount);
	}
	if (!text_check_end(&all, "mountinfo", error))
		return false;
	*out = mounts;
	mounts = (struct mounts){0};
	return true;
}

bool mounts_read(int dir, struct mounts *mounts, struct error *error)
{
	_cleanup_free_ char *data = NULL;
	size_t size;
	return file_read_path(dir, "mountinfo", MOUNTS_TEXT_LIMIT_BYTES, &data, &size, error) &&
	       mounts_parse(data, size, mounts, error);
}

const struct mount_entry *mounts_find_id(const struct mounts *mounts, uint64_t id)
{
	VEC_FOREACH (mount, &mounts->list)
		if (mount->id == id)
			return mount;
	return NULL;
}

const struct mount_entry *mounts_find_device(const struct mounts *mounts, uint32_t device_major,
					     uint32_t device_minor)
{
	VEC_FOREACH (mount, &mounts->list)
		if (mount->device_major == device_major && mount->device_minor == device_minor)
			return mount;
	return NULL;
}
