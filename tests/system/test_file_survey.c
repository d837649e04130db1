// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/file_survey.h"

enum { MIB = 1 << 20 };

// ---- the bytes between the two processes ----

static void made_by_hand(struct file_cache *cache)
{
	*cache = (struct file_cache){.files_seen = 7,
				     .processes_seen = 2,
				     .processes_gone = 1,
				     .remote_files = 3,
				     .unreadable_files = 4,
				     .partial = true,
				     .partial_reason = "the time for it was over"};
	cache->charge_absent.code = ERROR_OS;
	snprintf(cache->charge_absent.message, sizeof cache->charge_absent.message, "not root");
	vec_push(&cache->list, {.path = "/srv/app.log.1",
				.mount = "",
				.found = FILE_BESIDE,
				.pid = 12,
				.log = true,
				.rotated = true,
				.size_bytes = 3 * MIB,
				.cached_bytes = 2 * MIB,
				.dirty_bytes = known(4096),
				.charged_bytes = known(MIB)});
	vec_push(&cache->list, {.path = "\xff\n (deleted)",
				.mount = "memfd",
				.found = FILE_SYSV,
				.deleted = true,
				.shmem = true,
				.sampled = true,
				.cut = true,
				.cached_bytes = UINT64_MAX,
				.evicted_bytes = known(0)});
}

static void assert_same(struct known_u64 left, struct known_u64 right)
{
	assert_int_equal(left.known, right.known);
	assert_true(left.value == right.value);
}

static void what_was_packed_comes_back(void **state)
{
	(void)state;
	struct file_cache cache, again;
	struct strbuf bytes = {0}, twice = {0};
	made_by_hand(&cache);
	file_cache_pack(&cache, &bytes);
	assert_ok(file_cache_unpack(bytes.text, bytes.length, &again, &error));
	assert_int_equal(2, again.list.count);
	for (size_t i = 0; i < 2; i++) {
		const struct cached_file *was = &cache.list.items[i], *is = &again.list.items[i];
		assert_string_equal(was->path, is->path);
		assert_string_equal(was->mount, is->mount);
		assert_int_equal(was->found, is->found);
		assert_int_equal(was->pid, is->pid);
		assert_int_equal(was->rotated, is->rotated);
		assert_int_equal(was->shmem, is->shmem);
		assert_true(was->cached_bytes == is->cached_bytes);
		assert_same(was->dirty_bytes, is->dirty_bytes);
		assert_same(was->evicted_bytes, is->evicted_bytes);
		assert_same(was->charged_bytes, is->charged_bytes);
	}
	assert_true(again.partial && !again.charge_known);
	assert_string_equal(cache.partial_reason, again.partial_reason);
	assert_string_equal("not root", again.charge_absent.message);
	file_cache_pack(&again, &twice);
	assert_int_equal(bytes.length, twice.length);
	assert_memory_equal(bytes.text, twice.text, bytes.length);
	strbuf_deinit(&bytes);
	strbuf_deinit(&twice);
	file_cache_deinit(&cache);
	file_cache_deinit(&again);
}

static void every_head_is_refused(void **state)
{
	(void)state;
	struct file_cache cache, again;
	struct strbuf bytes = {0};
	made_by_hand(&cache);
	file_cache_pack(&cache, &bytes);
	for (size_t size = 0; size < bytes.length; size++) {
		char *head = malloc(size + 1);
		memcpy(head, bytes.text, size);
		assert_error(ERROR_BAD_DATA, file_cache_unpack(head, size, &again, &error));
		free(head);
	}
	strbuf_add(&bytes, "x"); // more than there should be
	assert_error(ERROR_BAD_DATA, file_cache_unpack(bytes.text, bytes.length, &again, &error));
	strbuf_deinit(&bytes);
	file_cache_deinit(&cache);
}

// ---- a process that ends meanwhile ----

struct holding {
	char folder[96];
	char ready[128];
};

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
	memset(mmap(NULL, 4 * MIB, PROT_WRITE, MAP_SHARED, memory, 0), 1, 4 * MIB);
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

static uint64_t bytes_of(const struct file_cache *cache, const char *end)
{
	const struct cached_file *file = find(cache, end);
	if (!file)
		fail_msg("%s was not found", end);
	return file->cached_bytes;
}

struct scene {
	struct lab_cgroup lab;
	struct lab_dir dir;
	struct holding holding;
	struct cgroup *cgroup;
	pid_t child;
};

static void begin(struct scene *scene, const char *name)
{
	lab_need_root();
	lab_cgroup_make(&scene->lab, name, 0);
	lab_dir_make(&scene->dir);
	snprintf(scene->holding.folder, sizeof scene->holding.folder, "%s", scene->dir.path);
	snprintf(scene->holding.ready, sizeof scene->holding.ready, "%s/ready", scene->dir.path);
	scene->child = lab_spawn(&scene->lab, hold_files, &scene->holding);
	for (int i = 0; i < 500 && access(scene->holding.ready, F_OK) != 0; i++)
		lab_sleep_ms(10);
	assert_ok(cgroup_open(scene->lab.path, &scene->cgroup, &error));
}

static void finish(struct scene *scene)
{
	cgroup_close(scene->cgroup);
	lab_cgroup_remove(&scene->lab);
	lab_dir_remove(&scene->dir);
}

static uint64_t shmem_bytes(const struct scene *scene)
{
	return lab_cgroup_read(&scene->lab, "memory.stat", "total_shmem");
}

// Until the child has opened what there is: it holds the deleted file then.
static void wait_until_open(pid_t holder)
{
	char command[128];
	snprintf(command, sizeof command,
		 "ls -l /proc/%d/fd 2>/dev/null | grep -q '/gone (deleted)'", (int)holder);
	for (int i = 0; i < 500; i++) {
		if (system(command) == 0)
			return;
		lab_sleep_ms(10);
	}
	fail_msg("the survey has not opened the files");
}

static pid_t youngest_child(void)
{
	char path[64], text[4096] = "";
	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)gettid());
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	size_t size = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	while (size && text[size - 1] == ' ')
		text[--size] = '\0';
	const char *last = strrchr(text, ' ');
	return (pid_t)atoi(last ? last + 1 : text);
}

static void files_are_found_after_their_process(void **state)
{
	(void)state;
	struct scene scene;
	struct file_survey *survey;
	struct file_cache cache;
	begin(&scene, "survey");
	assert_true(shmem_bytes(&scene) >= 4 * MIB);
	assert_ok(file_survey_begin(scene.cgroup, "/proc", 0, &survey, &error));
	wait_until_open(youngest_child());
	lab_kill(scene.child);
	// The memory of a memfd is not kept by who looks at it.
	for (int i = 0; i < 200 && shmem_bytes(&scene); i++)
		lab_sleep_ms(10);
	assert_int_equal(0, shmem_bytes(&scene));
	assert_ok(file_survey_take(survey, &cache, &error));
	assert_int_equal(2 * MIB, bytes_of(&cache, "/app.log"));
	assert_int_equal(FILE_OPEN, find(&cache, "/app.log")->found);
	assert_int_equal(scene.child, find(&cache, "/app.log")->pid);
	assert_int_equal(3 * MIB, bytes_of(&cache, "/app.log.1"));
	assert_true(find(&cache, "/app.log.1")->rotated);
	assert_int_equal(MIB, bytes_of(&cache, "/gone"));
	assert_true(find(&cache, "/gone")->deleted);
	if (cache.charge_known)
		assert_int_equal(2 * MIB, find(&cache, "/app.log")->charged_bytes.value);
	file_cache_deinit(&cache);
	file_survey_end(survey);
	finish(&scene);
}

static bool is_running(pid_t pid)
{
	char path[64], text[512] = "";
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "r");
	if (!file)
		return false;
	size_t size = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	const char *end = strrchr(text, ')');
	return size && end && end[2] != 'Z' && end[2] != 'X';
}

static void it_ends_with_who_began_it(void **state)
{
	(void)state;
	struct scene scene;
	struct file_survey *survey;
	int ends[2];
	pid_t survey_pid = 0;
	begin(&scene, "orphan");
	assert_int_equal(0, pipe(ends));
	pid_t caller = fork();
	if (caller == 0) { // as a worker does it, whose signals to root would be refused
		bool ok = file_survey_begin(scene.cgroup, "/proc", 0, &survey, NULL);
		pid_t pid = ok ? youngest_child() : 0;
		ok = write(ends[1], &pid, sizeof pid) == sizeof pid && setuid(65534) == 0;
		_exit(!ok);
	}
	assert_int_equal(sizeof survey_pid, read(ends[0], &survey_pid, sizeof survey_pid));
	assert_true(survey_pid > 0);
	assert_int_equal(caller, waitpid(caller, NULL, 0));
	for (int i = 0; i < 500 && is_running(survey_pid); i++)
		lab_sleep_ms(10);
	assert_false(is_running(survey_pid));
	close(ends[0]);
	close(ends[1]);
	lab_kill(scene.child);
	finish(&scene);
}

static void a_survey_that_nobody_asks_goes_away(void **state)
{
	(void)state;
	struct scene scene;
	struct file_survey *survey;
	begin(&scene, "unasked");
	assert_ok(file_survey_begin(scene.cgroup, "/proc", 0, &survey, &error));
	pid_t pid = youngest_child();
	assert_true(is_running(pid));
	file_survey_end(survey);
	assert_false(is_running(pid));
	file_survey_end(NULL);
	lab_kill(scene.child);
	finish(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_packed_comes_back),
		cmocka_unit_test(every_head_is_refused),
		cmocka_unit_test(files_are_found_after_their_process),
		cmocka_unit_test(it_ends_with_who_began_it),
		cmocka_unit_test(a_survey_that_nobody_asks_goes_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
