// SPDX-License-Identifier: Apache-2.0
// In: a stopped thread and a system call. Out: what the kernel answered; the thread as it was.
#include "system/inject.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#if defined(__x86_64__)

enum {
	LONG_MODE_CS = 0x33, // of 64-bit programs
	SYSCALL_BYTES = 2,   // of the instruction
	STOPS_MAX = 16,      // between the call and its end
};

// Once a thread is in a call of ours there is no way back but its end.
static const int64_t CALL_NS = 60000000000;

// What the kernel leaves in a register for itself when it means to begin a call again; Linux
// include/linux/errno.h.
enum {
	KERNEL_RESTARTSYS = -512,
	KERNEL_RESTARTNOINTR = -513,
	KERNEL_RESTARTNOHAND = -514,
	KERNEL_RESTART_BLOCK = -516,
};

bool inject_supported(struct error *error)
{
	(void)error;
	return true;
}

static bool get_registers(pid_t thread, struct user_regs_struct *registers)
{
	struct iovec area = {registers, sizeof *registers};
	return ptrace(PTRACE_GETREGSET, thread, (void *)NT_PRSTATUS, &area) == 0 &&
	       area.iov_len == sizeof *registers;
}

static bool set_registers(pid_t thread, struct user_regs_struct *registers)
{
	struct iovec area = {registers, sizeof *registers};
	return ptrace(PTRACE_SETREGSET, thread, (void *)NT_PRSTATUS, &area) == 0;
}

// ---- which thread ----

static bool will_begin_again(const struct user_regs_struct *registers)
{
	long result = (long)registers->rax;
	return registers->cs == LONG_MODE_CS && (long)registers->orig_rax >= 0 &&
	       (result == KERNEL_RESTARTSYS || result == KERNEL_RESTARTNOINTR ||
		result == KERNEL_RESTARTNOHAND || result == KERNEL_RESTART_BLOCK);
}

static bool came_by_syscall(const struct process_files *files,
			    const struct user_regs_struct *registers)
{
	uint8_t code[SYSCALL_BYTES];
	return pread(files->mem, code, sizeof code, (off_t)(registers->rip - SYSCALL_BYTES)) ==
		       (ssize_t)sizeof code &&
	       code[0] == 0x0f && code[1] == 0x05;
}

// Whether the thread may be told that its call has ended, at any time and with any result.
static bool ignores_result(const struct process_stat *stat,
			   const struct user_regs_struct *registers)
{
	long number = (long)registers->orig_rax;
	return (number == SYS_futex || number == SYS_nanosleep) &&
	       registers->rip >= stat->code_start && registers->rip < stat->code_end;
}

struct tracer_thread *inject_choose(struct tracer *tracer, const struct process_files *files)
{
	struct tracer_thread *second_best = NULL;
	struct user_regs_struct registers;
	struct process_stat stat = {0};
	(void)!process_stat_read(files, &stat, NULL);
	VEC_FOREACH (thread, &tracer->threads) {
		if (thread->state != TRACER_STOPPED || thread->signal || thread->refused ||
		    !get_registers(thread->id, &registers) || !will_begin_again(&registers) ||
		    !came_by_syscall(files, &registers))
			continue;
		if (ignores_result(&stat, &registers))
			return thread;
		second_best = second_best ? second_best : thread;
	}
	return second_best;
}

// ---- the call ----

static struct user_regs_struct registers_of_call(const struct user_regs_struct *before,
						 const struct inject_call *call)
{
	struct user_regs_struct registers = *before;
	registers.rip -= SYSCALL_BYTES;
	registers.rax = (uint64_t)call->number;
	registers.orig_rax = UINT64_MAX; // not in a system call: there is none to begin again
	registers.rdi = call->arguments[0];
	registers.rsi = call->arguments[1];
	registers.rdx = call->arguments[2];
	registers.r10 = call->arguments[3];
	registers.r8 = call->arguments[4];
	registers.r9 = call->arguments[5];
	return registers;
}

static bool failed(const struct tracer_thread *thread, const char *what, struct error *error)
{
	if (thread->state == TRACER_GONE || errno == ESRCH)
		return error_set(error, ERROR_NOT_FOUND,
				 "thread %d ended while it made a system call for us",
				 (int)thread->id);
	return error_set_os(error, errno, "thread %d: cannot %s", (int)thread->id, what);
}

// Runs the thread to its next stop.
static bool run_on(struct tracer_thread *thread, int request, int *status, struct error *error)
{
	if (ptrace(request, thread->id, NULL, NULL) != 0)
		return failed(thread, "run it", error);
	if (!tracer_await(thread, clock_monotonic_ns() + CALL_NS, status))
		return error_set(error, ERROR_LIMIT, "thread %d does not come back from a call",
				 (int)thread->id);
	return thread->state != TRACER_GONE || failed(thread, "run it", error);
}

static bool bind_child(pid_t id)
{
	struct tracer_thread child = {.id = id};
	int status;
	return tracer_await(&child, clock_monotonic_ns() + CALL_NS, &status) &&
	       child.state != TRACER_GONE &&
	       ptrace(PTRACE_SETOPTIONS, id, NULL, (void *)(long)PTRACE_O_EXITKILL) == 0;
}

// The new process stands before its first instruction; from here on it cannot outlive us.
static void take_child(const struct tracer_thread *thread, const struct inject_call *call)
{
	unsigned long id = 0;
	if (!call->child || ptrace(PTRACE_GETEVENTMSG, thread->id, NULL, &id) != 0)
		return;
	*call->child = (pid_t)id;
	if (!bind_child((pid_t)id))
		kill((pid_t)id, SIGKILL);
}

static bool is_call_stop(int status)
{
	return status >> 8 == (SIGTRAP | 0x80);
}

// To the entry of the call, or to a signal before it. Where job control has stopped the process
// the thread may have to say so once more.
static bool enter_call(struct tracer_thread *thread, int *status, struct error *error)
{
	for (int stop = 0; stop < STOPS_MAX; stop++) {
		if (!run_on(thread, PTRACE_SYSCALL, status, error))
			return false;
		if (*status >> 16 != PTRACE_EVENT_STOP)
			return true;
	}
	return true;
}

// From the entry of the call to its end.
static bool finish_call(struct tracer_thread *thread, const struct inject_call *call, long *result,
			struct error *error)
{
	struct user_regs_struct registers;
	for (int stop = 0; stop < STOPS_MAX; stop++) {
		int status;
		if (!run_on(thread, PTRACE_SYSCALL, &status, error))
			return false;
		if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_CLONE << 8))) {
			take_child(thread, call);
		} else if (is_call_stop(status)) {
			if (!get_registers(thread->id, &registers))
				return failed(thread, "read its registers", error);
			*result = (long)registers.rax;
			return true;
		}
	}
	return error_set(error, ERROR_BAD_DATA, "thread %d stops without end in a call",
			 (int)thread->id);
}

// To the place from which the kernel begins a call again: past the end of ours, where it looks for
// signals. Its own registers are back already.
static bool step_out(struct tracer_thread *thread, struct error *error)
{
	int status;
	if (ptrace(PTRACE_INTERRUPT, thread->id, NULL, NULL) != 0)
		return failed(thread, "stop it", error);
	if (!run_on(thread, PTRACE_CONT, &status, error))
		return false;
	tracer_note_stop(thread, status);
	return true;
}

static bool make_call(struct tracer_thread *thread, const struct inject_call *call,
		      struct user_regs_struct *before, bool *done, long *result,
		      struct error *error)
{
	struct user_regs_struct during = registers_of_call(before, call);
	int status;
	if (!set_registers(thread->id, &during))
		return failed(thread, "write its registers", error);
	bool ok = enter_call(thread, &status, error);
	bool entered = ok && is_call_stop(status);
	if (entered)
		ok = finish_call(thread, call, result, error);
	if (thread->state != TRACER_GONE && !set_registers(thread->id, before))
		return ok && failed(thread, "give it back its registers", error);
	if (!ok)
		return false;
	if (!entered) {
		tracer_note_stop(thread, status); // a signal, which it takes when it is let go
		return true;
	}
	*done = *result != KERNEL_RESTARTNOINTR; // clone does not begin while a signal waits
	return step_out(thread, error);
}

bool inject_call(struct tracer_thread *thread, const struct inject_call *call, bool *done,
		 long *result, struct error *error)
{
	struct user_regs_struct before;
	long options = PTRACE_O_TRACESYSGOOD | (call->child ? PTRACE_O_TRACECLONE : 0);
	*done = false;
	if (!get_registers(thread->id, &before))
		return failed(thread, "read its registers", error);
	if (ptrace(PTRACE_SETOPTIONS, thread->id, NULL, (void *)options) != 0)
		return failed(thread, "trace its calls", error);
	bool ok = make_call(thread, call, &before, done, result, error);
	if (thread->state != TRACER_GONE)
		ptrace(PTRACE_SETOPTIONS, thread->id, NULL, NULL);
	return ok;
}

#else

bool inject_supported(struct error *error)
{
	error_set(error, ERROR_UNSUPPORTED, "--mode frozen is for amd64 only");
	return error_hint(error, "--mode stop works here");
}

struct tracer_thread *inject_choose(struct tracer *tracer, const struct process_files *files)
{
	(void)tracer, (void)files;
	return NULL;
}

bool inject_call(struct tracer_thread *thread, const struct inject_call *call, bool *done,
		 long *result, struct error *error)
{
	(void)thread, (void)call, (void)done, (void)result;
	return inject_supported(error);
}

#endif
