// SPDX-License-Identifier: Apache-2.0
// In: a process to read. Out: a guard that holds it still, and its words.
#include "snapshot/still.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "snapshot/still_priv.h"
#include "system/frozen.h"

#define UNBORN_COPY_NS INT64_C(2000000000) // how long a copy may take to appear

struct still {
	enum still_mode mode;
	const struct process_files *files;
	struct still_board *board;
	pid_t guard;
	int channel;
	int memory, maps;
	uint64_t began_ticks; // since boot: a copy of ours is younger
};

static void free_still(struct still **still)
{
	if (!*still)
		return;
	cleanup_close(&(*still)->channel);
	cleanup_close(&(*still)->memory);
	cleanup_close(&(*still)->maps);
	if ((*still)->board)
		munmap((*still)->board, sizeof *(*still)->board);
	free(*still);
}

// A word of the guard; 0 when it is gone.
static char await_word(const struct still *still)
{
	char word;
	ssize_t got;
	do
		got = read(still->channel, &word, sizeof word);
	while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof word ? word : '\0';
}

static char ask(const struct still *still, char word)
{
	ssize_t put;
	do
		put = write(still->channel, &word, sizeof word);
	while (put < 0 && errno == EINTR);
	return put == (ssize_t)sizeof word ? await_word(still) : '\0';
}

static bool guard_gone(struct error *error)
{
	return error_set(
		error, ERROR_NOT_FOUND,
		"the process that was to hold the target still was killed: nothing was read");
}

// ---- with privileges ----

static bool map_board(struct still *still, struct error *error)
{
	// Pages that nobody touches cost nothing.
	void *memory = mmap(NULL, sizeof *still->board, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return error_set_os(error, errno, "no memory to share with the guard");
	still->board = memory;
	return true;
}

static bool fork_guard(struct still *still, int64_t stop_limit_ns, struct error *error)
{
	int channel[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0)
		return error_set_os(error, errno, "cannot make the guard's channel");
	still->channel = channel[0];
	struct still_guard guard = {.mode = still->mode,
				    .channel = channel[1],
				    .files = still->files,
				    .stop_limit_ns = stop_limit_ns,
				    .board = still->board};
	still->guard = fork();
	if (still->guard == 0)
		still_guard_run(&guard);
	int why = errno;
	close(channel[1]);
	return still->guard > 0 || error_set_os(error, why, "cannot start the guard process");
}

static uint64_t ticks_since_boot(void)
{
	struct timespec now;
	uint64_t ticks_a_second = (uint64_t)sysconf(_SC_CLK_TCK);
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * ticks_a_second +
	       (uint64_t)now.tv_nsec * ticks_a_second / 1000000000;
}

static void take_fds(struct still *still, struct msghdr *message)
{
	int fds[2];
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
	    header->cmsg_len != CMSG_LEN(sizeof fds))
		return;
	memcpy(fds, CMSG_DATA(header), sizeof fds);
	still->memory = fds[0];
	still->maps = fds[1];
}

// The guard says that the copy is there, and brings its descriptors.
static bool await_copy(struct still *still, struct error *error)
{
	char word = '\0';
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec part = {&word, sizeof word};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof control.bytes};
	ssize_t got;
	do
		got = recvmsg(still->channel, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got == (ssize_t)sizeof word)
		take_fds(still, &message);
	if (still->memory >= 0)
		return true;
	if (word == STILL_WORD_FAILED && error)
		*error = still->board->error;
	return word != STILL_WORD_FAILED && guard_gone(error);
}

bool still_begin(enum still_mode mode, const struct process_files *files, int64_t stop_limit_ns,
		 struct still **out, struct error *error)
{
	_cleanup_(free_still) struct still *still = alloc_zero(sizeof *still);
	*still = (struct still){
		.mode = mode, .files = files, .channel = -1, .memory = -1, .maps = -1};
	still->began_ticks = ticks_since_boot();
	if (!tracer_check(files, error) || !map_board(still, error) ||
	    !fork_guard(still, stop_limit_ns, error))
		return false;
	if (mode == STILL_FROZEN && !await_copy(still, error)) {
		(void)!still_end(take_ptr(still), NULL);
		return false;
	}
	*out = take_ptr(still);
	return true;
}

static int collect_guard(const struct still *still)
{
	int status = 0;
	while (waitpid(still->guard, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

bool still_end(struct still *still, struct error *error)
{
	_cleanup_(free_still) struct still *ended = still;
	if (!ended)
		return true;
	cleanup_close(&ended->channel);
	ended->channel = -1;
	bool was_killed = WIFSIGNALED(collect_guard(ended));
	if (ended->mode != STILL_FROZEN)
		return true; // the kernel let go if the guard did not
	// Killed while it made the copy, the kernel may be making it still.
	if (was_killed)
		return frozen_clean_up(ended->files, ended->began_ticks,
				       ended->memory < 0 ? UNBORN_COPY_NS : 0, error);
	if (ended->board->error.code == ERROR_NONE)
		return true;
	if (error)
		*error = ended->board->error;
	return false;
}

int still_memory_fd(const struct still *still)
{
	return still->memory;
}

int still_maps_fd(const struct still *still)
{
	return still->maps;
}

// ---- in the reader ----

bool still_start(struct still *still, const struct target_thread **threads, size_t *count,
		 struct error *error)
{
	char answer = ask(still, STILL_WORD_START);
	if (answer == STILL_WORD_FAILED && error)
		*error = still->board->error;
	if (answer == STILL_WORD_FAILED)
		return false;
	if (answer != STILL_WORD_START)
		return guard_gone(error);
	*threads = still->board->threads;
	*count = still->board->thread_count;
	return true;
}

struct still_outcome still_release(struct still *still)
{
	if (ask(still, STILL_WORD_RELEASE) != STILL_WORD_RELEASE)
		return (struct still_outcome){still->board->outcome.pause_ns, true};
	return still->board->outcome;
}
