// SPDX-License-Identifier: Apache-2.0
// In: what the runtime saved of a goroutine, and its thread's registers. Out: where its stack
// begins.
#include "golang/registers.h"

#include <string.h>

#include "base/reader.h"

enum {
	M_BYTES_MAX = 4096,
	SIGNAL_FRAME_BYTES = 640,
	NESTED_SIGNALS_MAX = 8, // a handler that ends the program is interrupted by its own signal
};

// Where the kernel leaves the interrupted registers, from the stack pointer at the handler's entry;
// on amd64 the return address is gone from there.
struct signal_frame {
	uint32_t pc, sp, link; // link 0: none
};

static const struct signal_frame amd64_frame = {.pc = 168, .sp = 160};
static const struct signal_frame arm64_frame = {
	.pc = 128 + 440, .sp = 128 + 432, .link = 128 + 424}; // behind a siginfo

bool go_thread_read(const struct go_runtime *runtime, taddr_t m, struct go_thread *thread)
{
	uint8_t bytes[M_BYTES_MAX];
	size_t size = (size_t)runtime->layout.offset[GO_SIZEOF_M];
	if (!m || size > sizeof bytes || !target_read_bulk(runtime->target, m, bytes, size, NULL))
		return false;
	struct go_record record = {&runtime->layout, bytes, size};
	*thread = (struct go_thread){
		.id = record_u64(&record, GO_M_PROCID),
		.signal_g = record_u64(&record, GO_M_GSIGNAL),
		.vdso_sp = record_u64(&record, GO_M_VDSO_SP),
		.vdso_pc = record_u64(&record, GO_M_VDSO_PC),
	};
	return true;
}

static bool is_on(const struct go_saved *saved, taddr_t sp)
{
	return sp >= saved->low && sp < saved->high;
}

static struct unwind_start start_on(const struct go_saved *saved, taddr_t pc, taddr_t sp)
{
	return (struct unwind_start){.pc = pc, .sp = sp, .low = saved->low, .high = saved->high};
}

void go_start_saved(const struct go_saved *saved, struct unwind_start *start)
{
	if (saved->syscall_sp) {
		*start = start_on(saved, saved->syscall_pc, saved->syscall_sp);
		start->syscall = true;
		return;
	}
	*start = start_on(saved, saved->pc, saved->sp);
	start->link = saved->link;
}

static bool read_stack_bounds(const struct go_runtime *runtime, taddr_t g, struct go_saved *stack)
{
	uint8_t bytes[16];
	if (!g ||
	    !target_read_bulk(runtime->target, g + (uint64_t)runtime->layout.offset[GO_G_STACK],
			      bytes, sizeof bytes, NULL))
		return false;
	struct reader reader = reader_over(bytes, sizeof bytes);
	stack->low = reader_u64(&reader);
	stack->high = reader_u64(&reader);
	return true;
}

// The registers that a signal interrupted, when the thread is on its signal stack.
static bool read_interrupted(const struct go_runtime *runtime, struct unwinder *unwinder,
			     const struct go_thread *thread, struct target_thread *registers)
{
	struct go_saved stack = {0};
	uint8_t bytes[SIGNAL_FRAME_BYTES];
	if (!read_stack_bounds(runtime, thread->signal_g, &stack) || !is_on(&stack, registers->sp))
		return false;
	struct unwind_start start = start_on(&stack, registers->pc, registers->sp);
	start.trap = true;
	start.link = registers->link;
	const struct signal_frame *layout =
		runtime->machine == ELF_MACHINE_ARM64 ? &arm64_frame : &amd64_frame;
	taddr_t frame;
	if (!unwind_to_end(unwinder, &start, &frame) ||
	    !target_read_bulk(runtime->target, frame, bytes, sizeof bytes, NULL))
		return false;
	struct reader reader = reader_over(bytes, sizeof bytes);
	reader_seek(&reader, layout->pc);
	registers->pc = reader_u64(&reader);
	reader_seek(&reader, layout->sp);
	registers->sp = reader_u64(&reader);
	reader_seek(&reader, layout->link);
	registers->link = layout->link ? reader_u64(&reader) : 0;
	return true;
}

bool go_start_running(const struct go_runtime *runtime, struct unwinder *unwinder,
		      const struct go_saved *saved, const struct go_thread *thread,
		      struct unwind_start *start)
{
	const struct target_thread *found =
		target_find_thread(runtime->target, (int64_t)thread->id);
	if (!thread->id || !found)
		return false;
	struct target_thread registers = *found;
	for (int i = 0; i < NESTED_SIGNALS_MAX; i++)
		if (!read_interrupted(runtime, unwinder, thread, &registers))
			break;
	if (saved->syscall_sp) {
		go_start_saved(saved, start);
	} else if (thread->vdso_sp && is_on(saved, thread->vdso_sp)) {
		*start = start_on(saved, thread->vdso_pc, thread->vdso_sp);
	} else if (is_on(saved, registers.sp) && functab_entry(runtime->functab, registers.pc)) {
		*start = start_on(saved, registers.pc, registers.sp);
		start->link = registers.link;
		start->trap = true;
	} else { // it went to another stack: gogo() clears this when it comes back
		*start = start_on(saved, saved->pc, saved->sp);
		start->link = saved->link;
	}
	return is_on(saved, start->sp);
}
