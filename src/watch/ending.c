// SPDX-License-Identifier: Apache-2.0
// In: the kernel's log, counters, an exit status. Out: the facts of a kill.
#include "watch/ending.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/units.h"
#include "system/exit.h"

static const int64_t PATIENCE_NS = 1000000000;
static const int64_t SETTLED_NS = 3000000000; // a kill that old was another process's
static const useconds_t STEP_US = 10000;
enum { GO_FATAL_EXIT = 2 };

void ending_begin(struct ending *ending, struct cgroup *cgroup, const struct process_files *process)
{
	ending_begin_calm(ending, cgroup, process);
	ending->patience_ns = PATIENCE_NS;
	(void)!kernel_trace_open(process->pid, &ending->trace, NULL);
}

void ending_begin_calm(struct ending *ending, struct cgroup *cgroup,
		       const struct process_files *process)
{
	*ending = (struct ending){
		.cgroup = cgroup, .process = process, .oom_kills_before = -1, .oom_kills_now = -1};
	oomd_read_marks(cgroup, &ending->oomd);
	ending->has_log = kmsg_open("/dev/kmsg", KMSG_FROM_NOW, &ending->log, NULL);
}

void ending_update(struct ending *ending, int64_t oom_kills)
{
	int64_t now_ns = clock_monotonic_ns();
	if (ending->oom_kills_before < 0)
		ending->oom_kills_before = oom_kills;
	if (oom_kills != ending->oom_kills_now)
		ending->moved_ns = now_ns;
	ending->oom_kills_now = oom_kills;
	if (now_ns - ending->moved_ns >= SETTLED_NS)
		ending->oom_kills_before = oom_kills;
}

void ending_deinit(struct ending *ending)
{
	kernel_oom_collector_deinit(&ending->collector);
	kernel_trace_close(ending->trace);
	if (ending->has_log)
		kmsg_close(&ending->log);
}

static int64_t value_or_unknown(struct known_u64 number)
{
	return number.known ? (int64_t)number.value : -1;
}

static const char *constraint_name(enum oom_constraint constraint)
{
	static const char *const names[] = {
		[OOM_CONSTRAINT_UNKNOWN] = "",
		[OOM_CONSTRAINT_NONE] = "machine",
		[OOM_CONSTRAINT_MEMCG] = "cgroup",
		[OOM_CONSTRAINT_CPUSET] = "cpuset",
		[OOM_CONSTRAINT_MEMORY_POLICY] = "memory policy",
	};
	return names[constraint];
}

static void take_who(struct kill_facts *facts, const struct kernel_oom *oom)
{
	snprintf(facts->constraint, sizeof facts->constraint, "%s",
		 constraint_name(oom->constraint));
	snprintf(facts->invoker, sizeof facts->invoker, "%s", oom->invoker);
	facts->group_kill |= oom->group_kill;
	facts->oom_score_known = oom->oom_score_known;
	facts->oom_score_adj = oom->oom_score_adj;
	facts->consumer.pid = oom->largest.pid;
	facts->consumer.rss_bytes = oom->largest.rss_bytes;
	facts->consumer.oom_score_adj = oom->largest.oom_score_adj;
	snprintf(facts->consumer.name, sizeof facts->consumer.name, "%s", oom->largest.name);
}

static void take_oom(struct kill_facts *facts, const struct kernel_oom *oom)
{
	facts->cause = oom->constraint == OOM_CONSTRAINT_MEMCG ? KILL_CGROUP_OOM : KILL_GLOBAL_OOM;
	facts->unix_ns = oom->unix_ns;
	snprintf(facts->victim, sizeof facts->victim, "%s", oom->victim);
	snprintf(facts->limit_cgroup, sizeof facts->limit_cgroup, "%.255s", oom->oom_memcg);
	facts->limit_bytes = value_or_unknown(oom->limit_bytes);
	facts->usage_bytes = value_or_unknown(oom->usage_bytes);
	facts->anon_rss_bytes = value_or_unknown(oom->anon_rss_bytes);
	facts->file_rss_bytes = value_or_unknown(oom->file_rss_bytes);
	take_who(facts, oom);
	const char *line = oom->raw.text ? strstr(oom->raw.text, "Killed process") : NULL;
	for (; line && line > oom->raw.text && line[-1] != '\n'; line--)
		;
	if (line)
		snprintf(facts->kernel_line, sizeof facts->kernel_line, "%.*s",
			 (int)strcspn(line, "\n"), line);
}

// One kill a process; a group's are told one after the other, some of them twice.
static void note_victim(struct ending *ending, const struct kernel_oom *oom)
{
	struct ending_victims *victims = &ending->victims;
	if (!oom->group_kill)
		*victims = (struct ending_victims){0}; // a new block
	victims->is_group |= oom->group_kill;
	if (oom->is_thread)
		return;
	for (int i = 0; i < victims->count && i < ENDING_VICTIMS_MAX; i++)
		if (victims->pids[i] == oom->victim_pid)
			return;
	if (victims->count < ENDING_VICTIMS_MAX)
		victims->pids[victims->count] = oom->victim_pid;
	victims->count++;
}

static bool is_victim(const struct ending *ending)
{
	const struct ending_victims *victims = &ending->victims;
	for (int i = 0; i < victims->count && i < ENDING_VICTIMS_MAX; i++)
		if (victims->pids[i] == ending->process->pid)
			return true;
	return false;
}

static void take_victims(const struct ending *ending, struct kill_facts *facts)
{
	if (!is_victim(ending))
		return; // another block came after it
	facts->group_kill = ending->victims.is_group;
	facts->victim_count = ending->victims.count;
}

// Reads what the log has so far; true once it named this process as a victim.
static bool read_log(struct ending *ending, struct kill_facts *facts)
{
	struct kmsg_record record;
	struct kernel_oom oom;
	bool got = true, found = false;
	while (ending->has_log) {
		struct error error = {0};
		if (!kmsg_read(&ending->log, &record, &got, &error)) {
			if (error.code == ERROR_OS)
				break;
			continue; // a damaged record: the next call goes on behind it
		}
		if (!got)
			break;
		if (!kernel_oom_collect(&ending->collector, &record, kmsg_unix_offset_ns(), &oom))
			continue;
		note_victim(ending, &oom);
		if (oom.victim_pid == ending->process->pid && !facts->kernel_line[0])
			take_oom(facts, &oom);
		found |= oom.victim_pid == ending->process->pid;
		kernel_oom_deinit(&oom);
	}
	return found;
}

// systemd-oomd marks the cgroup before it kills and after that; the kernel's own kill is known by
// then.
static void read_oomd(struct ending *ending, struct kill_facts *facts)
{
	struct oomd_marks now;
	oomd_read_marks(ending->cgroup, &now);
	const char *killed = oomd_find_killed(ending->cgroup, &ending->oomd, &now);
	if (!killed || facts->cause != KILL_UNKNOWN || ending->traced_victim ||
	    (facts->signal && facts->signal != SIGKILL) || facts->exit_code >= 0)
		return;
	facts->cause = KILL_OOMD;
	facts->group_kill = true;
	facts->signal = SIGKILL;
	snprintf(facts->oomd_cgroup, sizeof facts->oomd_cgroup, "%.255s", killed);
	if (!facts->exit_source[0])
		snprintf(facts->exit_source, sizeof facts->exit_source,
			 "the marks of systemd-oomd");
}

// Nobody else knows once the parent has collected it, before Linux 6.15.
static bool find_traced_exit(struct ending *ending, struct exit_info *info)
{
	struct kernel_trace_event event;
	while (ending->trace && kernel_trace_read(ending->trace, &event)) {
		ending->traced_victim |= event.kind == KERNEL_TRACE_OOM_VICTIM;
		if (event.kind != KERNEL_TRACE_EXIT)
			continue;
		*info = exit_of_status(event.wait_status, "the kernel's tracepoint of exits");
		return true;
	}
	return false;
}

static bool read_exit(struct ending *ending, struct kill_facts *facts)
{
	struct exit_info info;
	if ((!exit_find(ending->process, &info, NULL) || !info.known) &&
	    !find_traced_exit(ending, &info))
		return false;
	facts->signal = info.signalled ? info.signal : 0;
	facts->exit_code = info.signalled ? -1 : info.code;
	snprintf(facts->exit_source, sizeof facts->exit_source, "%s", info.source);
	return true;
}

static void read_trace(struct ending *ending)
{
	struct exit_info info;
	while (find_traced_exit(ending, &info))
		;
}

static void read_counters(struct ending *ending, struct kill_facts *facts)
{
	struct cgroup_stat stat;
	facts->oom_kills_after = ending->oom_kills_now;
	if (!cgroup_stat(ending->cgroup, &stat, NULL))
		return; // removed: what was sampled last has to do
	facts->oom_kills_after = value_or_unknown(stat.counts.oom_kill_count);
	facts->peak_bytes = value_or_unknown(stat.peak_bytes);
	if (facts->cause == KILL_GLOBAL_OOM || facts->cause == KILL_OOMD)
		return; // no cgroup's limit was to blame
	if (facts->limit_bytes < 0 && stat.effective_limit.known && !stat.effective_limit.unlimited)
		facts->limit_bytes = (int64_t)stat.effective_limit.bytes;
	if (!facts->limit_cgroup[0])
		snprintf(facts->limit_cgroup, sizeof facts->limit_cgroup, "%.255s",
			 stat.effective_limit_path ? stat.effective_limit_path
						   : cgroup_get_path(ending->cgroup));
}

// While the kill is held a system call gets ENOMEM instead, and Go's runtime throws "out of memory"
// then.
static bool is_starved(const struct kill_facts *facts)
{
	return facts->exit_code == GO_FATAL_EXIT && facts->limit_bytes > 0 &&
	       facts->peak_bytes >= facts->limit_bytes - facts->limit_bytes / 100;
}

// Without the kernel's log: signal 9 with the counter risen in the last seconds is a kill at the
// limit, as far as anybody can tell; with a counter that did not rise, it is not; and without a
// counter nobody knows.
static void conclude(const struct ending *ending, struct kill_facts *facts)
{
	bool known = facts->oom_kills_before >= 0 && facts->oom_kills_after >= 0;
	bool risen = known && facts->oom_kills_after > facts->oom_kills_before;
	if (facts->cause != KILL_UNKNOWN) {
		if (!facts->signal) { // "Killed process" is the kernel's word for signal 9
			facts->signal = 9;
			snprintf(facts->exit_source, sizeof facts->exit_source, "the kernel's log");
		}
	} else if (facts->signal == SIGKILL && ending->trace) {
		facts->inferred = ending->traced_victim; // it does not say whose limit
		facts->cause = ending->traced_victim ? KILL_CGROUP_OOM : KILL_SIGNAL;
	} else if (facts->signal == SIGKILL) {
		facts->inferred = true;
		if (risen && !ending->has_log)
			facts->cause = KILL_CGROUP_OOM;
		else if (known && !risen)
			facts->cause = KILL_SIGNAL;
	} else if (facts->signal) {
		facts->cause = KILL_SIGNAL;
	} else if (facts->exit_code >= 0) {
		facts->inferred = is_starved(facts);
		facts->cause = facts->inferred ? KILL_STARVED : KILL_EXIT;
	}
}

void ending_find(struct ending *ending, bool ended, struct kill_facts *out)
{
	struct kill_facts facts = {
		.cause = ended ? KILL_UNKNOWN : KILL_NONE,
		.pid = ending->process->pid,
		.exit_code = -1,
		.unix_ns = clock_unix_ns(),
		.limit_bytes = -1,
		.usage_bytes = -1,
		.peak_bytes = -1,
		.anon_rss_bytes = -1,
		.file_rss_bytes = -1,
		.oom_kills_before = ending->oom_kills_before,
		.oom_kills_after = -1,
	};
	int64_t deadline = clock_monotonic_ns() + (ended ? ending->patience_ns : 0);
	bool logged = !ended, exited = !ended;
	do {
		logged = logged || read_log(ending, &facts);
		exited = exited || read_exit(ending, &facts);
		bool oom_is_possible = facts.signal == 9 || !exited;
		if (exited && (logged || !oom_is_possible))
			break;
		usleep(STEP_US);
	} while (clock_monotonic_ns() < deadline);
	take_victims(ending, &facts);
	read_trace(ending);
	if (ended)
		read_oomd(ending, &facts);
	read_counters(ending, &facts);
	if (ended)
		conclude(ending, &facts);
	*out = facts;
}
