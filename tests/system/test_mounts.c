// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "system/mounts.h"

// Of a container on Linux 6.1.
static const char text[] =
	"471 386 0:52 / / rw,relatime master:174 - overlay overlay rw,lowerdir=/a:/b\n"
	"472 471 0:56 / /proc rw,nosuid - proc proc rw\n"
	"473 471 0:57 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755\n"
	"481 471 0:61 /data /mnt/my\\040data rw shared:3 master:4 - nfs4 server:/data rw\n"
	"482 471 0:62 / /mnt/s3 rw - fuse.s3fs s3fs rw\n"
	"483 471 254:1 /var/lib /etc/hosts rw - ext4 /dev/vda1 rw\n";

static bool parse(const char *data, struct error *error)
{
	struct mounts mounts;
	if (!mounts_parse(data, strlen(data), &mounts, error))
		return false;
	mounts_deinit(&mounts);
	return true;
}

static void mounts_are_parsed(void **state)
{
	(void)state;
	struct mounts mounts;
	assert_ok(mounts_parse(text, strlen(text), &mounts, &error));
	assert_int_equal(6, mounts.list.count);
	assert_int_equal(MOUNT_LOCAL, mounts_find_id(&mounts, 471)->kind);
	assert_int_equal(MOUNT_KERNEL, mounts_find_id(&mounts, 472)->kind);
	assert_int_equal(MOUNT_TMPFS, mounts_find_id(&mounts, 473)->kind);
	const struct mount_entry *nfs = mounts_find_id(&mounts, 481);
	assert_int_equal(MOUNT_REMOTE, nfs->kind);
	assert_string_equal("/mnt/my data", nfs->point);
	assert_string_equal("/data", nfs->root);
	assert_string_equal("nfs4", nfs->type);
	assert_int_equal(MOUNT_REMOTE, mounts_find_device(&mounts, 0, 62)->kind);
	assert_null(mounts_find_id(&mounts, 1));
	assert_null(mounts_find_device(&mounts, 254, 0));
	mounts_deinit(&mounts);
}

static void cut_text_is_refused(void **state)
{
	(void)state;
	lab_cut(text, parse);
	assert_error(ERROR_BAD_DATA, parse("1 2 3:x / / rw - ext4 a b\n", &error));
	assert_error(ERROR_BAD_DATA, parse("1 2 0:99999999999 / / rw - ext4 a b\n", &error));
	assert_error(ERROR_BAD_DATA, parse("1 2 0:1 / / rw shared:1\n", &error));
	assert_error(ERROR_BAD_DATA, parse("1 2 0:1 / / rw -\n", &error));
	assert_ok(parse("1 2 0:1 / /a\\04 rw - ext4 a b\n", &error)); // no octal number
}

static void our_own_are_read(void **state)
{
	(void)state;
	struct mounts mounts;
	int dir = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_ok(mounts_read(dir, &mounts, &error));
	bool found = false;
	VEC_FOREACH (mount, &mounts.list)
		found |= strcmp(mount->point, "/proc") == 0 && mount->kind == MOUNT_KERNEL;
	assert_true(found);
	mounts_deinit(&mounts);
	close(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounts_are_parsed),
		cmocka_unit_test(cut_text_is_refused),
		cmocka_unit_test(our_own_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
