// SPDX-License-Identifier: Apache-2.0
// In: a directory. Out: a process that is its owner and can open no file elsewhere.
#include "system/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

// As they are in Linux 6.2; <linux/landlock.h> of older headers lacks the newer ones.
#define ACCESS_REFER    (1ULL << 13)
#define ACCESS_TRUNCATE (1ULL << 14)

enum { ABI_REFER = 2, ABI_TRUNCATE = 3 };

static const uint64_t all_of_abi_1 = (1ULL << 13) - 1;
static const uint64_t allowed_of_abi_1 =
	LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE |
	LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE;

static bool become_owner(int dir, const char *path, struct error *error)
{
	struct stat status;
	if (fstat(dir, &status) != 0)
		return error_set_os(error, errno, "cannot look at %.300s", path);
	if (geteuid() != 0 || status.st_uid == 0)
		return true;
	if (setgroups(0, NULL) != 0 ||
	    setresgid(status.st_gid, status.st_gid, status.st_gid) != 0 ||
	    setresuid(status.st_uid, status.st_uid, status.st_uid) != 0)
		return error_set_os(error, errno, "cannot become the owner of %.300s", path);
	return true;
}

static bool hold_in(int dir, struct error *error)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1)
		return true; // this kernel has none, or it is switched off
	uint64_t later =
		(abi >= ABI_REFER ? ACCESS_REFER : 0) | (abi >= ABI_TRUNCATE ? ACCESS_TRUNCATE : 0);
	uint64_t allowed = allowed_of_abi_1 | (later & ACCESS_TRUNCATE);
	struct landlock_ruleset_attr handled = {.handled_access_fs = all_of_abi_1 | later};
	struct landlock_path_beneath_attr below = {.allowed_access = allowed, .parent_fd = dir};
	_cleanup_close_ int rules =
		(int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
	if (rules < 0 ||
	    syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		return error_set_os(error, errno, "cannot confine the process to a directory");
	return true;
}

bool confine_to_directory(const char *directory, struct error *error)
{
	tzset(); // reads a file
	_cleanup_close_ int dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_set_os(error, errno, "cannot open the directory %.300s", directory);
	return become_owner(dir, directory, error) && hold_in(dir, error);
}
