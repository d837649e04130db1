// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "system/cgroup.h"

static const char v1_stat[] = "cache 1\nrss 2\nhierarchical_memory_limit 9223372036854771712\n"
			      "total_cache 8192\ntotal_rss 4096\ntotal_shmem 1024\ntotal_dirty 5\n"
			      "total_active_file 6\ntotal_inactive_file 7\ntotal_swap 0\n";
static const char v2_stat[] = "anon 4096\nfile 8192\nkernel 300\nkernel_stack 100\npagetables 20\n"
			      "percpu 30\nsock 40\nshmem 1024\nfile_dirty 5\nslab_reclaimable 60\n"
			      "slab_unreclaimable 70\nslab 130\nunevictable 0\n";
static const char v2_events[] = "low 0\nhigh 3\nmax 4\noom 2\noom_kill 1\noom_group_kill 0\n";

static bool parse_v1_stat(const char *text, struct error *error)
{
	struct cgroup_stat stat = {0};
	return cgroup_stat_parse(CGROUP_V1, text, &stat, error);
}

static bool parse_v2_stat(const char *text, struct error *error)
{
	struct cgroup_stat stat = {0};
	return cgroup_stat_parse(CGROUP_V2, text, &stat, error);
}

static bool parse_events(const char *text, struct error *error)
{
	struct cgroup_sample sample = {0};
	return cgroup_events_parse(CGROUP_V2, text, &sample, error);
}

static bool parse_limit(const char *text, struct error *error)
{
	struct cgroup_limit limit;
	return cgroup_limit_parse(text, &limit, error);
}

static void stat_is_parsed(void **state)
{
	(void)state;
	struct cgroup_stat v1 = {0}, v2 = {0};
	assert_ok(cgroup_stat_parse(CGROUP_V1, v1_stat, &v1, &error));
	assert_int_equal(4096, v1.anon_bytes.value);
	assert_int_equal(8192, v1.file_bytes.value);
	assert_int_equal(6, v1.active_file_bytes.value);
	assert_true(v1.swap_bytes.known && !v1.swap_bytes.value);
	assert_false(v1.slab_reclaimable_bytes.known);
	assert_ok(cgroup_stat_parse(CGROUP_V2, v2_stat, &v2, &error));
	assert_int_equal(4096, v2.anon_bytes.value);
	assert_int_equal(300, v2.kernel_bytes.value);
	assert_int_equal(60, v2.slab_reclaimable_bytes.value);
	assert_int_equal(40, v2.sock_bytes.value);
	assert_false(v2.vmalloc_bytes.known);
}

static void cut_text_is_refused(void **state)
{
	(void)state;
	lab_cut(v1_stat, parse_v1_stat);
	lab_cut(v2_stat, parse_v2_stat);
	lab_cut(v2_events, parse_events);
	lab_cut("268435456\n", parse_limit);
	lab_cut("max\n", parse_limit);
	assert_error(ERROR_BAD_DATA, parse_v2_stat("anon 1\nanon 1\n", &error));
	assert_error(ERROR_BAD_DATA, parse_v2_stat("anon -1\n", &error));
	assert_error(ERROR_BAD_DATA, parse_limit("max1\n", &error));
}

static bool parse_slabinfo(const char *text, struct error *error)
{
	struct cgroup_stat stat = {0};
	return cgroup_slabinfo_parse(text, &stat, error);
}

static void slabs_of_old_kernels_are_told_apart(void **state)
{
	(void)state;
	// Linux 5.4, memory.kmem.slabinfo
	static const char text[] =
		"slabinfo - version: 2.1\n"
		"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : "
		"tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> "
		"<sharedavail>\n"
		"ext4_inode_cache      30     60   1072   30    8 : tunables    0    0    0 : "
		"slabdata      1      2      0\n"
		"dentry                42     42    192   21    1 : tunables    0    0    0 : "
		"slabdata      2      2      0\n"
		"kmalloc-1k             4     32   1024   32    8 : tunables    0    0    0 : "
		"slabdata      1      1      0\n";
	struct cgroup_stat stat = {0}, none = {0};
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	assert_ok(cgroup_slabinfo_parse(text, &stat, &error));
	assert_int_equal(16 * page, stat.slab_inodes_bytes.value);
	assert_int_equal(2 * page, stat.slab_dentries_bytes.value);
	assert_int_equal(18 * page, stat.slab_reclaimable_bytes.value);
	assert_int_equal(8 * page, stat.slab_unreclaimable_bytes.value);
	assert_ok(cgroup_slabinfo_parse("", &none, &error));
	assert_false(none.slab_reclaimable_bytes.known);
	lab_cut(text, parse_slabinfo);
	assert_error(ERROR_BAD_DATA, parse_slabinfo("dentry 1 2\n", &error));
	assert_error(
		ERROR_BAD_DATA,
		parse_slabinfo("dentry 1 1 1 1 9999999999999999999 : t 0 0 0 : s 1 9 0\n", &error));
}

static void limits_are_explicit(void **state)
{
	(void)state;
	struct cgroup_limit limit;
	assert_ok(cgroup_limit_parse("4096\n", &limit, &error));
	assert_true(limit.known && !limit.unlimited && limit.bytes == 4096);
	assert_ok(cgroup_limit_parse("0\n", &limit, &error));
	assert_true(limit.known && !limit.unlimited && limit.bytes == 0);
	assert_ok(cgroup_limit_parse("max\n", &limit, &error));
	assert_true(limit.known && limit.unlimited && limit.bytes == 0);
	assert_ok(cgroup_limit_parse("9223372036854771712\n", &limit, &error));
	assert_true(limit.unlimited);
	assert_ok(cgroup_limit_parse("9223372036854710272\n", &limit, &error)); // 64 KiB pages
	assert_true(limit.unlimited);
}

static void write_v2(const struct lab_dir *dir)
{
	lab_dir_write(dir, "cgroup.procs", "");
	lab_dir_write(dir, "memory.stat", v2_stat);
	lab_dir_write(dir, "pod/cgroup.procs", "7\n");
	lab_dir_write(dir, "pod/memory.stat", v2_stat);
	lab_dir_write(dir, "pod/memory.max", "1000000\n");
	lab_dir_write(dir, "pod/app/cgroup.procs", "8\n9\n");
	lab_dir_write(dir, "pod/app/memory.stat", v2_stat);
	lab_dir_write(dir, "pod/app/memory.max", "2000000\n");
	lab_dir_write(dir, "pod/app/memory.high", "max\n");
	lab_dir_write(dir, "pod/app/memory.current", "900000\n");
	lab_dir_write(dir, "pod/app/memory.peak", "950000\n");
	lab_dir_write(dir, "pod/app/memory.events", v2_events);
	lab_dir_write(dir, "pod/app/memory.events.local", "oom_kill 0\n");
	lab_dir_write(dir, "pod/app/memory.swap.current", "0\n");
	lab_dir_write(dir, "pod/app/memory.oom.group", "1\n");
	lab_dir_write(dir, "pod/app/sub/cgroup.procs", "10\n");
}

static struct cgroup *open_below(const struct lab_dir *dir, const char *name)
{
	char path[128];
	struct cgroup *cgroup = NULL;
	snprintf(path, sizeof path, "%s/%s", dir->path, name);
	assert_ok(cgroup_open(path, &cgroup, &error));
	return cgroup;
}

static void a_v2_fixture_is_accounted(void **state)
{
	(void)state;
	struct lab_dir dir;
	struct cgroup_stat stat;
	struct cgroup_sample sample;
	lab_dir_make(&dir);
	write_v2(&dir);
	struct cgroup *cgroup = open_below(&dir, "pod/app");
	assert_int_equal(CGROUP_V2, cgroup_get_version(cgroup));
	assert_ok(cgroup_sample(cgroup, &sample, &error));
	assert_int_equal(900000, sample.usage_bytes.value);
	assert_int_equal(4, sample.limit_hits.value);
	assert_int_equal(3, sample.high_hits.value);
	assert_int_equal(1, sample.oom_kill_count.value);
	assert_false(sample.under_oom.known);
	assert_ok(cgroup_stat(cgroup, &stat, &error));
	assert_int_equal(2000000, stat.limit.bytes);
	assert_int_equal(1000000, stat.effective_limit.bytes);
	assert_non_null(strstr(stat.effective_limit_path, "/pod"));
	assert_null(strstr(stat.effective_limit_path, "/app"));
	assert_true(stat.high.known && stat.high.unlimited);
	assert_false(stat.swap_limit.known);
	assert_int_equal(950000, stat.peak_bytes.value);
	assert_true(stat.swap_bytes.known && stat.oom_group.value == 1);
	assert_true(stat.local_oom_kill_count.known && !stat.local_oom_kill_count.value);
	int event;
	assert_error(ERROR_UNSUPPORTED, cgroup_watch_oom(cgroup, &event, &error));
	cgroup_close(cgroup);
	lab_dir_remove(&dir);
}

static void missing_files_are_not_zero(void **state)
{
	(void)state;
	struct lab_dir dir;
	struct cgroup_stat stat;
	lab_dir_make(&dir);
	write_v2(&dir);
	struct cgroup *cgroup = open_below(&dir, "");
	assert_ok(cgroup_stat(cgroup, &stat, &error));
	assert_false(stat.counts.usage_bytes.known);
	assert_false(stat.limit.known);
	assert_false(stat.effective_limit.known);
	assert_true(stat.anon_bytes.known);
	cgroup_close(cgroup);
	lab_dir_remove(&dir);
	assert_error(ERROR_NOT_FOUND, cgroup_open("/tmp", &cgroup, &error));
	assert_error(ERROR_NOT_FOUND, cgroup_open(dir.path, &cgroup, &error));
}

static void pids_come_from_below_too(void **state)
{
	(void)state;
	struct lab_dir dir;
	struct cgroup_pids pids;
	lab_dir_make(&dir);
	write_v2(&dir);
	struct cgroup *cgroup = open_below(&dir, "pod");
	assert_ok(cgroup_read_pids(cgroup, &pids, &error));
	assert_int_equal(4, pids.list.count);
	int sum = 0;
	VEC_FOREACH (pid, &pids.list)
		sum += *pid;
	assert_int_equal(7 + 8 + 9 + 10, sum);
	cgroup_pids_deinit(&pids);
	lab_dir_write(&dir, "pod/cgroup.procs", "7\nx\n");
	assert_error(ERROR_BAD_DATA, cgroup_read_pids(cgroup, &pids, &error));
	lab_dir_write(&dir, "pod/cgroup.procs", "7\n8");
	assert_error(ERROR_BAD_DATA, cgroup_read_pids(cgroup, &pids, &error));
	assert_false(cgroup_gone(cgroup));
	lab_dir_remove(&dir);
	assert_true(cgroup_gone(cgroup));
	cgroup_close(cgroup);
}

static void write_mountinfo(const struct lab_dir *dir, const char *format)
{
	char text[4096], path[96];
	snprintf(path, sizeof path, "%s", dir->path);
	char *at = text;
	for (const char *c = format; *c; c++) {
		if (*c == '@')
			at += sprintf(at, "%s", path);
		else
			*at++ = *c;
	}
	*at = '\0';
	lab_dir_write(dir, "mountinfo", text);
}

static bool find(const struct lab_dir *dir, struct cgroup_place *place, struct error *error)
{
	char proc[80], mountinfo[80];
	snprintf(proc, sizeof proc, "%s/proc", dir->path);
	snprintf(mountinfo, sizeof mountinfo, "%s/mountinfo", dir->path);
	return cgroup_find(proc, mountinfo, 42, place, error);
}

static const char *below(const struct lab_dir *dir, const struct cgroup_place *place)
{
	return place->path + strlen(dir->path);
}

static void the_memory_cgroup_is_found(void **state)
{
	(void)state;
	struct lab_dir dir;
	static struct cgroup_place place;
	lab_dir_make(&dir);
	lab_dir_write(&dir, "proc/42/cgroup", "5:cpu,memory:/docker/a:b\n3:pids:/x\n0::/unified\n");
	// Hybrid: the controller is on v1, and that is what counts.
	write_mountinfo(&dir, "31 1 0:1 / /sys rw - sysfs sysfs rw\n"
			      "35 31 0:32 / @/mem\\040ory rw shared:1 - cgroup cgroup rw,memory\n"
			      "41 31 0:38 / @/unified rw - cgroup2 cgroup2 rw\n");
	assert_ok(find(&dir, &place, &error));
	assert_int_equal(CGROUP_V1, place.version);
	assert_string_equal("/mem ory/docker/a:b", below(&dir, &place));
	assert_string_equal("/docker/a:b", place.name);
	// A container that sees only its own cgroup mounted.
	write_mountinfo(&dir, "35 31 0:32 /docker/a:b @/memory rw - cgroup cgroup rw,memory\n");
	assert_ok(find(&dir, &place, &error));
	assert_string_equal("/memory", below(&dir, &place));
	// Another one's cgroup is not below it, and a common prefix of the name is not enough.
	write_mountinfo(&dir, "35 31 0:32 /docker/a @/memory rw - cgroup cgroup rw,memory\n");
	assert_error(ERROR_NOT_FOUND, find(&dir, &place, &error));
	write_mountinfo(&dir, "35 31 0:32 / @/pids rw - cgroup cgroup rw,pids\n");
	assert_error(ERROR_NOT_FOUND, find(&dir, &place, &error));
	lab_dir_write(&dir, "proc/42/cgroup", "5:memory:/../other\n");
	write_mountinfo(&dir, "35 31 0:32 / @/memory rw - cgroup cgroup rw,memory\n");
	assert_error(ERROR_NOT_FOUND, find(&dir, &place, &error));
	lab_dir_write(&dir, "proc/42/cgroup", "5:memory:/cut");
	assert_error(ERROR_BAD_DATA, find(&dir, &place, &error));
	lab_dir_remove(&dir);
}

static void v2_climbs_to_where_memory_is_charged(void **state)
{
	(void)state;
	struct lab_dir dir;
	static struct cgroup_place place;
	lab_dir_make(&dir);
	write_v2(&dir);
	lab_dir_write(&dir, "proc/42/cgroup", "0::/pod/app/sub\n");
	write_mountinfo(&dir, "41 31 0:38 / @ rw - cgroup2 cgroup2 rw\n");
	assert_ok(find(&dir, &place, &error));
	assert_int_equal(CGROUP_V2, place.version);
	assert_string_equal("/pod/app", below(&dir, &place));
	assert_string_equal("/pod/app", place.name);
	lab_dir_write(&dir, "proc/42/cgroup", "0::/\n");
	assert_ok(find(&dir, &place, &error));
	assert_string_equal("", below(&dir, &place));
	// A v2 hierarchy without the controller.
	lab_dir_write(&dir, "bare/x/cgroup.procs", "");
	lab_dir_write(&dir, "proc/42/cgroup", "0::/x\n");
	write_mountinfo(&dir, "41 31 0:38 / @/bare rw - cgroup2 cgroup2 rw\n");
	assert_error(ERROR_NOT_FOUND, find(&dir, &place, &error));
	lab_dir_remove(&dir);
}

static struct cgroup *open_lab(const struct lab_cgroup *lab)
{
	struct cgroup *cgroup = NULL;
	assert_ok(cgroup_open(lab->path, &cgroup, &error));
	return cgroup;
}

static void a_real_v1_cgroup_is_accounted(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct cgroup_stat stat;
	struct cgroup_pids pids;
	static struct cgroup_place place;
	size_t size = 24 << 20;
	lab_cgroup_make(&lab, "stat", 64 << 20);
	lab_cgroup_write(&lab, "memory.soft_limit_in_bytes", "33554432");
	struct cgroup *cgroup = open_lab(&lab);
	pid_t child = lab_spawn(&lab, lab_allocate, &size);
	assert_ok(cgroup_find("/proc", "/proc/self/mountinfo", child, &place, &error));
	assert_string_equal(lab.path, place.path);
	assert_string_equal(lab.name, place.name);
	for (int i = 0; i < 100; i++, lab_sleep_ms(20)) {
		assert_ok(cgroup_stat(cgroup, &stat, &error));
		if (stat.anon_bytes.value >= size)
			break;
	}
	assert_in_range(stat.anon_bytes.value, size, size + (4 << 20));
	assert_in_range(stat.counts.usage_bytes.value, size, 64 << 20);
	assert_true(stat.kernel_bytes.known && stat.kernel_bytes.value > 0);
	assert_true(stat.peak_bytes.value >= size);
	assert_int_equal(32 << 20, stat.soft_limit.bytes);
	assert_false(stat.sock_bytes.known); // not counted
	lab_cgroup_write(&lab, "memory.kmem.tcp.limit_in_bytes", "1048576");
	assert_ok(cgroup_stat(cgroup, &stat, &error));
	assert_true(stat.sock_bytes.known);
	assert_int_equal(64 << 20, stat.limit.bytes);
	assert_int_equal(64 << 20, stat.effective_limit.bytes);
	assert_string_equal(lab.path, stat.effective_limit_path);
	assert_true(stat.counts.oom_kill_count.known && !stat.counts.oom_kill_count.value);
	assert_ok(cgroup_read_pids(cgroup, &pids, &error));
	assert_int_equal(1, pids.list.count);
	assert_int_equal(child, pids.list.items[0]);
	cgroup_pids_deinit(&pids);
	lab_kill(child);
	cgroup_close(cgroup);
	lab_cgroup_remove(&lab);
}

static void an_ancestor_limits(void **state)
{
	(void)state;
	struct lab_cgroup lab, child;
	struct cgroup_stat stat;
	lab_cgroup_make(&lab, "above", 32 << 20);
	lab_cgroup_make_below(&lab, &child);
	struct cgroup *cgroup = open_lab(&child);
	assert_ok(cgroup_stat(cgroup, &stat, &error));
	assert_true(stat.limit.known && stat.limit.unlimited);
	assert_int_equal(32 << 20, stat.effective_limit.bytes);
	assert_string_equal(lab.path, stat.effective_limit_path);
	cgroup_close(cgroup);
	lab_cgroup_remove(&child);
	lab_cgroup_remove(&lab);
}

static bool fires(int fd, int timeout_ms)
{
	struct pollfd event = {.fd = fd, .events = POLLIN};
	uint64_t count;
	if (poll(&event, 1, timeout_ms) != 1)
		return false;
	assert_int_equal(sizeof count, read(fd, &count, sizeof count));
	return true;
}

static void v1_events_fire(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct cgroup_sample sample;
	size_t size = 20 << 20, more = 64 << 20;
	int oom;
	lab_cgroup_make(&lab, "event", 48 << 20);
	struct cgroup *cgroup = open_lab(&lab);
	assert_ok(cgroup_watch_oom(cgroup, &oom, &error));
	pid_t child = lab_spawn(&lab, lab_allocate, &size);
	assert_false(fires(oom, 0));
	lab_kill(child);
	child = lab_spawn(&lab, lab_allocate, &more);
	assert_true(fires(oom, 5000));
	assert_int_not_equal(-1, lab_wait(child, 5000));
	assert_ok(cgroup_sample(cgroup, &sample, &error));
	assert_int_equal(1, sample.oom_kill_count.value);
	assert_true(sample.limit_hits.value > 0);
	close(oom);
	cgroup_close(cgroup);
	lab_cgroup_remove(&lab);
}

static void a_removed_cgroup_is_recognised(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct cgroup_sample sample;
	struct error failure = {0};
	int oom;
	lab_cgroup_make(&lab, "gone", 0);
	struct cgroup *cgroup = open_lab(&lab);
	assert_ok(cgroup_watch_oom(cgroup, &oom, &error));
	assert_false(cgroup_gone(cgroup));
	lab_cgroup_remove(&lab);
	assert_true(cgroup_gone(cgroup));
	assert_true(fires(oom, 5000));
	assert_false(cgroup_sample(cgroup, &sample, &failure));
	assert_int_equal(ENODEV, failure.os_errno);
	close(oom);
	cgroup_close(cgroup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_is_parsed),
		cmocka_unit_test(cut_text_is_refused),
		cmocka_unit_test(slabs_of_old_kernels_are_told_apart),
		cmocka_unit_test(limits_are_explicit),
		cmocka_unit_test(a_v2_fixture_is_accounted),
		cmocka_unit_test(missing_files_are_not_zero),
		cmocka_unit_test(pids_come_from_below_too),
		cmocka_unit_test(the_memory_cgroup_is_found),
		cmocka_unit_test(v2_climbs_to_where_memory_is_charged),
		cmocka_unit_test(a_real_v1_cgroup_is_accounted),
		cmocka_unit_test(an_ancestor_limits),
		cmocka_unit_test(v1_events_fire),
		cmocka_unit_test(a_removed_cgroup_is_recognised),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
