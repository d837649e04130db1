// SPDX-License-Identifier: Apache-2.0
// In: runtime.allm. Out: how many threads there are, and what they do.
#include "golang/scheduler_priv.h"

enum { THREADS_MAX = 100000, STATUS_SYSCALL = 3, STATUS_SCAN_BIT = 0x1000 };

static bool is_in_syscall(const struct go_runtime *runtime, taddr_t goroutine)
{
	uint32_t status;
	return goroutine &&
	       target_read_u32(runtime->target,
			       goroutine + (uint64_t)runtime->layout.offset[GO_G_ATOMICSTATUS],
			       &status, NULL) &&
	       (status & ~(uint32_t)STATUS_SCAN_BIT) == STATUS_SYSCALL;
}

static void add_thread(const struct go_runtime *runtime, const struct go_record *thread,
		       struct go_threads *threads)
{
	threads->total++;
	threads->spinning += record_u8(thread, GO_M_SPINNING) != 0;
	threads->locked += record_u64(thread, GO_M_LOCKEDG) != 0;
	threads->extra += record_u8(thread, GO_M_ISEXTRA) != 0;
	if (record_u8(thread, GO_M_INCGO))
		threads->in_c++;
	else if (record_u64(thread, GO_M_P))
		threads->running++;
	else if (is_in_syscall(runtime, record_u64(thread, GO_M_CURG)))
		threads->in_syscall++;
	else if (record_u8(thread, GO_M_BLOCKED))
		threads->parked++;
	else
		threads->other++;
}

void go_threads_read(const struct go_runtime *runtime, struct go_scheduler *scheduler)
{
	struct go_threads *threads = &scheduler->threads;
	taddr_t address = 0;
	if (!go_variable_u64(runtime, GO_SYMBOL_ALLM, &address)) {
		scheduler->failed++;
		return;
	}
	while (address) {
		struct go_struct thread = {0};
		if (threads->total == THREADS_MAX ||
		    !go_struct_read(runtime, address, GO_SIZEOF_M, &thread, NULL)) {
			threads->cut = true;
			scheduler->failed++;
			return;
		}
		add_thread(runtime, &thread.record, threads);
		address = record_u64(&thread.record, GO_M_ALLLINK);
		go_struct_deinit(&thread);
	}
}
