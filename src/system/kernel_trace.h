// SPDX-License-Identifier: Apache-2.0
/*
 * The end of one process, told by the kernel itself as it happens: that the OOM killer chose it
 * (tracepoint oom:mark_victim), and its exit code or signal (sched:sched_process_exit), which
 * nobody else keeps once its parent has collected it.
 *
 * Two BPF programs of a dozen instructions, put together here: no compiler, no library, no tracefs.
 * They are gone with the descriptors. Needs Linux 5.8 with BTF, and CAP_BPF with CAP_PERFMON (or
 * root); elsewhere the other sources have to do.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum kernel_trace_kind { KERNEL_TRACE_OOM_VICTIM = 1, KERNEL_TRACE_EXIT = 2 };

struct kernel_trace_event {
	enum kernel_trace_kind kind;
	int64_t monotonic_ns;
	int wait_status; // of KERNEL_TRACE_EXIT: as waitpid gives it
};

struct kernel_trace;

// `pid` as the machine counts, not a container. ERROR_OS where it is not allowed, ERROR_NOT_FOUND
// or ERROR_UNSUPPORTED where the kernel does not have what it takes.
bool kernel_trace_open(pid_t pid, struct kernel_trace **trace, struct error *error) must_check;
// False when there is nothing more for now.
bool kernel_trace_read(struct kernel_trace *trace, struct kernel_trace_event *event);
void kernel_trace_close(struct kernel_trace *trace); // NULL is allowed
