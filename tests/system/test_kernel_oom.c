// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "system/kernel_oom.h"

static const char *const block[] = {
	"web invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
	"CPU: 0 UID: 0 PID: 4314 Comm: web Not tainted 6.18.44 #1 PREEMPT(none) ",
	"EXT4-fs (vda): something else entirely",
	"memory: usage 32768kB, limit 32768kB, failcnt 19",
	"memory+swap: usage 32768kB, limit 9007199254740988kB, failcnt 0",
	"kmem: usage 68kB, limit 9007199254740988kB, failcnt 0",
	"Memory cgroup stats for /pod/web:",
	"usb 1-1: new device, CPU: 7 PID: 99",
	"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
	"oom_memcg=/pod,task_memcg=/pod/web,task=we,pid=9,b,pid=4315,uid=1000",
	"Memory cgroup out of memory: Killed process 4315 (we) x) total-vm:35372kB, "
	"anon-rss:32640kB, file-rss:956kB, shmem-rss:4kB, UID:1000 pgtables:108kB "
	"oom_score_adj:-998",
};
#define BLOCK_LINES (sizeof block / sizeof block[0])

static bool feed(struct kernel_oom_collector *collector, const char *line, struct kernel_oom *oom)
{
	static struct kmsg_record record;
	snprintf(record.text, sizeof record.text, "%s", line);
	record.monotonic_us += 1000;
	return kernel_oom_collect(collector, &record, 5000000000, oom);
}

static void expect_block(const struct kernel_oom *oom)
{
	assert_int_equal(OOM_CONSTRAINT_MEMCG, oom->constraint);
	assert_string_equal("/pod", oom->oom_memcg);
	assert_string_equal("/pod/web", oom->task_memcg);
	assert_string_equal("web", oom->invoker);
	assert_int_equal(4314, oom->invoker_pid.value);
	assert_int_equal(32 << 20, oom->usage_bytes.value);
	assert_int_equal(32 << 20, oom->limit_bytes.value);
	assert_int_equal(19, oom->limit_hits.value);
	assert_int_equal(68 << 10, oom->kernel_bytes.value);
	assert_int_equal(4315, oom->victim_pid);
	assert_string_equal("we) x", oom->victim);
	assert_int_equal(1000, oom->victim_uid.value);
	assert_int_equal(35372 << 10, oom->total_vm_bytes.value);
	assert_int_equal(32640 << 10, oom->anon_rss_bytes.value);
	assert_int_equal(956 << 10, oom->file_rss_bytes.value);
	assert_int_equal(4 << 10, oom->shmem_rss_bytes.value);
	assert_int_equal(108 << 10, oom->pagetables_bytes.value);
	assert_true(oom->oom_score_known);
	assert_int_equal(-998, oom->oom_score_adj);
}

static void one_kill_is_put_together(void **state)
{
	(void)state;
	struct kernel_oom_collector collector = {0};
	struct kernel_oom oom;
	for (size_t i = 0; i + 1 < BLOCK_LINES; i++)
		assert_false(feed(&collector, block[i], &oom));
	assert_true(feed(&collector, block[BLOCK_LINES - 1], &oom));
	expect_block(&oom);
	assert_false(oom.group_kill);
	assert_true(oom.unix_ns == oom.monotonic_us * 1000 + 5000000000);
	assert_non_null(strstr(oom.raw.text, block[0]));
	assert_non_null(strstr(oom.raw.text, block[BLOCK_LINES - 1]));
	kernel_oom_deinit(&oom);
	kernel_oom_collector_deinit(&collector);
}

static void a_group_gives_each_victim(void **state)
{
	(void)state;
	struct kernel_oom_collector collector = {0};
	struct kernel_oom oom;
	for (size_t i = 0; i + 1 < BLOCK_LINES; i++)
		feed(&collector, block[i], &oom);
	assert_true(feed(&collector, block[BLOCK_LINES - 1], &oom));
	kernel_oom_deinit(&oom);
	assert_false(feed(&collector,
			  "Tasks in /pod are going to be killed due to memory.oom.group set",
			  &oom));
	assert_true(feed(&collector,
			 "Memory cgroup out of memory: Killed process 7 (sidecar) total-vm:1kB, "
			 "anon-rss:2kB, file-rss:3kB, shmem-rss:0kB, UID:0 pgtables:4kB "
			 "oom_score_adj:0",
			 &oom));
	assert_true(oom.group_kill);
	assert_int_equal(7, oom.victim_pid);
	assert_string_equal("/pod", oom.oom_memcg);
	assert_int_equal(2048, oom.anon_rss_bytes.value);
	assert_int_equal(32 << 20, oom.limit_bytes.value);
	kernel_oom_deinit(&oom);
	// The next block starts afresh.
	feed(&collector, block[0], &oom);
	assert_true(feed(&collector, block[BLOCK_LINES - 1], &oom));
	assert_false(oom.group_kill);
	assert_string_equal("", oom.oom_memcg);
	assert_false(oom.limit_bytes.known);
	kernel_oom_deinit(&oom);
	kernel_oom_collector_deinit(&collector);
}

// Both versions of the table: the columns are not the same.
static void the_largest_of_the_table_is_found(void **state)
{
	(void)state;
	static const char *const tables[][4] = {
		{"[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
		 "[    111]     0   111   348683    33470   356352        0          -900 a b] 1",
		 "[    112]     0   112   999999       70   356352        0             0 web",
		 "[    113]     0   113   9 x"},
		{"[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes "
		 "swapents oom_score_adj name",
		 "[    111]  1000   111   348683    33470 33000 470 0  356352        0          -900 "
		 "a b] 1",
		 "[    112]     0   112   999999       70 0 0 70  356352        0             0 web",
		 "[    114]     0   114   1 99999999999999999999 0 0 0 1 0 0 web"},
	};
	for (size_t t = 0; t < 2; t++) {
		struct kernel_oom_collector collector = {0};
		struct kernel_oom oom;
		feed(&collector, block[0], &oom);
		for (size_t i = 0; i < 4; i++)
			assert_false(feed(&collector, tables[t][i], &oom));
		assert_true(feed(&collector, block[BLOCK_LINES - 1], &oom));
		assert_int_equal(111, oom.largest.pid);
		assert_int_equal(33470ll * sysconf(_SC_PAGESIZE), oom.largest.rss_bytes);
		assert_int_equal(-900, oom.largest.oom_score_adj);
		assert_string_equal("a b] 1", oom.largest.name);
		assert_false(oom.is_thread);
		kernel_oom_deinit(&oom);
		kernel_oom_collector_deinit(&collector);
	}
}

// A process that is dying already is told a second time, by the number of one of its threads.
static void a_thread_is_no_victim_of_its_own(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
		"[    491]     0   491   348683    33470   356352        0             0 leak",
		"[    482]     0   482   348683      470   356352        0             0 leak",
		"Memory cgroup out of memory: Killed process 491 (leak) total-vm:1kB, anon-rss:2kB",
		"Tasks in /pod are going to be killed due to memory.oom.group set",
		"Memory cgroup out of memory: Killed process 482 (leak) total-vm:1kB, anon-rss:2kB",
		"Memory cgroup out of memory: Killed process 497 (leak) total-vm:1kB, anon-rss:2kB",
	};
	struct kernel_oom_collector collector = {0};
	struct kernel_oom oom;
	int kills = 0, threads = 0;
	feed(&collector, block[0], &oom);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (feed(&collector, lines[i], &oom)) {
			kills++;
			threads += oom.is_thread;
			kernel_oom_deinit(&oom);
		}
	assert_int_equal(3, kills);
	assert_int_equal(1, threads);
	kernel_oom_collector_deinit(&collector);
}

static void a_global_kill_has_no_cgroup(void **state)
{
	(void)state;
	struct kernel_oom oom = {0};
	assert_true(kernel_oom_parse("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,"
				     "mems_allowed=0,global_oom,task_memcg=/a,task=b,pid=3,uid=0",
				     &oom));
	assert_int_equal(OOM_CONSTRAINT_NONE, oom.constraint);
	assert_string_equal("", oom.oom_memcg);
	assert_string_equal("/a", oom.task_memcg);
	assert_int_equal(3, oom.victim_pid);
	struct kernel_oom bare = {0};
	assert_true(kernel_oom_parse("Out of memory: Killed process 3 (b) total-vm:1kB, "
				     "anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 "
				     "pgtables:4kB oom_score_adj:0",
				     &bare));
	assert_int_equal(OOM_CONSTRAINT_NONE, bare.constraint);
	assert_string_equal("b", bare.victim);
	assert_true(
		kernel_oom_parse("memory: usage 1kB, limit 9007199254740988kB, failcnt 0", &bare));
	assert_false(bare.limit_bytes.known);
}

static void forged_lines_do_not_count(void **state)
{
	(void)state;
	struct kernel_oom_collector collector = {0};
	struct kernel_oom oom;
	struct kmsg_record *record = calloc(1, sizeof *record);
	record->facility = 1;
	snprintf(record->text, sizeof record->text, "%s", block[BLOCK_LINES - 1]);
	assert_false(kernel_oom_collect(&collector, record, 0, &oom));
	record->facility = 0;
	assert_true(kernel_oom_collect(&collector, record, 0, &oom));
	kernel_oom_deinit(&oom);
	kernel_oom_collector_deinit(&collector);
	free(record);
}

// A line of the log has no end mark of its own: any head of one may come. None may upset us.
static void each_head_of_a_line_is_survived(void **state)
{
	(void)state;
	for (size_t i = 0; i < BLOCK_LINES; i++) {
		for (size_t cut = 0; cut <= strlen(block[i]); cut++) {
			struct kernel_oom oom = {0};
			char *head = strndup(block[i], cut);
			(void)kernel_oom_parse(head, &oom);
			assert_true(oom.victim_pid >= 0 && oom.victim_pid <= 4315);
			free(head);
		}
	}
}

static const char record_text[] = "30,1234,2118352988,-,caller=T1;hello; world\n SUBSYSTEM=x\n";

static bool parse_record(const char *text, struct error *error)
{
	struct kmsg_record record;
	return kmsg_parse(text, &record, error);
}

static void records_are_parsed(void **state)
{
	(void)state;
	struct kmsg_record record;
	assert_ok(kmsg_parse(record_text, &record, &error));
	assert_int_equal(6, record.level);
	assert_int_equal(3, record.facility);
	assert_int_equal(1234, record.sequence);
	assert_int_equal(2118352988, record.monotonic_us);
	assert_string_equal("hello; world", record.text);
	assert_error(ERROR_BAD_DATA, parse_record("x,1,2,-;a\n", &error));
	assert_error(ERROR_BAD_DATA, parse_record("1,1,99999999999999999999,-;a\n", &error));
	for (size_t cut = 0; cut < strlen(record_text) - strlen(" SUBSYSTEM=x\n"); cut++) {
		char *head = strndup(record_text, cut);
		assert_error(ERROR_BAD_DATA, parse_record(head, &error));
		free(head);
	}
}

// Reads until the kill of `pid` comes; false after two seconds.
static bool await_kill(struct kmsg *kmsg, struct kernel_oom_collector *collector, pid_t pid,
		       struct kernel_oom *oom)
{
	static struct kmsg_record record;
	for (int i = 0; i < 100; i++, lab_sleep_ms(20)) {
		bool got = true;
		while (got) {
			assert_ok(kmsg_read(kmsg, &record, &got, &error));
			if (!got ||
			    !kernel_oom_collect(collector, &record, kmsg_unix_offset_ns(), oom))
				continue;
			if (oom->victim_pid == pid)
				return true;
			kernel_oom_deinit(oom);
		}
	}
	return false;
}

static void a_real_kill_is_seen(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct kmsg kmsg;
	struct kernel_oom oom;
	struct kernel_oom_collector collector = {0};
	size_t size = 64 << 20;
	lab_cgroup_make(&lab, "kill", 24 << 20);
	if (!kmsg_open("/dev/kmsg", KMSG_FROM_NOW, &kmsg, NULL)) {
		lab_cgroup_remove(&lab);
		print_message("skipped: no /dev/kmsg\n");
		skip();
	}
	pid_t child = lab_spawn(&lab, lab_allocate, &size);
	int status = lab_wait(child, 10000);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(await_kill(&kmsg, &collector, child, &oom));
	assert_int_equal(OOM_CONSTRAINT_MEMCG, oom.constraint);
	assert_string_equal(lab.name, oom.oom_memcg);
	assert_string_equal(lab.name, oom.task_memcg);
	assert_int_equal(24 << 20, oom.limit_bytes.value);
	assert_int_equal(child, oom.invoker_pid.value);
	assert_in_range(oom.anon_rss_bytes.value, 16 << 20, 64 << 20);
	assert_in_range(oom.usage_bytes.value, 20 << 20, 24 << 20);
	int64_t age_ns = clock_unix_ns() - oom.unix_ns;
	assert_true(age_ns > -10000000000 && age_ns < 10000000000);
	kernel_oom_deinit(&oom);
	kernel_oom_collector_deinit(&collector);
	kmsg_close(&kmsg);
	lab_cgroup_remove(&lab);
}

static void the_oldest_records_can_be_read(void **state)
{
	(void)state;
	static struct kmsg_record record;
	struct kmsg kmsg;
	bool got;
	lab_need_root();
	assert_error(ERROR_OS, kmsg_open("/nonexistent", KMSG_FROM_NOW, &kmsg, &error));
	if (!kmsg_open("/dev/kmsg", KMSG_FROM_OLDEST, &kmsg, NULL)) {
		print_message("skipped: no /dev/kmsg\n");
		skip();
	}
	assert_ok(kmsg_read(&kmsg, &record, &got, &error));
	assert_true(got);
	kmsg_close(&kmsg);
	assert_ok(kmsg_open("/dev/kmsg", KMSG_FROM_NOW, &kmsg, &error));
	assert_ok(kmsg_read(&kmsg, &record, &got, &error));
	kmsg_close(&kmsg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_kill_is_put_together),
		cmocka_unit_test(a_group_gives_each_victim),
		cmocka_unit_test(the_largest_of_the_table_is_found),
		cmocka_unit_test(a_thread_is_no_victim_of_its_own),
		cmocka_unit_test(a_global_kill_has_no_cgroup),
		cmocka_unit_test(forged_lines_do_not_count),
		cmocka_unit_test(each_head_of_a_line_is_survived),
		cmocka_unit_test(records_are_parsed),
		cmocka_unit_test(a_real_kill_is_seen),
		cmocka_unit_test(the_oldest_records_can_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
