// SPDX-License-Identifier: Apache-2.0
// In: records of the kernel's log. Out: one struct for each process it killed for memory.
#include "system/kernel_oom.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "system/kernel_oom_priv.h"

void kernel_oom_deinit(struct kernel_oom *oom)
{
	strbuf_deinit(&oom->raw);
}

void kernel_oom_collector_deinit(struct kernel_oom_collector *collector)
{
	kernel_oom_deinit(&collector->block);
	*collector = (struct kernel_oom_collector){0};
}

// Moves behind `literal`; false when it does not come.
static bool skip_to(struct text *text, const char *literal)
{
	const char *found = text_find(text, literal);
	if (!found)
		return false;
	text->at = found + strlen(literal);
	return true;
}

// "LABELnumber", in kB where the label is followed by one.
static void take_field(struct text line, const char *label, struct known_u64 *field)
{
	uint64_t value;
	if (!skip_to(&line, label) || !text_u64(&line, &value))
		return;
	if (text_skip(&line, "kB") && __builtin_mul_overflow(value, (uint64_t)1024, &value))
		return;
	*field = known(value);
}

// "NAME invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"
static bool take_invoked(struct text line, struct kernel_oom *oom)
{
	const char *mark = text_find_last(&line, " invoked oom-killer: ");
	if (!mark)
		return false;
	struct text name = {.at = line.at, .end = mark};
	text_copy(&name, oom->invoker, sizeof oom->invoker);
	return true;
}

// "CPU: 0 UID: 0 PID: 4314 Comm: NAME Not tainted ...": of the process that invoked it.
static bool take_cpu(struct text line, struct kernel_oom *oom)
{
	struct text rest = line;
	if (!text_skip(&rest, "CPU: ") || oom->invoker_pid.known)
		return false;
	take_field(rest, "PID: ", &oom->invoker_pid);
	return oom->invoker_pid.known;
}

// "memory: usage 32768kB, limit 32768kB, failcnt 19"
static bool take_usage(struct text line, struct kernel_oom *oom)
{
	struct known_u64 limit = {0};
	if (!text_skip(&line, "memory: usage "))
		return false;
	line.at -= strlen("usage ");
	take_field(line, "usage ", &oom->usage_bytes);
	take_field(line, "limit ", &limit);
	take_field(line, "failcnt ", &oom->limit_hits);
	if (limit.known && limit.value < (uint64_t)INT64_MAX - 65536)
		oom->limit_bytes = limit;
	return true;
}

static bool take_kernel(struct text line, struct kernel_oom *oom)
{
	if (!text_skip(&line, "kmem: "))
		return false;
	take_field(line, "usage ", &oom->kernel_bytes);
	return oom->kernel_bytes.known;
}

static enum oom_constraint constraint_of(const struct text *name)
{
	static const struct {
		const char *name;
		enum oom_constraint constraint;
	} rows[] = {
		{"CONSTRAINT_NONE", OOM_CONSTRAINT_NONE},
		{"CONSTRAINT_MEMCG", OOM_CONSTRAINT_MEMCG},
		{"CONSTRAINT_CPUSET", OOM_CONSTRAINT_CPUSET},
		{"CONSTRAINT_MEMORY_POLICY", OOM_CONSTRAINT_MEMORY_POLICY},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (text_equals(name, rows[i].name))
			return rows[i].constraint;
	return OOM_CONSTRAINT_UNKNOWN;
}

static void take_victim_pid(struct text digits, struct kernel_oom *oom)
{
	uint64_t pid;
	if (text_u64(&digits, &pid) && pid <= INT_MAX)
		oom->victim_pid = (pid_t)pid;
}

// "...,oom_memcg=/a,task_memcg=/a/b,task=NAME,pid=1,uid=0": the names in the middle may hold
// anything, so the ends are found from outside.
static void take_cgroups(struct text line, struct kernel_oom *oom)
{
	const char *task = text_find_last(&line, ",task=");
	const char *task_memcg = text_find_last(&line, ",task_memcg=");
	if (!task || !task_memcg || task < task_memcg)
		return;
	struct text rest = {.at = line.at, .end = task_memcg};
	struct text where = {.at = task_memcg + strlen(",task_memcg="), .end = task};
	text_copy(&where, oom->task_memcg, sizeof oom->task_memcg);
	if (skip_to(&rest, ",oom_memcg="))
		text_copy(&rest, oom->oom_memcg, sizeof oom->oom_memcg);
}

static bool take_summary(struct text line, struct kernel_oom *oom)
{
	struct text constraint;
	if (!text_skip(&line, "oom-kill:constraint=") || !text_until(&line, ',', &constraint))
		return false;
	line.at--; // the comma belongs to the next field
	oom->constraint = constraint_of(&constraint);
	take_cgroups(line, oom);
	const char *pid = text_find_last(&line, ",pid="), *uid = text_find_last(&line, ",uid=");
	if (pid) {
		struct text digits = {.at = pid + strlen(",pid="), .end = line.end};
		take_victim_pid(digits, oom);
	}
	if (uid) {
		struct text digits = {.at = uid, .end = line.end};
		take_field(digits, ",uid=", &oom->victim_uid);
	}
	return true;
}

// "Tasks in /a are going to be killed due to memory.oom.group set"
static bool is_group(struct text line)
{
	return text_skip(&line, "Tasks in ") &&
	       text_find(&line, " are going to be killed due to memory.oom.group set");
}

static void take_score(struct text line, struct kernel_oom *oom)
{
	int64_t score;
	if (!skip_to(&line, " oom_score_adj:") || !text_i64(&line, &score) || score < -1000 ||
	    score > 1000)
		return;
	oom->oom_score_known = true;
	oom->oom_score_adj = (int)score;
}

// "[Memory cgroup o|O]ut of memory: Killed process 123 (NAME) total-vm:1kB, anon-rss:1kB,
// file-rss:1kB, shmem-rss:1kB, UID:0 pgtables:1kB oom_score_adj:0"
static bool take_killed(struct text line, struct kernel_oom *oom)
{
	bool cgroup = text_skip(&line, "Memory cgroup out of memory");
	if (!cgroup && !text_skip(&line, "Out of memory"))
		return false;
	const char *close = text_find_last(&line, ") total-vm:");
	uint64_t pid;
	if (!close || !skip_to(&line, ": Killed process ") || !text_u64(&line, &pid) ||
	    pid > INT_MAX || !text_skip(&line, " (") || line.at > close)
		return false;
	struct text name = {.at = line.at, .end = close}, numbers = {.at = close, .end = line.end};
	oom->victim_pid = (pid_t)pid;
	text_copy(&name, oom->victim, sizeof oom->victim);
	take_field(numbers, "total-vm:", &oom->total_vm_bytes);
	take_field(numbers, " anon-rss:", &oom->anon_rss_bytes);
	take_field(numbers, " file-rss:", &oom->file_rss_bytes);
	take_field(numbers, " shmem-rss:", &oom->shmem_rss_bytes);
	take_field(numbers, " UID:", &oom->victim_uid);
	take_field(numbers, " pgtables:", &oom->pagetables_bytes);
	take_score(numbers, oom);
	if (oom->constraint == OOM_CONSTRAINT_UNKNOWN)
		oom->constraint = cgroup ? OOM_CONSTRAINT_MEMCG : OOM_CONSTRAINT_NONE;
	return true;
}

// Later victims of a group follow at once; a slow console may print for a while between them.
#define GROUP_WINDOW_US 30000000

enum line_kind { LINE_OTHER, LINE_FIRST, LINE_MIDDLE, LINE_GROUP, LINE_LAST };

static enum line_kind take_line(struct text line, struct kernel_oom *oom)
{
	if (take_invoked(line, oom))
		return LINE_FIRST;
	if (take_killed(line, oom))
		return LINE_LAST;
	if (is_group(line))
		return LINE_GROUP;
	return take_cpu(line, oom) || take_usage(line, oom) || take_kernel(line, oom) ||
			       take_summary(line, oom)
		       ? LINE_MIDDLE
		       : LINE_OTHER;
}

bool kernel_oom_parse(const char *line, struct kernel_oom *oom)
{
	return take_line(text_over(line), oom) != LINE_OTHER;
}

static void add_raw(struct kernel_oom *oom, const char *line)
{
	if (oom->raw.length + strlen(line) + 1 > KERNEL_OOM_RAW_MAX)
		return;
	strbuf_add(&oom->raw, line);
	strbuf_add(&oom->raw, "\n");
}

static void start_block(struct kernel_oom_collector *collector, const char *line)
{
	kernel_oom_collector_deinit(collector);
	collector->collecting = true;
	take_invoked(text_over(line), &collector->block);
}

// Hands the kill out. What later victims of the same block share stays behind.
static void finish(struct kernel_oom_collector *collector, struct kernel_oom *oom)
{
	*oom = collector->block;
	oom->group_kill = collector->group;
	oom->is_thread = oom->group_kill && !kernel_oom_lists(&collector->table, oom->victim_pid);
	struct kernel_oom shared = *oom;
	shared.raw = (struct strbuf){0};
	shared.victim_uid = shared.total_vm_bytes = shared.anon_rss_bytes = (struct known_u64){0};
	shared.file_rss_bytes = shared.shmem_rss_bytes = shared.pagetables_bytes =
		(struct known_u64){0};
	shared.oom_score_known = false;
	collector->block = shared;
	collector->collecting = false;
}

static bool group_goes_on(const struct kernel_oom_collector *collector, int64_t monotonic_us)
{
	return collector->group && monotonic_us - collector->block.monotonic_us <= GROUP_WINDOW_US;
}

bool kernel_oom_collect(struct kernel_oom_collector *collector, const struct kmsg_record *record,
			int64_t unix_offset_ns, struct kernel_oom *oom)
{
	struct kernel_oom probe = {0};
	if (record->facility != 0)
		return false;
	struct text line = text_over(record->text);
	enum line_kind kind = take_line(line, &probe);
	if (kind == LINE_FIRST)
		start_block(collector, record->text);
	else if (kind == LINE_GROUP)
		collector->group = true;
	else if (kind == LINE_LAST && !collector->collecting &&
		 !group_goes_on(collector, record->monotonic_us))
		kernel_oom_collector_deinit(collector); // its block was lost, or not printed
	if (collector->collecting || kind == LINE_GROUP || kind == LINE_LAST)
		add_raw(&collector->block, record->text);
	if (collector->collecting || kind == LINE_LAST)
		take_line(line, &collector->block);
	if (collector->collecting && kind == LINE_OTHER &&
	    !kernel_oom_take_header(line, &collector->table))
		(void)kernel_oom_take_task(line, &collector->table, &collector->block.largest);
	if (kind != LINE_LAST)
		return false;
	collector->block.monotonic_us = record->monotonic_us;
	collector->block.unix_ns = record->monotonic_us * 1000 + unix_offset_ns;
	finish(collector, oom);
	return true;
}
