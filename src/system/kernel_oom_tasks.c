// SPDX-License-Identifier: Apache-2.0
// In: the table of tasks in a kernel's OOM block. Out: who used the most there. The columns differ
// between versions, so they are found by their names; the last one, a name, may hold anything.
// Linux mm/oom_kill.c, dump_tasks and dump_task.
#include "system/kernel_oom_priv.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

enum { COLUMNS_MAX = 24 };

// "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name"
bool kernel_oom_take_header(struct text line, struct kernel_oom_table *table)
{
	struct text inside;
	struct kernel_oom_table found = {.tgid = -1, .rss = -1, .score = -1};
	if (!text_skip(&line, "[") || !text_until(&line, ']', &inside))
		return false;
	struct text pid = text_word(&inside);
	if (!text_equals(&pid, "pid"))
		return false;
	for (int i = 0; i < COLUMNS_MAX; i++) {
		struct text word = text_word(&line);
		if (text_equals(&word, "name")) {
			found.count = i;
			found.known = found.tgid >= 0 && found.rss >= 0 && found.score >= 0;
			*table = found;
			return true;
		}
		if (text_equals(&word, "tgid"))
			found.tgid = i;
		else if (text_equals(&word, "rss"))
			found.rss = i;
		else if (text_equals(&word, "oom_score_adj"))
			found.score = i;
	}
	return false;
}

static bool take_numbers(struct text *line, const struct kernel_oom_table *table,
			 int64_t numbers[COLUMNS_MAX])
{
	for (int i = 0; i < table->count; i++) {
		struct text word = text_word(line);
		if (!text_i64(&word, &numbers[i]) || !text_empty(&word))
			return false;
	}
	text_skip_blanks(line);
	return true;
}

// "[    111]     0   111   348683    33470   356352        0             0 leak"
bool kernel_oom_take_task(struct text line, struct kernel_oom_table *table,
			  struct kernel_oom_task *largest)
{
	struct text inside;
	int64_t numbers[COLUMNS_MAX], bytes;
	if (!table->known || !text_skip(&line, "[") || !text_until(&line, ']', &inside) ||
	    !take_numbers(&line, table, numbers))
		return false;
	int64_t tgid = numbers[table->tgid], score = numbers[table->score];
	if (tgid <= 0 || tgid > INT_MAX || score < -1000 || score > 1000 ||
	    numbers[table->rss] < 0 ||
	    __builtin_mul_overflow(numbers[table->rss], (int64_t)sysconf(_SC_PAGESIZE), &bytes))
		return false;
	if (table->pid_count < KERNEL_OOM_TASKS_MAX)
		table->pids[table->pid_count] = (pid_t)tgid;
	table->pid_count++;
	if (largest->pid && bytes <= largest->rss_bytes)
		return true;
	*largest = (struct kernel_oom_task){
		.pid = (pid_t)tgid, .rss_bytes = bytes, .oom_score_adj = (int)score};
	text_copy(&line, largest->name, sizeof largest->name);
	return true;
}

bool kernel_oom_lists(const struct kernel_oom_table *table, pid_t pid)
{
	for (int i = 0; i < table->pid_count && i < KERNEL_OOM_TASKS_MAX; i++)
		if (table->pids[i] == pid)
			return true;
	return table->pid_count == 0 || table->pid_count > KERNEL_OOM_TASKS_MAX;
}
