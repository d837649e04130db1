// SPDX-License-Identifier: Apache-2.0
// A process that is confined to a directory works there, as its owner, and reaches nothing else.
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/confine.h"
#include "system/sandbox.h"

enum { OWNER = 12345 };

#define check(condition)                 \
	do {                             \
		if (!(condition))        \
			return __LINE__; \
	} while (0)

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static bool opens(const char *directory, const char *name, int flags)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	int fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

// Returns the line of what went wrong, 0 when all is well.
static int work(const char *inside, const char *outside, uid_t owner)
{
	struct error error = {0};
	char path[200], other[200];
	check(confine_to_directory(inside, &error));
	check(sandbox_enter(SANDBOX_KEEP_USER | SANDBOX_FILES, &error));
	check(sandbox_get_report().uid == owner && sandbox_get_report().capabilities_empty);
	check(opens(inside, "new", O_RDWR | O_CREAT | O_EXCL));
	snprintf(path, sizeof path, "%s/new", inside);
	snprintf(other, sizeof other, "%s/other", inside);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	check(fd >= 0 && ftruncate(fd, 4096) == 0);
	void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(shared != MAP_FAILED);
	check(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) == MAP_FAILED);
	check(rename(path, other) == 0 && unlink(other) == 0);
	check(socket(AF_UNIX, SOCK_STREAM, 0) < 0);
	check(execl("/bin/true", "true", NULL) < 0);
	if (!has_landlock())
		return 0;
	check(!opens(outside, "file", O_RDONLY));
	check(!opens(outside, "file", O_WRONLY));
	check(!opens(outside, "new", O_WRONLY | O_CREAT));
	check(!opens("/etc", "passwd", O_RDONLY));
	check(!opens(inside, "link", O_RDONLY));
	return 0;
}

static void confine(uid_t owner)
{
	struct lab_dir inside, outside;
	char target[100], link[100];
	int status;
	lab_dir_make(&inside);
	lab_dir_make(&outside);
	lab_dir_write(&outside, "file", "precious");
	snprintf(target, sizeof target, "%s/file", outside.path);
	snprintf(link, sizeof link, "%s/link", inside.path);
	assert_int_equal(0, symlink(target, link));
	assert_int_equal(0, chown(inside.path, owner, owner));
	pid_t child = fork();
	if (child == 0)
		_exit(work(inside.path, outside.path, owner) & 0xff);
	assert_int_equal(child, waitpid(child, &status, 0));
	assert_true(WIFEXITED(status));
	assert_int_equal(0, WEXITSTATUS(status)); // else the line above
	lab_dir_remove(&inside);
	lab_dir_remove(&outside);
}

static void root_works_in_a_directory_of_root(void **state)
{
	(void)state;
	lab_need_root();
	confine(0);
}

static void root_becomes_the_owner(void **state)
{
	(void)state;
	lab_need_root();
	confine(OWNER);
}

static void a_directory_that_is_not_there(void **state)
{
	(void)state;
	assert_error(ERROR_OS, confine_to_directory("/no/such/directory", &error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_works_in_a_directory_of_root),
		cmocka_unit_test(root_becomes_the_owner),
		cmocka_unit_test(a_directory_that_is_not_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
