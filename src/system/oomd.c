// SPDX-License-Identifier: Apache-2.0
// In: a cgroup. Out: whether systemd-oomd says that it killed there.
#include "system/oomd.h"

#include <sys/xattr.h>

#include "system/text_priv.h"

// A removed cgroup still answers through its open directory.
static uint64_t read_mark(struct cgroup *cgroup, size_t level, const char *name)
{
	char text[32];
	uint64_t value;
	ssize_t size = level == 0 ? fgetxattr(cgroup_get_dir(cgroup), name, text, sizeof text)
				  : getxattr(cgroup_get_level_path(cgroup, level), name, text,
					     sizeof text);
	if (size <= 0)
		return 0;
	struct text number = text_over_bytes(text, (size_t)size);
	return text_u64(&number, &value) ? value : 0;
}

static size_t count_levels(const struct cgroup *cgroup)
{
	size_t count = cgroup_count_levels(cgroup);
	return count < OOMD_LEVELS ? count : OOMD_LEVELS;
}

void oomd_read_marks(struct cgroup *cgroup, struct oomd_marks *marks)
{
	*marks = (struct oomd_marks){0};
	for (size_t i = 0; i < count_levels(cgroup); i++)
		marks->levels[i] = read_mark(cgroup, i, "user.oomd_ooms") +
				   read_mark(cgroup, i, "user.oomd_kill");
}

const char *oomd_find_killed(struct cgroup *cgroup, const struct oomd_marks *before,
			     const struct oomd_marks *after)
{
	for (size_t i = 0; i < count_levels(cgroup); i++)
		if (after->levels[i] > before->levels[i])
			return cgroup_get_level_path(cgroup, i);
	return NULL;
}
