// SPDX-License-Identifier: Apache-2.0
#include "blocked.h"

#include "lab.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MINUTE = 60, SLEEP_MS = 1500 };

uint64_t blocked_private_turns;

static struct blocked *self; // in the child

static long futex(int *word, int operation, int value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

static long wait_epoll(int fd, int *interruptions)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(0);
	long result;
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	while ((result = epoll_wait(epoll, &event, 1, -1)) < 0 && errno == EINTR)
		++*interruptions;
	return result;
}

static long wait_in(enum blocked_call call, int fd)
{
	struct blocked_shared *shared = self->shared;
	struct pollfd event = {.fd = fd, .events = POLLIN};
	char byte;
	switch (call) {
	case BLOCKED_READ:
		return read(fd, &byte, 1);
	case BLOCKED_RECV:
		return recv(fd, &byte, 1, 0);
	case BLOCKED_FUTEX:
		return futex(&shared->futex, FUTEX_WAIT, 0, NULL);
	case BLOCKED_FUTEX_TIME:
		return futex(&shared->futex_time, FUTEX_WAIT, 0, &(struct timespec){MINUTE, 0});
	case BLOCKED_POLL:
		return poll(&event, 1, MINUTE * 1000);
	case BLOCKED_SLEEP:
		return nanosleep(&(struct timespec){1, (SLEEP_MS - 1000) * 1000000L}, NULL);
	default:
		return wait_epoll(fd, &shared->ends[BLOCKED_EPOLL].interruptions);
	}
}

static void *run_call(void *argument)
{
	enum blocked_call call = (enum blocked_call)(intptr_t)argument;
	struct blocked_end *end = &self->shared->ends[call];
	__atomic_add_fetch(&self->shared->began, 1, __ATOMIC_SEQ_CST);
	errno = 0;
	end->result = wait_in(call, self->pipes[call][0]);
	end->error = errno;
	__atomic_store_n(&end->ended, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *compute(void *argument)
{
	(void)argument;
	while (self) {
		__atomic_add_fetch(&blocked_private_turns, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&self->shared->turns, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void on_signal(int number)
{
	int *count = number == SIGUSR1 ? &self->shared->signals : &self->shared->other_signals;
	__atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
}

static void run_child(void *context)
{
	pthread_t thread;
	sigset_t usr1;
	self = context;
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	// Only the thread that computes takes it: no call that waits is interrupted by it.
	pthread_create(&thread, NULL, compute, NULL);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	for (intptr_t call = 0; call < BLOCKED_CALLS; call++)
		pthread_create(&thread, NULL, run_call, (void *)call);
}

char blocked_state(pid_t pid, pid_t thread)
{
	char path[64], line[256] = "";
	snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pid, (int)thread);
	FILE *file = fopen(path, "r");
	if (!file)
		return 'X';
	if (!fgets(line, sizeof line, file))
		line[0] = '\0';
	fclose(file);
	const char *end = strrchr(line, ')');
	return end ? end[2] : 'X';
}

void blocked_start(struct blocked *blocked)
{
	*blocked = (struct blocked){.files = PROCESS_FILES_NONE};
	blocked->shared = mmap(NULL, sizeof *blocked->shared, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(blocked->shared != MAP_FAILED);
	for (int call = 0; call < BLOCKED_CALLS; call++)
		assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM, 0, blocked->pipes[call]));
	blocked->pid = lab_spawn(NULL, run_child, blocked);
	while (__atomic_load_n(&blocked->shared->began, __ATOMIC_SEQ_CST) < BLOCKED_CALLS ||
	       !__atomic_load_n(&blocked->shared->turns, __ATOMIC_SEQ_CST))
		lab_sleep_ms(1);
	lab_sleep_ms(30);
	assert_ok(process_files_open("/proc", blocked->pid, &blocked->files, &error));
}

// A thread that was just let go may not wait again yet.
static void wake(int *word)
{
	for (int waited = 0; waited < 5000; waited++) {
		if (futex(word, FUTEX_WAKE, 1, NULL) == 1)
			return;
		lab_sleep_ms(1);
	}
	fail_msg("nobody waits for the futex any more");
}

static void release(struct blocked *blocked)
{
	for (int call = 0; call < BLOCKED_CALLS; call++)
		assert_int_equal(1, write(blocked->pipes[call][1], "x", 1));
	wake(&blocked->shared->futex);
	wake(&blocked->shared->futex_time);
}

void blocked_assert_undisturbed(struct blocked *blocked)
{
	static const long expected[BLOCKED_CALLS] = {
		[BLOCKED_READ] = 1, [BLOCKED_RECV] = 1, [BLOCKED_POLL] = 1, [BLOCKED_EPOLL] = 1};
	for (int call = 0; call < BLOCKED_CALLS; call++)
		if (call != BLOCKED_SLEEP)
			assert_false(__atomic_load_n(&blocked->shared->ends[call].ended,
						     __ATOMIC_SEQ_CST));
	release(blocked);
	for (int call = 0; call < BLOCKED_CALLS; call++) {
		struct blocked_end *end = &blocked->shared->ends[call];
		for (int waited = 0; waited < 10000 && !end->ended; waited++)
			lab_sleep_ms(1);
		if (!end->ended || end->result != expected[call] ||
		    (end->error && !end->interruptions))
			fail_msg("call %d: ended %d with %ld, errno %d", call, end->ended,
				 end->result, end->error);
	}
}

void blocked_assert_running(struct blocked *blocked)
{
	uint64_t turns = __atomic_load_n(&blocked->shared->turns, __ATOMIC_RELAXED);
	struct process_status status;
	for (int i = 0; i < 2000; i++) {
		if (__atomic_load_n(&blocked->shared->turns, __ATOMIC_RELAXED) != turns)
			break;
		lab_sleep_ms(1);
	}
	assert_true(blocked->shared->turns != turns);
	assert_ok(process_status_read(&blocked->files, &status, &error));
	assert_int_equal(0, status.tracer_pid.value);
	assert_int_equal(BLOCKED_CALLS + 2, status.threads.value);
}

void blocked_end(struct blocked *blocked)
{
	if (waitpid(blocked->pid, NULL, WNOHANG) == 0) // not collected yet
		lab_kill(blocked->pid);
	process_files_close(&blocked->files);
	for (int call = 0; call < BLOCKED_CALLS; call++) {
		close(blocked->pipes[call][0]);
		close(blocked->pipes[call][1]);
	}
	munmap(blocked->shared, sizeof *blocked->shared);
}
