// SPDX-License-Identifier: Apache-2.0
// Real processes and real kills; and BTF cut at every byte.
#include "lab.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/btf.h"
#include "system/kernel_trace.h"

static struct kernel_trace *open_or_skip(pid_t pid)
{
	struct kernel_trace *trace;
	struct error error = {0};
	if (kernel_trace_open(pid, &trace, &error))
		return trace;
	print_message("skipped: %s\n", error.message);
	skip();
	return NULL;
}

static bool await_event(struct kernel_trace *trace, struct kernel_trace_event *event)
{
	for (int waited = 0; waited < 2000; waited += 10, lab_sleep_ms(10))
		if (kernel_trace_read(trace, event))
			return true;
	return false;
}

static void wait_for_byte(void *context)
{
	char byte;
	if (read(*(int *)context, &byte, 1) == 1)
		_exit(7);
}

static void the_exit_code_is_told(void **state)
{
	(void)state;
	int pipes[2];
	struct kernel_trace_event event;
	assert_int_equal(0, pipe(pipes));
	pid_t child = lab_spawn(NULL, wait_for_byte, &pipes[0]);
	pid_t other = lab_spawn(NULL, wait_for_byte, &pipes[0]);
	struct kernel_trace *trace = open_or_skip(child);
	lab_kill(other); // not ours
	assert_false(kernel_trace_read(trace, &event));
	assert_int_equal(1, write(pipes[1], "x", 1));
	assert_true(await_event(trace, &event));
	assert_int_equal(KERNEL_TRACE_EXIT, event.kind);
	assert_true(WIFEXITED(event.wait_status) && WEXITSTATUS(event.wait_status) == 7);
	lab_wait(child, 5000);
	kernel_trace_close(trace);
	close(pipes[0]);
	close(pipes[1]);
}

static void an_oom_kill_is_told(void **state)
{
	(void)state;
	static size_t too_much = 64 << 20;
	struct lab_cgroup lab;
	int pipes[2];
	struct kernel_trace_event event;
	assert_int_equal(0, pipe(pipes));
	lab_cgroup_make(&lab, "trace", 24 << 20);
	// Stopped until we listen.
	lab_cgroup_write(&lab, "memory.oom_control", "1");
	pid_t child = lab_spawn(&lab, lab_allocate, &too_much);
	struct kernel_trace *trace = open_or_skip(child);
	lab_cgroup_write(&lab, "memory.oom_control", "0");
	assert_true(await_event(trace, &event));
	assert_int_equal(KERNEL_TRACE_OOM_VICTIM, event.kind);
	assert_true(event.monotonic_ns > 0);
	assert_true(await_event(trace, &event));
	assert_int_equal(KERNEL_TRACE_EXIT, event.kind);
	assert_true(WIFSIGNALED(event.wait_status) && WTERMSIG(event.wait_status) == SIGKILL);
	assert_false(kernel_trace_read(trace, &event));
	lab_wait(child, 5000);
	kernel_trace_close(trace);
	lab_cgroup_remove(&lab);
	close(pipes[0]);
	close(pipes[1]);
}

static void without_privileges(void *context)
{
	(void)context;
	struct kernel_trace *trace;
	struct error error = {0};
	if (setgid(65534) != 0 || setuid(65534) != 0)
		_exit(1);
	bool opened = kernel_trace_open(getppid(), &trace, &error);
	_exit(!opened && error.message[0] ? 0 : 2);
}

static void it_is_refused_without_privileges(void **state)
{
	(void)state;
	lab_need_root();
	pid_t child = lab_spawn(NULL, without_privileges, NULL);
	assert_int_equal(0, lab_wait(child, 5000));
}

// ---- BTF made by hand ----

#define U16(n) (uint8_t)(n), (uint8_t)((n) >> 8)
#define U32(n) U16(n), U16((n) >> 16)

// Types: 1 int; 2 struct task { pid @ 8 bytes; flag, a bit field }; 3 *task; 4 void (*)(void *,
// task *); 5 *4; 6 typedef 5 btf_trace_a; 7 proto (void *, int); 8 *7; 9 typedef 8 btf_trace_b
static const uint8_t sample[] = {
	U16(0xeb9f), 1, 0, U32(24), U32(0), U32(168), U32(168), U32(41),
	// 1
	U32(0), U32(1u << 24), U32(4), U32(32),
	// 2
	U32(1), U32(1u << 31 | 4u << 24 | 2), U32(16), U32(6), U32(1), U32(64), U32(10), U32(1),
	U32(1u << 24 | 96),
	// 3, 4
	U32(0), U32(2u << 24), U32(2), U32(0), U32(13u << 24 | 2), U32(0), U32(0), U32(0), U32(0),
	U32(3),
	// 5, 6
	U32(0), U32(2u << 24), U32(4), U32(15), U32(8u << 24), U32(5),
	// 7
	U32(0), U32(13u << 24 | 2), U32(0), U32(0), U32(0), U32(0), U32(1),
	// 8, 9
	U32(0), U32(2u << 24), U32(7), U32(28), U32(8u << 24), U32(8),
	// the names: 1 task, 6 pid, 10 flag, 15 btf_trace_a, 28 btf_trace_b
	0, 't', 'a', 's', 'k', 0, 'p', 'i', 'd', 0, 'f', 'l', 'a', 'g', 0, 'b', 't', 'f', '_', 't',
	'r', 'a', 'c', 'e', '_', 'a', 0, 0, 'b', 't', 'f', '_', 't', 'r', 'a', 'c', 'e', '_', 'b',
	0, 0};

static void types_are_found(void **state)
{
	(void)state;
	struct btf btf;
	uint32_t offset = 0;
	bool is_pointer = false;
	assert_ok(btf_open(sample, sizeof sample, &btf, &error));
	assert_ok(btf_find_member(&btf, "task", "pid", &offset, &error));
	assert_int_equal(8, offset);
	assert_error(ERROR_NOT_FOUND, btf_find_member(&btf, "task", "flag", &offset, &error));
	assert_error(ERROR_NOT_FOUND, btf_find_member(&btf, "tas", "pid", &offset, &error));
	assert_ok(btf_takes_pointer(&btf, "a", &is_pointer, &error));
	assert_true(is_pointer);
	assert_ok(btf_takes_pointer(&btf, "b", &is_pointer, &error));
	assert_false(is_pointer);
	assert_error(ERROR_NOT_FOUND, btf_takes_pointer(&btf, "c", &is_pointer, &error));
}

static void use(const uint8_t *bytes, size_t size)
{
	struct btf btf;
	uint32_t offset;
	bool is_pointer;
	if (!btf_open(bytes, size, &btf, NULL))
		return;
	(void)!btf_find_member(&btf, "task", "pid", &offset, NULL);
	(void)!btf_takes_pointer(&btf, "b", &is_pointer, NULL);
}

static void damaged_types_are_survived(void **state)
{
	(void)state;
	for (size_t size = 0; size < sizeof sample; size++) {
		uint8_t *head = malloc(size ? size : 1);
		memcpy(head, sample, size);
		use(head, size);
		free(head);
	}
	for (size_t i = 0; i < sizeof sample; i++)
		for (int value = 0; value < 256; value += 51) {
			uint8_t *bytes = malloc(sizeof sample);
			memcpy(bytes, sample, sizeof sample);
			bytes[i] = (uint8_t)value;
			use(bytes, sizeof sample);
			free(bytes);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_exit_code_is_told),
		cmocka_unit_test(an_oom_kill_is_told),
		cmocka_unit_test(it_is_refused_without_privileges),
		cmocka_unit_test(types_are_found),
		cmocka_unit_test(damaged_types_are_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
