// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/cgroup.h"

void lab_need_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("skipped: needs root\n");
	skip();
}

void lab_dir_make(struct lab_dir *dir)
{
	strcpy(dir->path, "/tmp/whyoom-test-XXXXXX");
	assert_non_null(mkdtemp(dir->path));
}

void lab_dir_write(const struct lab_dir *dir, const char *name, const char *text)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", dir->path, name);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(0, fclose(file));
}

void lab_dir_remove(const struct lab_dir *dir)
{
	char command[PATH_MAX];
	snprintf(command, sizeof command, "rm -rf %s", dir->path);
	assert_int_equal(0, system(command));
}

// Cgroups of tests that failed half-way, and what still sleeps in them.
static struct lab_cgroup made[32];
static size_t made_count;
static pid_t maker;

static void write_if_there(const struct lab_cgroup *cgroup, const char *file, const char *text)
{
	char path[PATH_MAX + 64];
	snprintf(path, sizeof path, "%s/%s", cgroup->path, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, text, strlen(text));
	close(fd);
}

static void kill_all_in(const struct lab_cgroup *cgroup)
{
	char path[PATH_MAX + 64];
	int pid;
	snprintf(path, sizeof path, "%s/cgroup.procs", cgroup->path);
	FILE *file = fopen(path, "re");
	while (file && fscanf(file, "%d", &pid) == 1)
		if (pid > 1 && pid != getpid())
			kill(pid, SIGKILL);
	if (file)
		fclose(file);
}

static void remove_leftovers(void)
{
	if (getpid() != maker)
		return;
	for (size_t i = made_count; i-- > 0;) {
		if (access(made[i].path, F_OK) != 0)
			continue;
		write_if_there(&made[i], "memory.oom_control", "0");
		kill_all_in(&made[i]);
		for (int try = 0; try < 100 && rmdir(made[i].path) != 0; try++)
			lab_sleep_ms(10);
	}
}

static void remember(const struct lab_cgroup *cgroup)
{
	if (!made_count)
		atexit(remove_leftovers);
	maker = getpid();
	if (made_count < sizeof made / sizeof made[0])
		made[made_count++] = *cgroup;
}

void lab_cgroup_make(struct lab_cgroup *cgroup, const char *name, uint64_t limit_bytes)
{
	static struct cgroup_place place;
	char text[32];
	lab_need_root();
	if (!cgroup_find("/proc", "/proc/self/mountinfo", getpid(), &place, NULL) ||
	    place.version != CGROUP_V1) {
		print_message("skipped: no memory controller of cgroup v1\n");
		skip();
	}
	snprintf(cgroup->path, sizeof cgroup->path, "%.3000s/whyoom-test-%s-%d", place.path, name,
		 (int)getpid());
	snprintf(cgroup->name, sizeof cgroup->name, "%.3000s/whyoom-test-%s-%d",
		 strcmp(place.name, "/") == 0 ? "" : place.name, name, (int)getpid());
	if (mkdir(cgroup->path, 0755) != 0) {
		print_message("skipped: cannot make a cgroup: %s\n", strerror(errno));
		skip();
	}
	remember(cgroup);
	snprintf(text, sizeof text, "%llu", (unsigned long long)limit_bytes);
	if (limit_bytes)
		lab_cgroup_write(cgroup, "memory.limit_in_bytes", text);
}

void lab_cgroup_make_below(const struct lab_cgroup *above, struct lab_cgroup *cgroup)
{
	snprintf(cgroup->path, sizeof cgroup->path, "%.3500s/below", above->path);
	snprintf(cgroup->name, sizeof cgroup->name, "%.3500s/below", above->name);
	assert_int_equal(0, mkdir(cgroup->path, 0755));
	remember(cgroup);
}

void lab_cgroup_write(const struct lab_cgroup *cgroup, const char *file, const char *text)
{
	char path[PATH_MAX + 64];
	snprintf(path, sizeof path, "%s/%s", cgroup->path, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(strlen(text), write(fd, text, strlen(text)));
	close(fd);
}

uint64_t lab_cgroup_read(const struct lab_cgroup *cgroup, const char *file, const char *key)
{
	char path[PATH_MAX + 64], text[8192] = "";
	snprintf(path, sizeof path, "%s/%s", cgroup->path, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof text - 1) > 0);
	close(fd);
	const char *at = key ? strstr(text, key) : text;
	assert_non_null(at);
	return strtoull(at + (key ? strlen(key) : 0), NULL, 10);
}

void lab_cgroup_remove(const struct lab_cgroup *cgroup)
{
	// A process that has just ended may still be charged for a moment.
	for (int i = 0; i < 200 && rmdir(cgroup->path) != 0; i++)
		lab_sleep_ms(10);
	assert_int_not_equal(0, access(cgroup->path, F_OK));
}

pid_t lab_spawn(const struct lab_cgroup *cgroup, lab_work *work, void *context)
{
	int ready[2];
	char byte;
	assert_int_equal(0, pipe2(ready, O_CLOEXEC));
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (cgroup)
			lab_cgroup_write(cgroup, "cgroup.procs", "0");
		if (write(ready[1], "r", 1) != 1)
			_exit(99);
		close(ready[1]);
		close(ready[0]);
		if (work)
			work(context);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(1, read(ready[0], &byte, 1));
	close(ready[0]);
	return pid;
}

int lab_wait(pid_t pid, int timeout_ms)
{
	int status;
	for (int waited = 0; waited <= timeout_ms; waited += 5) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		lab_sleep_ms(5);
	}
	return -1;
}

void lab_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_not_equal(-1, lab_wait(pid, 10000));
}

void lab_allocate(void *bytes)
{
	size_t size = *(size_t *)bytes;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		_exit(98);
	for (size_t i = 0; i < size; i += 4096)
		((volatile char *)memory)[i] = 1;
}

void lab_sleep_ms(int ms)
{
	poll(NULL, 0, ms);
}

void lab_cut(const char *text, lab_parse *parse)
{
	size_t length = strlen(text);
	for (size_t cut = 0; cut <= length; cut++) {
		struct error error = {0};
		char *head = malloc(cut + 1);
		assert_non_null(head);
		memcpy(head, text, cut);
		head[cut] = '\0';
		bool parsed = parse(head, &error);
		if (parsed && cut && head[cut - 1] != '\n')
			fail_msg("a line cut at byte %zu was taken: \"%s\"", cut, head);
		if (!parsed)
			assert_true(error.code != ERROR_NONE && error.message[0]);
		free(head);
	}
}
