// SPDX-License-Identifier: Apache-2.0
// In: the text of /proc/PID/status and /proc/PID/stat. Out: facts, each known or not.
#include "system/process.h"

#include <limits.h>
#include <string.h>

#include "system/text_priv.h"

#define FLAG_KERNEL_THREAD 0x00200000 // PF_KTHREAD, Linux include/linux/sched.h

static const struct text_row status_rows[] = {
	{"Threads", offsetof(struct process_status, threads)},
	{"VmSize", offsetof(struct process_status, vm_size_bytes)},
	{"VmRSS", offsetof(struct process_status, vm_rss_bytes)},
	{"VmHWM", offsetof(struct process_status, vm_peak_rss_bytes)},
	{"VmSwap", offsetof(struct process_status, vm_swap_bytes)},
	{"VmPTE", offsetof(struct process_status, vm_pte_bytes)},
	{"RssAnon", offsetof(struct process_status, rss_anon_bytes)},
	{"RssFile", offsetof(struct process_status, rss_file_bytes)},
	{"RssShmem", offsetof(struct process_status, rss_shmem_bytes)},
	{"VmData", offsetof(struct process_status, vm_data_bytes)},
	{"TracerPid", offsetof(struct process_status, tracer_pid)},
	{"Seccomp", offsetof(struct process_status, seccomp_mode)},
};

static void take_ns_pids(struct text line, struct process_status *status)
{
	uint64_t pid;
	status->ns_pid_count = 0;
	for (text_skip_blanks(&line); text_u64(&line, &pid); text_skip_blanks(&line)) {
		if (pid > INT_MAX || status->ns_pid_count == PROCESS_PID_LEVELS_MAX)
			return;
		status->ns_pids[status->ns_pid_count++] = (pid_t)pid;
	}
}

static bool take_status_line(struct text line, struct process_status *status, struct error *error)
{
	struct text rest = line;
	if (text_skip(&rest, "Name:\t")) {
		text_copy(&rest, status->name, sizeof status->name);
	} else if (text_skip(&rest, "State:\t")) {
		status->state = (char)(text_empty(&rest) ? '?' : *rest.at);
	} else if (text_skip(&rest, "Uid:\t")) {
		status->uid.known = text_u64(&rest, &status->uid.value);
	} else if (text_skip(&rest, "NSpid:")) {
		take_ns_pids(rest, status);
	} else {
		return text_assign(line, status_rows, sizeof status_rows / sizeof status_rows[0],
				   status, "status", error);
	}
	return true;
}

bool process_status_parse(const char *text, struct process_status *status, struct error *error)
{
	struct process_status parsed = {0};
	struct text all = text_over(text), line;
	while (text_line(&all, &line))
		if (!take_status_line(line, &parsed, error))
			return false;
	if (!text_check_end(&all, "status", error))
		return false;
	if (!parsed.name[0] || !parsed.state)
		return error_set(error, ERROR_BAD_DATA, "status: no name or no state");
	*status = parsed;
	return true;
}

// The fields after the name, by their number in proc_pid_stat(5).
enum {
	FIELD_PARENT = 4,
	FIELD_FLAGS = 9,
	FIELD_THREADS = 20,
	FIELD_START = 22,
	FIELD_VSIZE = 23,
	FIELD_RSS = 24,
	FIELD_CODE_START = 26,
	FIELD_CODE_END = 27,
	FIELD_EXIT_SIGNAL = 38,
	FIELD_EXIT = 52,
};

static void take_stat_field(unsigned int number, int64_t value, struct process_stat *stat)
{
	switch (number) {
	case FIELD_PARENT:
		stat->parent_pid = (pid_t)value;
		break;
	case FIELD_FLAGS:
		stat->kernel_thread = value & FLAG_KERNEL_THREAD;
		break;
	case FIELD_THREADS:
		stat->thread_count = (uint64_t)value;
		break;
	case FIELD_START:
		stat->start_ticks = (uint64_t)value;
		break;
	case FIELD_VSIZE:
		stat->vm_size_bytes = (uint64_t)value;
		break;
	case FIELD_RSS:
		stat->rss_pages = value > 0 ? (uint64_t)value : 0;
		break;
	case FIELD_CODE_START:
		stat->code_start = (uint64_t)value;
		break;
	case FIELD_CODE_END:
		stat->code_end = (uint64_t)value;
		break;
	case FIELD_EXIT_SIGNAL:
		stat->exit_signal = known((uint64_t)value);
		break;
	case FIELD_EXIT:
		stat->exit_status = known((uint64_t)value);
		break;
	default:
		break;
	}
}

static bool take_stat_number(struct text *line, int64_t *value)
{
	struct text word = text_word(line);
	uint64_t large;
	if (text_i64(&word, value))
		return text_empty(&word);
	// Some fields (rsslim) are unsigned and full.
	if (!text_u64(&word, &large))
		return false;
	*value = INT64_MAX;
	return text_empty(&word);
}

// The name may hold spaces, brackets and newlines: it ends at the last bracket of the file.
static bool take_stat_name(struct text *line, struct process_stat *stat)
{
	uint64_t pid;
	const char *close = text_find_last(line, ") ");
	if (!close || !text_u64(line, &pid) || pid > INT_MAX || !text_skip(line, " (") ||
	    close < line->at)
		return false;
	struct text name = {.at = line->at, .end = close};
	text_copy(&name, stat->name, sizeof stat->name);
	line->at = close + 2;
	stat->pid = (pid_t)pid;
	struct text state = text_word(line);
	stat->state = (char)(text_empty(&state) ? '\0' : *state.at);
	return text_left(&state) == 1;
}

bool process_stat_parse(const char *text, struct process_stat *stat, struct error *error)
{
	struct process_stat parsed = {0};
	struct text line = text_over(text);
	bool whole = !text_empty(&line) && line.end[-1] == '\n';
	line.end -= whole;
	if (!whole || !take_stat_name(&line, &parsed))
		return error_set(error, ERROR_BAD_DATA, "stat: no whole line with pid and name");
	unsigned int number = FIELD_PARENT;
	int64_t value;
	for (text_skip_blanks(&line); !text_empty(&line); number++) {
		if (!take_stat_number(&line, &value))
			return error_set(error, ERROR_BAD_DATA, "stat: field %u is no number",
					 number);
		take_stat_field(number, value, &parsed);
		text_skip_blanks(&line);
	}
	if (number <= FIELD_RSS)
		return error_set(error, ERROR_BAD_DATA, "stat: only %u fields", number - 1);
	*stat = parsed;
	return true;
}
