// SPDX-License-Identifier: Apache-2.0
// Goroutines that run: a real program's threads are stopped again and again, wherever they are, and
// each goroutine that ran has a stack that the program can have.
#include "system/lab.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "golang/goroutines.h"
#include "snapshot/convert.h"
#include "system/maps.h"

enum { ROUNDS = 150, THREADS_MAX = 64, PAUSE_US = 2000 };

struct program {
	pid_t pid;
	int to, from, mem;
	char exe_path[PATH_MAX];
};

struct stopped {
	pid_t ids[THREADS_MAX];
	int signals[THREADS_MAX]; // that they were about to get
	size_t count;
	struct target_thread registers[THREADS_MAX];
};

static int open_of(pid_t pid, const char *name)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void expect_line(const struct program *program, const char *start)
{
	char line[256];
	size_t length = 0;
	while (length < sizeof line - 1 && read(program->from, line + length, 1) == 1)
		if (line[length++] == '\n')
			break;
	line[length] = '\0';
	if (strncmp(line, start, strlen(start)) != 0)
		fail_msg("the target said \"%s\", not \"%s\"", line, start);
}

static void begin(struct program *program, const char *version)
{
	int to[2], from[2];
	const char *targets = getenv("WHYOOM_TARGETS");
	snprintf(program->exe_path, sizeof program->exe_path, "%s/go%s/stacks",
		 targets ? targets : "", version);
	if (!targets || access(program->exe_path, X_OK) != 0) {
		print_message("%s is not there: run tests/targets/build\n", program->exe_path);
		skip();
	}
	assert_int_equal(0, pipe2(to, O_CLOEXEC));
	assert_int_equal(0, pipe2(from, O_CLOEXEC));
	program->pid = fork();
	if (program->pid == 0) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		setenv("GOMAXPROCS", "4", 1);
		execl(program->exe_path, program->exe_path, (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	program->to = to[1];
	program->from = from[0];
	expect_line(program, "ready ");
	assert_int_equal(5, write(program->to, "work\n", 5));
	expect_line(program, "ok");
	program->mem = open_of(program->pid, "mem");
}

static void end(struct program *program)
{
	kill(program->pid, SIGKILL);
	while (waitpid(program->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(program->to);
	close(program->from);
	close(program->mem);
}

static bool has(const struct stopped *stopped, pid_t id)
{
	for (size_t i = 0; i < stopped->count; i++)
		if (stopped->ids[i] == id)
			return true;
	return false;
}

// A signal may stop the thread first, and that ends the interruption: it is given when it goes on.
static void stop_thread(struct stopped *stopped, pid_t id)
{
	int status;
	struct user_regs_struct registers;
	struct iovec vector = {&registers, sizeof registers};
	if (ptrace(PTRACE_SEIZE, id, NULL, NULL) != 0)
		return; // it has ended
	ptrace(PTRACE_INTERRUPT, id, NULL, NULL);
	if (waitpid(id, &status, __WALL) != id || !WIFSTOPPED(status))
		return;
	stopped->signals[stopped->count] = status >> 16 == 0 ? WSTOPSIG(status) : 0;
	assert_int_equal(0, ptrace(PTRACE_GETREGSET, id, (void *)NT_PRSTATUS, &vector));
	stopped->ids[stopped->count] = id;
	stopped->registers[stopped->count++] = (struct target_thread)
	{
		.id = id,
#if defined(__x86_64__)
		.pc = registers.rip, .sp = registers.rsp, .frame_pointer = registers.rbp,
#elif defined(__aarch64__)
		.pc = registers.pc, .sp = registers.sp, .link = registers.regs[30],
		.frame_pointer = registers.regs[29],
#endif
	};
}

// Until no thread is left that is not stopped.
static void stop_all(const struct program *program, struct stopped *stopped)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/task", (int)program->pid);
	stopped->count = 0;
	for (bool more = true; more;) {
		DIR *folder = opendir(path);
		assert_non_null(folder);
		more = false;
		for (struct dirent *entry; (entry = readdir(folder));) {
			pid_t id = atoi(entry->d_name);
			if (id <= 0 || has(stopped, id) || stopped->count == THREADS_MAX)
				continue;
			stop_thread(stopped, id);
			more = true;
		}
		closedir(folder);
	}
}

static void let_go(const struct stopped *stopped)
{
	for (size_t i = 0; i < stopped->count; i++)
		ptrace(PTRACE_DETACH, stopped->ids[i], NULL, (void *)(intptr_t)stopped->signals[i]);
}

struct tally {
	int running, torn, inner_runtime, deep;
};

static void look_at(const struct go_goroutine *goroutine, struct tally *tally)
{
	if (goroutine->status != GO_STATUS_RUNNING || goroutine->system)
		return;
	tally->running++;
	if (!goroutine->stack) {
		assert_int_equal(GO_STACK_TORN, goroutine->stack_state); // its registers are known
		tally->torn++;
		return;
	}
	const struct go_stack *stack = goroutine->stack;
	if (!stack->count)
		return;
	const struct go_function *outermost = &stack->calls[stack->count - 1]->function;
	// It came from where it began, or is on its way out.
	if (strcmp(outermost->name, "runtime.goexit1") != 0 &&
	    strcmp(outermost->name, "runtime.goexit0") != 0)
		assert_string_equal(goroutine->start->function.name, outermost->name);
	tally->inner_runtime += strncmp(stack->calls[0]->function.name, "runtime.", 8) == 0;
	tally->deep += stack->count > 100;
	for (size_t i = 0; i + 1 < stack->count; i++)
		if (strcmp(stack->calls[i]->function.name, "main.spinLeaf") == 0)
			assert_string_equal("main.spinMiddle", stack->calls[i + 1]->function.name);
}

static void one_round(const struct program *program, struct elf_image *image, int exe,
		      const struct go_buildinfo *info, struct tally *tally)
{
	struct stopped stopped;
	struct maps maps = {0};
	struct go_runtime runtime;
	struct go_goroutines goroutines;
	stop_all(program, &stopped);
	int smaps = open_of(program->pid, "smaps");
	assert_ok(maps_read(smaps, "smaps", &maps, &error));
	struct mapped_file file = {.path = program->exe_path};
	struct target_mapping *mappings = convert_mappings(&maps, &file);
	struct target_source source = {.memory_fd = program->mem,
				       .exe_fd = exe,
				       .mappings = mappings,
				       .mapping_count = maps.list.count};
	struct target *target = target_new(&source);
	target_set_threads(target, stopped.registers, stopped.count);
	assert_ok(go_runtime_open(target, image, info, &runtime, &error));
	assert_ok(go_goroutines_read(&runtime, &goroutines, &error));
	let_go(&stopped);
	assert_int_equal(0, goroutines.unreadable);
	assert_int_equal(0, goroutines.stacks_running);
	VEC_FOREACH (goroutine, &goroutines.list)
		look_at(goroutine, tally);
	go_goroutines_deinit(&goroutines);
	go_runtime_deinit(&runtime);
	target_free(target);
	free(mappings);
	maps_deinit(&maps);
	close(smaps);
}

static void what_runs_has_its_stack(void **state)
{
	struct program program;
	struct elf_image *image;
	struct go_buildinfo info;
	struct tally tally = {0};
	begin(&program, *state);
	int exe = open(program.exe_path, O_RDONLY | O_CLOEXEC);
	assert_ok(elf_image_open(exe, &image, &error));
	assert_ok(go_buildinfo_read(exe, image, &info, &error));
	for (int round = 0; round < ROUNDS; round++) {
		one_round(&program, image, exe, &info, &tally);
		usleep(PAUSE_US);
	}
	end(&program);
	print_message("Go %s: %d ran, of them %d in the runtime, %d deep, %d torn\n",
		      (const char *)*state, tally.running, tally.inner_runtime, tally.deep,
		      tally.torn);
	assert_true(tally.running > ROUNDS && tally.inner_runtime > 0);
	assert_true(tally.torn * 50 <= tally.running);
	go_buildinfo_deinit(&info);
	elf_image_free(image);
	close(exe);
}

int main(void)
{
	static char versions[][8] = {"1.22.12", "1.24.13", "1.26.8", "1.27.4"};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(what_runs_has_its_stack, versions[0]),
		cmocka_unit_test_prestate(what_runs_has_its_stack, versions[1]),
		cmocka_unit_test_prestate(what_runs_has_its_stack, versions[2]),
		cmocka_unit_test_prestate(what_runs_has_its_stack, versions[3]),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
