// SPDX-License-Identifier: Apache-2.0
// Each case forks: what enters the sandbox never comes back. The child's exit code names the
// check that failed, by its line.
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/maps.h"
#include "system/pagemap.h"
#include "system/process.h"
#include "system/sandbox.h"

#define MARK "whyoom sandbox mark"

static char mark[] = MARK;

// In the child: a check that fails ends it with its line's number in the message.
#define check(condition)                                                                       \
	do {                                                                                   \
		if (!(condition)) {                                                            \
			dprintf(2, "line %d: not true: %s (errno %d)\n", __LINE__, #condition, \
				errno);                                                        \
			_exit(1);                                                              \
		}                                                                              \
	} while (0)

#define check_denied(call)             \
	do {                           \
		errno = 0;             \
		check((call) < 0);     \
		check(errno == EPERM); \
	} while (0)

static void enter(enum sandbox_flags flags)
{
	struct error error = {0};
	if (sandbox_enter(flags, &error))
		return;
	dprintf(2, "sandbox_enter: %s\n", error.message);
	_exit(2);
}

static void run(lab_work *work, void *context)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		work(context);
		_exit(0);
	}
	int status = lab_wait(child, 20000);
	if (status != 0)
		fail_msg("the child ended with status %#x", (unsigned int)status);
}

static void check_all_denied(void)
{
	char *const arguments[] = {(char *)(uintptr_t) "/bin/true", NULL};
	check_denied(openat(AT_FDCWD, "/etc/passwd", O_RDONLY));
	check_denied(open("/proc/self/status", O_RDONLY));
	check_denied(socket(AF_INET, SOCK_STREAM, 0));
	check_denied(socket(AF_UNIX, SOCK_STREAM, 0));
	check_denied(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
	check_denied(execve("/bin/true", arguments, NULL));
	check_denied(kill(getppid(), 0));
	check_denied(syscall(SYS_tgkill, getppid(), getppid(), 0));
	check_denied(setuid(0));
	check_denied(unlink("/tmp/whyoom-none"));
	check_denied(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
	check_denied(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
	check_denied(mprotect(mark, 1, PROT_READ | PROT_EXEC));
	check(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	      MAP_FAILED);
}

static void check_memory_works(void)
{
	char *block = malloc(10 << 20);
	check(block != NULL);
	memset(block, 1, 10 << 20);
	block = realloc(block, 20 << 20);
	check(block != NULL);
	free(block);
}

static void as_root(void *context)
{
	(void)context;
	enter(SANDBOX_DEFAULT);
	struct sandbox_report report = sandbox_get_report();
	check(report.uid == 65534 && report.gid == 65534 && report.group_count == 0);
	check(report.capabilities_empty && report.bounding_empty);
	check(report.no_new_privileges && !report.dumpable && report.seccomp_mode == 2);
	check_all_denied();
	check_memory_works();
}

static void root_becomes_nobody(void **state)
{
	(void)state;
	lab_need_root();
	struct sandbox_report before = sandbox_get_report();
	assert_false(before.capabilities_empty);
	run(as_root, NULL);
}

static void as_same_user(void *context)
{
	(void)context;
	uid_t before = geteuid();
	enter(SANDBOX_KEEP_USER);
	struct sandbox_report report = sandbox_get_report();
	check(report.uid == before && report.capabilities_empty);
	check(report.no_new_privileges && report.seccomp_mode == 2);
	check_all_denied();
}

static void the_user_can_be_kept(void **state)
{
	(void)state;
	run(as_same_user, NULL);
}

static void as_plain_user(void *context)
{
	if (geteuid() == 0)
		check(setgid(1234) == 0 && setuid(1234) == 0);
	as_same_user(context);
}

static void a_plain_user_enters_too(void **state)
{
	(void)state;
	run(as_plain_user, NULL);
}

static void read_files(void *context)
{
	struct process_files *files = context;
	struct maps maps;
	struct pagemap_counts counts;
	struct process_status status;
	char bytes[sizeof mark];
	uint64_t page = pagemap_page_bytes(), at = (uintptr_t)mark & ~(page - 1);
	enter(SANDBOX_DEFAULT);
	check(pread(files->mem, bytes, sizeof bytes, (off_t)(uintptr_t)mark) == sizeof bytes);
	check(memcmp(bytes, MARK, sizeof bytes) == 0);
	check(maps_read(files->smaps, "smaps", &maps, NULL));
	const struct mapping *mapping = maps_find(&maps, (uintptr_t)mark);
	check(mapping && mapping->rss_bytes.known && mapping->rss_bytes.value > 0);
	maps_deinit(&maps);
	check(pagemap_count(files->pagemap, at, at + page, &counts, NULL));
	check(counts.present_count == 1);
	uint8_t resident;
	bool zeros_told;
	check(pagemap_fill_resident(files->pagemap, at, at + page, &resident, &zeros_told, NULL));
	check(resident == 1);
	check(process_status_read(files, &status, NULL) && status.vm_rss_bytes.known);
	struct stat stat;
	check(fstat(files->exe, &stat) == 0 && stat.st_size > 0);
	check(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, files->exe, 0) != MAP_FAILED);
}

// The promise of "open first, then drop, then read".
static void open_descriptors_stay_readable(void **state)
{
	(void)state;
	lab_need_root();
	struct process_files files;
	mark[0] = 'w'; // present, and our own copy
	pid_t target = lab_spawn(NULL, NULL, NULL);
	assert_ok(process_files_open("/proc", target, &files, &error));
	run(read_files, &files);
	process_files_close(&files);
	lab_kill(target);
}

static void write_output(void *context)
{
	int fd = *(int *)context;
	enter(SANDBOX_DEFAULT);
	check(write(fd, "report", 6) == 6);
	check(pwrite(fd, "R", 1, 0) == 1);
	check(ftruncate(fd, 3) == 0 && fsync(fd) == 0);
	FILE *stream = fdopen(dup(fd), "w");
	check(stream && fprintf(stream, "more") == 4 && fclose(stream) == 0);
	abort(); // raising at oneself works
}

static void outputs_stay_writable(void **state)
{
	(void)state;
	char path[] = "/tmp/whyoom-test-XXXXXX", bytes[16] = "";
	int fd = mkstemp(path);
	pid_t child = lab_spawn(NULL, write_output, &fd);
	int status = lab_wait(child, 20000);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_true(pread(fd, bytes, sizeof bytes - 1, 0) > 0);
	assert_memory_equal("Rep", bytes, 3);
	assert_string_equal("more", bytes + 6); // where the first write left the position
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_becomes_nobody),
		cmocka_unit_test(the_user_can_be_kept),
		cmocka_unit_test(a_plain_user_enters_too),
		cmocka_unit_test(open_descriptors_stay_readable),
		cmocka_unit_test(outputs_stay_writable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
