// SPDX-License-Identifier: Apache-2.0
// In: a pid. Out: two BPF programs that say when it is chosen by the OOM killer and when it exits.
#include "system/kernel_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "system/btf.h"

enum {
	RING_BYTES = 4096, // of 24 each: two events are all that one process has
	BTF_LIMIT = 64 << 20,
	PROGRAM_MAX = 48,
};

static const ino_t FIRST_PID_NAMESPACE = 0xeffffffc; // Linux include/linux/proc_ns.h

// As the programs write it.
struct record {
	uint64_t monotonic_ns;
	uint32_t kind, status;
};

struct kernel_trace {
	int ring, programs[2], links[2];
	uint64_t *consumed;      // a page that we write
	const uint8_t *produced; // a page with its own position, then the records, twice
	size_t page_bytes;
};

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

// ---- the programs ----

struct program {
	uint64_t code[PROGRAM_MAX]; // little-endian
	int count;
	int leaves[8], leave_count; // jumps to the end
};

// struct bpf_insn as a number: its bit fields do not take a variable without a warning.
static void add(struct program *program, uint8_t code, uint8_t to, uint8_t from, int16_t offset,
		int32_t number)
{
	program->code[program->count++] =
		(uint64_t)code | (uint64_t)(to & 0xf) << 8 | (uint64_t)(from & 0xf) << 12 |
		(uint64_t)(uint16_t)offset << 16 | (uint64_t)(uint32_t)number << 32;
}

static void set_register(struct program *program, uint8_t to, int32_t number)
{
	add(program, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, number);
}

static void copy_register(struct program *program, uint8_t to, uint8_t from, int32_t plus)
{
	add(program, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
	if (plus)
		add(program, BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, plus);
}

static void call(struct program *program, int32_t helper)
{
	add(program, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

static void leave_unless(struct program *program, uint8_t which, int32_t number)
{
	program->leaves[program->leave_count++] = program->count;
	add(program, BPF_JMP32 | BPF_JNE | BPF_K, which, 0, 0, number);
}

// The stack: a record at -16, and four bytes to read into at -24.
enum { RECORD_AT = -16, KIND_AT = -8, STATUS_AT = -4, SCRATCH_AT = -24 };

// r7 = *(u32 *)(r6 + offset), of the kernel's memory
static void read_kernel(struct program *program, uint32_t offset)
{
	add(program, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, SCRATCH_AT, 0);
	copy_register(program, BPF_REG_1, BPF_REG_10, SCRATCH_AT);
	set_register(program, BPF_REG_2, 4);
	copy_register(program, BPF_REG_3, BPF_REG_6, (int32_t)offset);
	call(program, BPF_FUNC_probe_read_kernel);
	add(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_7, BPF_REG_10, SCRATCH_AT, 0);
}

// r6 = the first argument of the tracepoint
static void begin(struct program *program)
{
	add(program, BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_6, BPF_REG_1, 0, 0);
}

// Sends a record with the status in r7, and ends.
static void send_and_end(struct program *program, int ring, enum kernel_trace_kind kind)
{
	add(program, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, KIND_AT, (int32_t)kind);
	add(program, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_7, STATUS_AT, 0);
	call(program, BPF_FUNC_ktime_get_ns);
	add(program, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, BPF_REG_0, RECORD_AT, 0);
	add(program, BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, ring);
	add(program, 0, 0, 0, 0, 0); // the upper half
	copy_register(program, BPF_REG_2, BPF_REG_10, RECORD_AT);
	set_register(program, BPF_REG_3, sizeof(struct record));
	set_register(program, BPF_REG_4, 0);
	call(program, BPF_FUNC_ringbuf_output);
	for (int i = 0; i < program->leave_count; i++)
		program->code[program->leaves[i]] |=
			(uint64_t)(program->count - program->leaves[i] - 1) << 16;
	set_register(program, BPF_REG_0, 0);
	add(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

// Where this kernel has what.
struct places {
	uint32_t pid, tgid, exit_code; // in a task
	bool victim_is_task;           // since 6.8; a number before
};

static void build_victim(struct program *program, const struct places *places, pid_t pid, int ring)
{
	*program = (struct program){0};
	begin(program);
	if (places->victim_is_task)
		read_kernel(program, places->tgid);
	else
		copy_register(program, BPF_REG_7, BPF_REG_6, 0);
	leave_unless(program, BPF_REG_7, pid);
	send_and_end(program, ring, KERNEL_TRACE_OOM_VICTIM);
}

// Of the thread that bears the process's number: where all end together, its code is theirs.
static void build_exit(struct program *program, const struct places *places, pid_t pid, int ring)
{
	*program = (struct program){0};
	begin(program);
	read_kernel(program, places->pid);
	leave_unless(program, BPF_REG_7, pid);
	read_kernel(program, places->exit_code);
	send_and_end(program, ring, KERNEL_TRACE_EXIT);
}

static bool find_places(struct places *places, struct error *error)
{
	_cleanup_free_ char *data = NULL;
	size_t size;
	struct btf btf;
	return file_read_path(AT_FDCWD, "/sys/kernel/btf/vmlinux", BTF_LIMIT, &data, &size,
			      error) &&
	       btf_open(data, size, &btf, error) &&
	       btf_find_member(&btf, "task_struct", "pid", &places->pid, error) &&
	       btf_find_member(&btf, "task_struct", "tgid", &places->tgid, error) &&
	       btf_find_member(&btf, "task_struct", "exit_code", &places->exit_code, error) &&
	       btf_takes_pointer(&btf, "mark_victim", &places->victim_is_task, error);
}

// Numbers of processes mean something else in a container.
static bool check_namespace(struct error *error)
{
	struct stat status;
	return (stat("/proc/self/ns/pid", &status) == 0 && status.st_ino == FIRST_PID_NAMESPACE) ||
	       error_set(
		       error, ERROR_UNSUPPORTED,
		       "whyoom counts processes otherwise than the machine: it is in a container");
}

// ---- loading ----

static bool attach(const struct program *program, const char *tracepoint, int *loaded, int *link,
		   struct error *error)
{
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
			       .insn_cnt = (uint32_t)program->count,
			       .insns = (uintptr_t)program->code,
			       .license = (uintptr_t) "GPL"};
	strcpy(attr.prog_name, "whyoom");
	*loaded = bpf(BPF_PROG_LOAD, &attr);
	if (*loaded < 0)
		return error_set_os(error, errno, "cannot load a BPF program");
	union bpf_attr open = {
		.raw_tracepoint = {.name = (uintptr_t)tracepoint, .prog_fd = (uint32_t)*loaded}};
	*link = bpf(BPF_RAW_TRACEPOINT_OPEN, &open);
	return *link >= 0 ||
	       error_set_os(error, errno, "cannot listen to the tracepoint %s", tracepoint);
}

static bool make_ring(struct kernel_trace *trace, struct error *error)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_RINGBUF, .max_entries = RING_BYTES};
	trace->ring = bpf(BPF_MAP_CREATE, &attr);
	if (trace->ring < 0)
		return error_set_os(error, errno, "cannot make a BPF ring buffer");
	trace->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	void *ours =
		mmap(NULL, trace->page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, trace->ring, 0);
	if (ours == MAP_FAILED)
		return error_set_os(error, errno, "cannot map a BPF ring buffer");
	trace->consumed = ours;
	void *theirs = mmap(NULL, trace->page_bytes + 2 * RING_BYTES, PROT_READ, MAP_SHARED,
			    trace->ring, (off_t)trace->page_bytes);
	if (theirs == MAP_FAILED)
		return error_set_os(error, errno, "cannot map a BPF ring buffer");
	trace->produced = theirs;
	return true;
}

static void free_trace(struct kernel_trace **trace)
{
	kernel_trace_close(*trace);
}

bool kernel_trace_open(pid_t pid, struct kernel_trace **out, struct error *error)
{
	_cleanup_(free_trace) struct kernel_trace *trace = alloc_zero(sizeof *trace);
	struct places places;
	struct program victim, end;
	trace->ring = trace->programs[0] = trace->programs[1] = -1;
	trace->links[0] = trace->links[1] = -1;
	if (sysconf(_SC_PAGESIZE) != RING_BYTES)
		return error_set(error, ERROR_UNSUPPORTED, "pages of another size than 4 KiB");
	if (!check_namespace(error) || !make_ring(trace, error) || !find_places(&places, error))
		return false;
	build_victim(&victim, &places, pid, trace->ring);
	build_exit(&end, &places, pid, trace->ring);
	if (!attach(&victim, "mark_victim", &trace->programs[0], &trace->links[0], error) ||
	    !attach(&end, "sched_process_exit", &trace->programs[1], &trace->links[1], error))
		return false;
	*out = take_ptr(trace);
	return true;
}

void kernel_trace_close(struct kernel_trace *trace)
{
	if (!trace)
		return;
	for (int i = 0; i < 2; i++) {
		cleanup_close(&trace->links[i]);
		cleanup_close(&trace->programs[i]);
	}
	if (trace->consumed)
		munmap(trace->consumed, trace->page_bytes);
	if (trace->produced)
		munmap((void *)(uintptr_t)trace->produced, trace->page_bytes + 2 * RING_BYTES);
	cleanup_close(&trace->ring);
	free(trace);
}

// ---- reading ----

// Linux kernel/bpf/ringbuf.c: each record has a header of its length, with two flags, and its own
// place in the pages; it is padded to 8 bytes.
bool kernel_trace_read(struct kernel_trace *trace, struct kernel_trace_event *event)
{
	const uint64_t *end = (const uint64_t *)(const void *)trace->produced;
	uint64_t at = *trace->consumed;
	while (at < __atomic_load_n(end, __ATOMIC_ACQUIRE)) {
		const uint8_t *place = trace->produced + trace->page_bytes + at % RING_BYTES;
		uint32_t header =
			__atomic_load_n((const uint32_t *)(const void *)place, __ATOMIC_ACQUIRE);
		struct record record;
		if (header & BPF_RINGBUF_BUSY_BIT)
			return false;
		uint32_t size = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		memcpy(&record, place + BPF_RINGBUF_HDR_SZ, sizeof record);
		at += (size + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
		__atomic_store_n(trace->consumed, at, __ATOMIC_RELEASE);
		if (size != sizeof record || (header & BPF_RINGBUF_DISCARD_BIT))
			continue;
		*event = (struct kernel_trace_event){.kind = (enum kernel_trace_kind)record.kind,
						     .monotonic_ns = (int64_t)record.monotonic_ns,
						     .wait_status = (int)record.status};
		return true;
	}
	return false;
}
