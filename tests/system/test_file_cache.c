// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "system/file_cache.h"
#include "system/page_owner.h"

enum { MIB = 1 << 20 };

static void rotated_logs_are_told_by_their_names(void **state)
{
	(void)state;
	static const struct {
		const char *current, *name;
		bool rotated;
	} cases[] = {
		{"app.log", "app.log.1", true},
		{"app.log", "app.log.12.gz", true},
		{"app.log", "app.log.gz", true},
		{"app.log", "app.log.old", true},
		{"app.log", "app.log-20260102", true},
		{"app.log", "app.log.2026-01-02T03:04:05+01:00.zst", true},
		{"app.log", "app-2026-01-02T03-04-05.000.log", true},
		{"app.log", "app-2026-01-02T03-04-05.000.log.gz", true},
		{"app.log", "app.log", false},
		{"app.log", "apple-1.log", false},
		{"app.log", "app-error.log", false},
		{"app.log", "app.log.", false},
		{"app.log", "app.log.1/../x", false},
		{"app.log", "app", false},
		{"app", "app.1", true},
		{"app", "application", false},
		{"", "x", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (file_name_is_rotated(cases[i].current, cases[i].name) != cases[i].rotated)
			fail_msg("%s beside %s", cases[i].name, cases[i].current);
	assert_true(file_name_is_log("/srv/app.log") && file_name_is_log("/var/log/syslog"));
	assert_true(file_name_is_log("/srv/app.log.1") && file_name_is_log("/srv/logs/x"));
	assert_false(file_name_is_log("/srv/catalog") || file_name_is_log("/srv/log"));
}

static void write_file(const char *path, size_t mib)
{
	static char block[MIB];
	memset(block, 'x', sizeof block);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	for (size_t i = 0; i < mib; i++)
		assert_int_equal(sizeof block, write(fd, block, sizeof block));
	close(fd);
}

// What the child of the tests below has, all of it charged to its cgroup.
struct holding {
	char folder[96];
	char ready[128];
};

static void hold_files(void *context)
{
	const struct holding *holding = context;
	char path[128], other[128];
	snprintf(path, sizeof path, "%s/app.log", holding->folder);
	write_file(path, 3);
	snprintf(other, sizeof other, "%s/app.log.1", holding->folder);
	assert_int_equal(0, rename(path, other));
	write_file(path, 2);
	assert_true(open(path, O_RDONLY) >= 0);
	snprintf(path, sizeof path, "%s/gone", holding->folder);
	write_file(path, 1);
	assert_true(open(path, O_RDONLY) >= 0);
	unlink(path);
	int memory = memfd_create("cache", 0);
	assert_int_equal(0, ftruncate(memory, 4 * MIB));
	memset(mmap(NULL, 4 * MIB, PROT_WRITE, MAP_SHARED, memory, 0), 1, MIB);
	memset(mmap(NULL, MIB, PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), 1, MIB);
	snprintf(path, sizeof path, "%s/fifo", holding->folder);
	assert_int_equal(0, mkfifo(path, 0600));
	close(open(holding->ready, O_WRONLY | O_CREAT, 0600));
}

static const struct cached_file *find(const struct file_cache *cache, const char *end)
{
	VEC_FOREACH (file, &cache->list) {
		size_t length = strlen(file->path), end_length = strlen(end);
		if (length >= end_length && strcmp(file->path + length - end_length, end) == 0)
			return file;
	}
	return NULL;
}

static void wait_for(const char *path)
{
	for (int i = 0; i < 500 && access(path, F_OK) != 0; i++)
		lab_sleep_ms(10);
	assert_int_equal(0, access(path, F_OK));
}

static struct file_cache collect(const struct lab_cgroup *lab, const char *proc_root, pid_t pid,
				 int64_t budget_ns)
{
	struct file_cache cache;
	struct cgroup_pids pids = {0};
	int dir = open(lab->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	vec_push(&pids.list, pid);
	struct file_cache_request request = {
		.proc_root = proc_root, .cgroup_dir = dir, .pids = &pids, .budget_ns = budget_ns};
	file_cache_collect(&request, &cache);
	cgroup_pids_deinit(&pids);
	close(dir);
	return cache;
}

static uint64_t charged(const struct file_cache *cache, const char *end)
{
	const struct cached_file *file = find(cache, end);
	if (!file)
		fail_msg("%s was not found", end);
	assert_true(file->charged_bytes.known);
	return file->charged_bytes.value;
}

static void files_of_a_process_are_found(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct lab_dir dir;
	struct holding holding;
	lab_need_root();
	lab_cgroup_make(&lab, "files", 0);
	lab_dir_make(&dir);
	snprintf(holding.folder, sizeof holding.folder, "%s", dir.path);
	snprintf(holding.ready, sizeof holding.ready, "%s/ready", dir.path);
	pid_t child = lab_spawn(&lab, hold_files, &holding);
	wait_for(holding.ready);
	struct file_cache cache = collect(&lab, "/proc", child, 0);
	if (!cache.charge_known) {
		print_message("skipped: %s\n", cache.charge_absent.message);
		lab_kill(child);
		skip();
	}
	assert_int_equal(2 * MIB, charged(&cache, "/app.log"));
	assert_int_equal(FILE_OPEN, find(&cache, "/app.log")->found);
	assert_true(find(&cache, "/app.log")->log && !find(&cache, "/app.log")->rotated);
	assert_int_equal(3 * MIB, charged(&cache, "/app.log.1"));
	assert_int_equal(FILE_BESIDE, find(&cache, "/app.log.1")->found);
	assert_true(find(&cache, "/app.log.1")->rotated);
	assert_int_equal(MIB, charged(&cache, "/gone"));
	assert_true(find(&cache, "/gone")->deleted);
	assert_int_equal(MIB, charged(&cache, "/memfd:cache"));
	assert_int_equal(4 * MIB, find(&cache, "/memfd:cache")->size_bytes);
	assert_true(find(&cache, "/memfd:cache")->shmem);
	assert_int_equal(MIB, charged(&cache, "/dev/zero"));
	assert_string_equal("anonymous", find(&cache, "/dev/zero")->mount);
	assert_null(find(&cache, "/fifo"));
	assert_false(cache.partial);
	file_cache_deinit(&cache);
	lab_kill(child);
	lab_cgroup_remove(&lab);
	lab_dir_remove(&dir);
}

// The one of 3 MiB that was found that way; all zero when there is none.
static struct cached_file find_segment(const struct file_cache *cache, enum file_found found)
{
	VEC_FOREACH (file, &cache->list)
		if (file->found == found && file->size_bytes == 3 * MIB &&
		    strcmp(file->mount, "SysV") == 0)
			return *file;
	return (struct cached_file){0};
}

static void attach_segment(void *context)
{
	int *id = context;
	memset(shmat(*id, NULL, 0), 1, 2 * MIB);
}

static void sysv_segments_are_found(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	lab_need_root();
	lab_cgroup_make(&lab, "sysv", 0);
	int id = shmget(IPC_PRIVATE, 3 * MIB, IPC_CREAT | 0600);
	assert_true(id >= 0);
	pid_t child = lab_spawn(&lab, attach_segment, &id);
	for (int i = 0; i < 200 && lab_cgroup_read(&lab, "memory.stat", "total_shmem") < 2 * MIB;
	     i++)
		lab_sleep_ms(10);
	struct file_cache cache = collect(&lab, "/proc", child, 0);
	const struct cached_file segment = find_segment(&cache, FILE_MAPPED);
	assert_int_equal(2 * MIB, segment.cached_bytes);
	assert_true(!cache.charge_known || segment.charged_bytes.value == 2 * MIB);
	file_cache_deinit(&cache);
	lab_kill(child);
	// Nobody is attached any more, and it is still there.
	cache = collect(&lab, "/proc", getpid(), 0);
	const struct cached_file left = find_segment(&cache, FILE_SYSV);
	assert_int_equal(2 * MIB, left.cached_bytes);
	assert_false(left.charged_bytes.known);
	file_cache_deinit(&cache);
	assert_int_equal(0, shmctl(id, IPC_RMID, NULL));
	lab_cgroup_remove(&lab);
}

static void what_others_touched_first_is_theirs(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct page_owner owner;
	struct page_count count;
	struct error why_not;
	char path[] = "/tmp/whyoom-test-owner-XXXXXX";
	int fd = mkstemp(path);
	lab_need_root();
	lab_cgroup_make(&lab, "owner", 0);
	int group = open(lab.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	write_file(path, 3);
	page_owner_open(&owner, group, &why_not);
	if (owner.kpagecgroup < 0) {
		print_message("skipped: %s\n", why_not.message);
		skip();
	}
	assert_ok(page_owner_count(&owner, fd, 3 * MIB, &count, &error));
	assert_int_equal(3 * MIB, count.cached_bytes);
	assert_true(count.charged_bytes.known && count.charged_bytes.value == 0);
	assert_false(count.sampled);
	// The same without cachestat.
	owner.no_cachestat = true;
	assert_ok(page_owner_count(&owner, fd, 3 * MIB, &count, &error));
	assert_int_equal(3 * MIB, count.cached_bytes);
	assert_true(count.charged_bytes.known && !count.dirty_bytes.known);
	page_owner_close(&owner);
	close(group);
	close(fd);
	unlink(path);
	lab_cgroup_remove(&lab);
}

static uint64_t inactive_bytes(const struct lab_cgroup *lab)
{
	return lab_cgroup_read(lab, "memory.stat", "total_inactive_file");
}

static void read_once(void *context)
{
	static char block[MIB];
	const struct holding *holding = context;
	int fd = open(holding->folder, O_RDONLY);
	while (read(fd, block, sizeof block) > 0) {
	}
	close(open(holding->ready, O_WRONLY | O_CREAT, 0600));
}

static void looking_does_not_save_a_page_from_eviction(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct lab_dir dir;
	struct holding holding;
	struct page_owner owner;
	struct page_count count;
	struct error why_not;
	lab_need_root();
	lab_dir_make(&dir);
	snprintf(holding.folder, sizeof holding.folder, "%s/data", dir.path);
	snprintf(holding.ready, sizeof holding.ready, "%s/ready", dir.path);
	write_file(holding.folder, 8);
	int fd = open(holding.folder, O_RDWR | O_CLOEXEC);
	assert_int_equal(0, fsync(fd));
	assert_int_equal(0, posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	lab_cgroup_make(&lab, "lists", 0);
	pid_t child = lab_spawn(&lab, read_once, &holding);
	wait_for(holding.ready);
	lab_kill(child);
	uint64_t before = inactive_bytes(&lab);
	int group = open(lab.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	page_owner_open(&owner, group, &why_not);
	for (int i = 0; i < 3; i++)
		assert_ok(page_owner_count(&owner, fd, 8 * MIB, &count, &error));
	assert_true(before >= 6 * MIB);
	assert_true(inactive_bytes(&lab) >= before - MIB);
	assert_true(owner.kpagecgroup < 0 || count.charged_bytes.value >= 7 * MIB);
	page_owner_close(&owner);
	close(group);
	close(fd);
	lab_cgroup_remove(&lab);
	lab_dir_remove(&dir);
}

static void a_large_file_is_sampled(void **state)
{
	(void)state;
	struct lab_cgroup lab;
	struct page_owner owner;
	struct page_count count;
	struct error why_not;
	lab_need_root();
	int fd = memfd_create("large", MFD_CLOEXEC);
	// 1 TiB with a page here and there: no walk over what is not there.
	assert_int_equal(0, ftruncate(fd, (off_t)1 << 40));
	for (off_t offset = 0; offset < (off_t)1 << 40; offset += (off_t)1 << 34)
		assert_int_equal(1, pwrite(fd, "x", 1, offset));
	lab_cgroup_make(&lab, "large", 0);
	int group = open(lab.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	page_owner_open(&owner, group, &why_not);
	assert_ok(page_owner_count(&owner, fd, (uint64_t)1 << 40, &count, &error));
	if (!owner.no_cachestat) {
		assert_int_equal(64 * sysconf(_SC_PAGESIZE), count.cached_bytes);
		assert_false(count.cut);
	}
	owner.no_cachestat = true;
	assert_ok(page_owner_count(&owner, fd, (uint64_t)1 << 40, &count, &error));
	assert_true(count.cut && count.cached_bytes >= (uint64_t)sysconf(_SC_PAGESIZE));
	assert_ok(page_owner_count(&owner, fd, 0, &count, &error));
	assert_int_equal(0, count.cached_bytes);
	close(fd);
	owner.no_cachestat = false;
	fd = memfd_create("dense", MFD_CLOEXEC);
	char *data = NULL;
	size_t size = (size_t)PAGE_OWNER_SAMPLE_PAGES * 4096 * 3;
	assert_int_equal(0, ftruncate(fd, (off_t)size));
	data = mmap(NULL, size, PROT_WRITE, MAP_SHARED, fd, 0);
	memset(data, 1, size);
	assert_ok(page_owner_count(&owner, fd, size, &count, &error));
	assert_int_equal(size, count.cached_bytes);
	assert_true(owner.kpagecgroup < 0 || (count.sampled && count.charged_bytes.known));
	// Cut short meanwhile: no SIGBUS.
	assert_int_equal(0, ftruncate(fd, 4096));
	assert_ok(page_owner_count(&owner, fd, size, &count, &error));
	assert_int_equal(4096, count.cached_bytes);
	page_owner_close(&owner);
	munmap(data, size);
	close(group);
	close(fd);
	lab_cgroup_remove(&lab);
}

static void what_is_missing_is_no_failure(void **state)
{
	(void)state;
	struct lab_dir dir;
	struct lab_cgroup nowhere = {.path = "/"};
	char proc[96], root[128];
	lab_dir_make(&dir);
	snprintf(proc, sizeof proc, "%s/proc", dir.path);
	// No process at all; one without anything; one whose files are nonsense.
	struct file_cache cache = collect(&nowhere, proc, 4242, 0);
	assert_int_equal(1, cache.processes_gone);
	assert_int_equal(0, cache.list.count);
	file_cache_deinit(&cache);
	lab_dir_write(&dir, "proc/7/maps", "nonsense");
	lab_dir_write(&dir, "proc/7/mountinfo", "1 2\n");
	lab_dir_write(&dir, "proc/7/sysvipc/shm", "x");
	snprintf(root, sizeof root, "%s/7/root", proc);
	assert_int_equal(0, mkdir(root, 0755));
	cache = collect(&nowhere, proc, 7, 0);
	assert_int_equal(1, cache.processes_seen);
	assert_true(cache.partial && cache.partial_reason[0]);
	file_cache_deinit(&cache);
	lab_dir_remove(&dir);
}

static void time_ends_it(void **state)
{
	(void)state;
	struct lab_cgroup nowhere = {.path = "/"};
	struct file_cache cache = collect(&nowhere, "/proc", getpid(), 1);
	assert_true(cache.partial);
	assert_non_null(strstr(cache.partial_reason, "time"));
	assert_int_equal(0, cache.list.count);
	file_cache_deinit(&cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rotated_logs_are_told_by_their_names),
		cmocka_unit_test(files_of_a_process_are_found),
		cmocka_unit_test(sysv_segments_are_found),
		cmocka_unit_test(what_others_touched_first_is_theirs),
		cmocka_unit_test(looking_does_not_save_a_page_from_eviction),
		cmocka_unit_test(a_large_file_is_sampled),
		cmocka_unit_test(what_is_missing_is_no_failure),
		cmocka_unit_test(time_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
