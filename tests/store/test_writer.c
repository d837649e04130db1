// SPDX-License-Identifier: Apache-2.0
// The keeper: killed, locked out, given damaged files and too little room; what it marks by itself.
#include "lab.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAST_NS   ((int64_t)5000000)
#define SECOND_NS ((int64_t)1000000000)

enum { CHILDREN_MAX = 8, PATIENCE_MS = 20000 };

static const int64_t base_s = 1800000000;

static int rounds(int few, int many)
{
	return getenv("WHYOOM_TESTS_ALL") ? many : few;
}

static struct store_writer *open_writer(const struct shelf *shelf, int64_t size_bytes)
{
	struct store_writer *writer = NULL;
	struct store_options options = {shelf->path, size_bytes, FAST_NS};
	assert_ok(store_open(&options, &writer, &error));
	return writer;
}

static struct store_target target_of(int pid, const char *name, const char *build_id)
{
	struct store_target target = {.pid = pid, .started_unix_ns = base_s * SECOND_NS + pid};
	snprintf(target.name, sizeof target.name, "%s", name);
	snprintf(target.executable, sizeof target.executable, "/srv/%s", name);
	snprintf(target.build_id, sizeof target.build_id, "%s", build_id);
	return target;
}

// The n-th sample is one of a second of its own, so that each is one row.
static void feed(struct store_writer *writer, int target, int64_t n)
{
	struct store_sample sample = store_sample_at((base_s + n) * SECOND_NS);
	for (int i = 0; i < STORE_METRICS; i++)
		sample.values[i] = n * 1000 + i;
	sample.values[STORE_LIMIT] = 500;
	store_sample(writer, target, &sample);
}

// Waits for `count` messages in the database, or for something to be told.
static struct store_news await(struct store_writer *writer, int64_t count, bool telling)
{
	struct store_news news = {0};
	for (int i = 0; i < PATIENCE_MS; i++) {
		bool told = store_update(writer, &news);
		if (telling ? told : news.committed >= count)
			return news;
		clock_sleep_ns(1000000);
	}
	printf("committed %lld of %lld, state %d, %s\n", (long long)news.committed,
	       (long long)count, (int)news.state, news.error.message);
	fail_msg("%s: not within %d ms", telling ? "news" : "a commit", PATIENCE_MS);
	return news;
}

// The writer's own child.
static pid_t find_keeper(void)
{
	char path[64], line[64] = "";
	snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
	FILE *file = fopen(path, "re");
	if (!file || !fgets(line, sizeof line, file))
		fail_msg("no child");
	fclose(file);
	return atoi(line);
}

static void check_whole(const struct shelf *shelf, int64_t at_least, bool is_whole, int64_t *rows)
{
	sqlite3 *database = shelf_open(shelf, DATABASE_WRITE);
	assert_string_equal("ok", text_in(database, "PRAGMA integrity_check"));
	*rows = number_in(database, "SELECT coalesce((SELECT sum(samples) FROM sample_1), 0) + "
				    "coalesce((SELECT sum(samples) FROM sample_10), 0)");
	// No holes: what is there is all from the first to the last.
	if (is_whole && *rows)
		assert_int_equal(base_s + *rows - 1,
				 number_in(database, "SELECT max(time) FROM sample_1"));
	if (*rows < at_least)
		fail_msg("%lld rows, but %lld were said to be stored", (long long)*rows,
			 (long long)at_least);
	database_close(database);
}

static void a_kill_loses_nothing_that_was_committed(void **state)
{
	struct shelf shelf;
	int64_t fed = 0, rows = 0, lost_most = 0, marked = 0;
	(void)state;
	shelf_make(&shelf);
	for (int round = 0; round < rounds(10, 120); round++) {
		struct store_writer *writer = open_writer(&shelf, 0);
		struct store_target target = target_of(1, "api", "");
		int handle = store_target(writer, &target);
		struct store_news news = {0};
		int64_t first = fed = rows;
		int64_t until_ns = clock_monotonic_ns() + 20000000 + rand() % 40000000;
		while (clock_monotonic_ns() < until_ns || news.committed < 2) {
			feed(writer, handle, fed++);
			store_update(writer, &news);
			if (fed % 16 == 0)
				clock_sleep_ns(100000);
			assert_true(clock_monotonic_ns() < until_ns + PATIENCE_MS * 1000000LL);
		}
		kill(find_keeper(), SIGKILL);
		struct store_news last = await(writer, 0, true);
		assert_int_equal(STORE_FAILING, last.state);
		store_close(writer);
		marked = last.committed - 1; // one message was the target
		check_whole(&shelf, first + marked, true, &rows);
		lost_most = fed - rows > lost_most ? fed - rows : lost_most;
	}
	printf("lost at most %lld samples that were not committed\n", (long long)lost_most);
	lab_dir_remove(&shelf.dir);
}

static void a_watch_that_is_killed_loses_nothing(void **state)
{
	struct shelf shelf;
	enum { FED = 500 };
	int64_t rows = 0;
	(void)state;
	shelf_make(&shelf);
	pid_t child = fork();
	if (child == 0) {
		struct store_writer *writer = open_writer(&shelf, 0);
		struct store_target target = target_of(1, "api", "");
		int handle = store_target(writer, &target);
		for (int i = 0; i < FED; i++)
			feed(writer, handle, i);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(child, waitpid(child, NULL, 0));
	for (int i = 0; i < PATIENCE_MS && rows < FED; i += 20) {
		clock_sleep_ns(20000000);
		sqlite3 *database = NULL;
		if (!database_open(shelf.path, DATABASE_READ, 0, &database, NULL))
			continue;
		rows = number_in(database, "SELECT count(*) FROM sample_1");
		database_close(database);
	}
	assert_int_equal(FED, rows);
	lab_dir_remove(&shelf.dir);
}

static void a_lock_of_another_only_delays(void **state)
{
	struct shelf shelf;
	int64_t rows;
	(void)state;
	shelf_make(&shelf);
	struct store_writer *writer = open_writer(&shelf, 0);
	struct store_target target = target_of(1, "api", "");
	int handle = store_target(writer, &target);
	feed(writer, handle, 0);
	await(writer, 2, false);
	// Not before the keeper is forked: SQLite's locks do not go over a fork.
	sqlite3 *other = shelf_open(&shelf, DATABASE_WRITE);
	run_in(other, "BEGIN IMMEDIATE");
	for (int i = 1; i < 100; i++)
		feed(writer, handle, i);
	struct store_news news = await(writer, 0, true);
	assert_int_equal(STORE_FAILING, news.state);
	assert_non_null(strstr(news.error.message, "another process"));
	run_in(other, "COMMIT");
	database_close(other);
	assert_int_equal(STORE_WRITING, await(writer, 0, true).state);
	await(writer, 101, false);
	store_close(writer);
	check_whole(&shelf, 100, true, &rows);
	lab_dir_remove(&shelf.dir);
}

static int count_files(const struct shelf *shelf, const char *part)
{
	char command[256];
	int count = 0;
	snprintf(command, sizeof command, "ls %s | grep -c -- '%s'", shelf->dir.path, part);
	FILE *pipe = popen(command, "re");
	if (!pipe || fscanf(pipe, "%d", &count) != 1)
		count = -1;
	pclose(pipe);
	return count;
}

static void overwrite(const char *path, long from, long size)
{
	FILE *file = fopen(path, "r+e");
	assert_non_null(file);
	fseek(file, from, SEEK_SET);
	for (long i = 0; i < size; i++)
		fputc(0x5a, file);
	fclose(file);
}

static void a_damaged_file_is_set_aside(void **state)
{
	struct shelf shelf;
	int64_t rows;
	(void)state;
	shelf_make(&shelf);
	struct store_writer *writer = open_writer(&shelf, 0);
	struct store_target target = target_of(1, "api", "");
	int handle = store_target(writer, &target);
	for (int i = 0; i < 1000; i++)
		feed(writer, handle, i);
	store_close(writer);
	check_whole(&shelf, 1000, true, &rows);
	overwrite(shelf.path, 4096, 200000);

	writer = open_writer(&shelf, 0);
	handle = store_target(writer, &target);
	feed(writer, handle, 5000);
	struct store_news news = await(writer, 0, true);
	assert_int_equal(ERROR_BAD_DATA, (int)news.error.code);
	assert_non_null(strstr(news.error.message, "kept as"));
	await(writer, 2, false);
	store_close(writer);
	check_whole(&shelf, 1, false, &rows);
	assert_int_equal(1, rows);
	assert_int_equal(1, count_files(&shelf, "damaged-[0-9-]*$"));
	lab_dir_remove(&shelf.dir);
}

static void a_removed_file_is_made_anew(void **state)
{
	struct shelf shelf;
	int64_t rows;
	(void)state;
	shelf_make(&shelf);
	struct store_writer *writer = open_writer(&shelf, 0);
	struct store_target target = target_of(1, "api", "");
	int handle = store_target(writer, &target);
	feed(writer, handle, 0);
	await(writer, 2, false);
	assert_int_equal(0, unlink(shelf.path));
	feed(writer, handle, 1);
	assert_int_equal(ERROR_NOT_FOUND, (int)await(writer, 0, true).error.code);
	await(writer, 3, false);
	store_close(writer);
	check_whole(&shelf, 1, false, &rows);
	assert_int_equal(1, rows);
	lab_dir_remove(&shelf.dir);
}

static void somebody_elses_file_is_left_alone(void **state)
{
	struct shelf shelf;
	sqlite3 *database;
	(void)state;
	shelf_make(&shelf);
	assert_int_equal(SQLITE_OK, sqlite3_open(shelf.path, &database));
	run_in(database, "CREATE TABLE bookmarks(x); INSERT INTO bookmarks VALUES(1)");
	sqlite3_close(database);
	struct store_writer *writer = open_writer(&shelf, 0);
	struct store_news news = await(writer, 0, true);
	assert_int_equal(STORE_REFUSED, news.state);
	store_close(writer);
	assert_int_equal(SQLITE_OK, sqlite3_open(shelf.path, &database));
	assert_int_equal(1, number_in(database, "SELECT count(*) FROM bookmarks"));
	sqlite3_close(database);
	lab_dir_remove(&shelf.dir);
}

static int64_t bytes_of(const struct shelf *shelf)
{
	static const char *const parts[] = {"", "-wal", "-shm"};
	int64_t sum = 0;
	char path[200];
	for (int i = 0; i < 3; i++) {
		struct stat status;
		snprintf(path, sizeof path, "%s%s", shelf->path, parts[i]);
		if (stat(path, &status) == 0)
			sum += status.st_size;
	}
	return sum;
}

static void the_size_holds(void **state)
{
	struct shelf shelf;
	enum { TARGETS = 20, SECONDS = 2400 };
	int handles[TARGETS];
	int64_t most = 0, rows;
	(void)state;
	shelf_make(&shelf);
	struct store_writer *writer = open_writer(&shelf, STORE_SIZE_MIN);
	for (int i = 0; i < TARGETS; i++) {
		struct store_target target = target_of(i + 1, "api", "");
		handles[i] = store_target(writer, &target);
	}
	for (int64_t second = 0; second < SECONDS; second++) {
		for (int i = 0; i < TARGETS; i++)
			feed(writer, handles[i], second);
		if (second % 100 == 99)
			await(writer, (second + 1) * TARGETS, false);
		int64_t bytes = bytes_of(&shelf);
		most = bytes > most ? bytes : most;
	}
	store_close(writer);
	if (most > STORE_SIZE_MIN)
		fail_msg("%lld bytes on disk", (long long)most);
	sqlite3 *database = shelf_open(&shelf, DATABASE_WRITE);
	rows = number_in(database, "SELECT count(*) FROM sample_1");
	assert_true(rows < TARGETS * SECONDS); // else the test was too small to mean anything
	assert_true(rows > TARGETS * SECONDS / 20);
	assert_int_equal(base_s + SECONDS - 1,
			 number_in(database, "SELECT max(time) FROM sample_1"));
	assert_string_equal("ok", text_in(database, "PRAGMA integrity_check"));
	database_close(database);
	lab_dir_remove(&shelf.dir);
}

static void feed_limit(struct store_writer *writer, int target, int64_t limit_bytes)
{
	struct store_sample sample = store_sample_at(clock_unix_ns());
	sample.values[STORE_LIMIT] = limit_bytes;
	store_sample(writer, target, &sample);
}

static void changes_mark_themselves(void **state)
{
	struct shelf shelf;
	struct store_ending ending = {.unix_ns = clock_unix_ns(), .cause = "cgroup-oom"};
	(void)state;
	shelf_make(&shelf);
	struct store_writer *writer = open_writer(&shelf, 0);
	struct store_target old = target_of(10, "api", "aaaa"), new = target_of(11, "api", "bbbb");
	int first = store_target(writer, &old);
	feed_limit(writer, first, 100 << 20);
	snprintf(ending.text, sizeof ending.text, "killed");
	store_ending(writer, first, &ending);
	await(writer, 3, false);
	int second = store_target(writer, &new);
	feed_limit(writer, second, 100 << 20);
	await(writer, 5, false);
	feed_limit(writer, second, 200 << 20);
	await(writer, 6, false);
	// The same process, watched anew: nothing happened to it.
	store_close(writer);
	writer = open_writer(&shelf, 0);
	second = store_target(writer, &new);
	feed_limit(writer, second, 200 << 20);
	// By one who does not know its build ID: what is known stays.
	struct store_target unknown = target_of(11, "api", "");
	store_target(writer, &unknown);
	store_close(writer);
	sqlite3 *database = shelf_open(&shelf, DATABASE_WRITE);
	assert_string_equal("kill,restart,binary,limit",
			    text_in(database,
				    "SELECT group_concat(kind) FROM (SELECT kind FROM mark "
				    "ORDER BY id)"));
	assert_string_equal("api started anew: process 11 (before: 10)",
			    text_in(database, "SELECT text FROM mark WHERE kind = 'restart'"));
	assert_string_equal("api: limit 200 MiB (before: 100 MiB)",
			    text_in(database, "SELECT text FROM mark WHERE kind = 'limit'"));
	assert_int_equal(2, number_in(database, "SELECT count(*) FROM target"));
	assert_string_equal("cgroup-oom",
			    text_in(database, "SELECT ending FROM target WHERE pid = 10"));
	assert_string_equal("bbbb",
			    text_in(database, "SELECT build_id FROM target WHERE pid = 11"));
	database_close(database);
	lab_dir_remove(&shelf.dir);
}

static void two_of_a_name_at_once_are_no_restart(void **state)
{
	struct shelf shelf;
	(void)state;
	shelf_make(&shelf);
	struct store_writer *writer = open_writer(&shelf, 0);
	struct store_target old = target_of(10, "api", "aaaa"), new = target_of(11, "api", "bbbb");
	feed_limit(writer, store_target(writer, &old), 1 << 20);
	feed_limit(writer, store_target(writer, &new), 1 << 20);
	store_close(writer);
	sqlite3 *database = shelf_open(&shelf, DATABASE_WRITE);
	assert_int_equal(2, number_in(database, "SELECT count(*) FROM target"));
	assert_int_equal(0, number_in(database, "SELECT count(*) FROM mark"));
	database_close(database);
	lab_dir_remove(&shelf.dir);
}

// Nobody looked at the first one for a while, or watches it any more. Is that why it was not seen?
static void restarts_after_silence(int first_pid, bool unwatched, int expected)
{
	struct shelf shelf;
	struct store_ending ending = {.unix_ns = clock_unix_ns(), .cause = "unwatched"};
	shelf_make(&shelf);
	struct store_writer *writer = open_writer(&shelf, 0);
	struct store_target old = target_of(first_pid, "api", "aaaa"),
			    new = target_of(11, "api", "aaaa");
	int first = store_target(writer, &old);
	feed_limit(writer, first, 1 << 20);
	if (unwatched)
		store_ending(writer, first, &ending);
	store_close(writer);
	sqlite3 *database = shelf_open(&shelf, DATABASE_WRITE);
	assert_int_equal(SQLITE_OK, sqlite3_exec(database, "UPDATE target SET last_seen_ns = 1",
						 NULL, NULL, NULL));
	database_close(database);
	writer = open_writer(&shelf, 0);
	feed_limit(writer, store_target(writer, &new), 1 << 20);
	store_close(writer);
	database = shelf_open(&shelf, DATABASE_WRITE);
	assert_int_equal(expected,
			 number_in(database, "SELECT count(*) FROM mark WHERE kind = 'restart'"));
	database_close(database);
	lab_dir_remove(&shelf.dir);
}

static void who_was_not_seen_may_be_there_still(void **state)
{
	(void)state;
	for (int unwatched = 0; unwatched < 2; unwatched++) {
		restarts_after_silence(getpid(), unwatched, 0);
		restarts_after_silence(0x7ffffff0, unwatched, 1); // above any process number
	}
}

static void a_jump_of_the_clock_is_marked(void **state)
{
	struct shelf shelf;
	(void)state;
	shelf_make(&shelf);
	struct store_writer *writer = open_writer(&shelf, 0);
	struct store_target target = target_of(1, "api", "");
	int handle = store_target(writer, &target);
	feed(writer, handle, 0);
	feed(writer, handle, 7200);
	feed(writer, handle, 1);
	store_close(writer);
	sqlite3 *database = shelf_open(&shelf, DATABASE_WRITE);
	assert_int_equal(2, number_in(database, "SELECT count(*) FROM mark WHERE kind = 'clock'"));
	assert_int_equal(3, number_in(database, "SELECT count(*) FROM sample_1"));
	assert_non_null(
		strstr(text_in(database, "SELECT text FROM mark ORDER BY id"),
		       "forward by 1h59m59s") ||
				strstr(text_in(database, "SELECT text FROM mark ORDER BY id"),
				       "forward by 2h")
			? ""
			: NULL);
	database_close(database);
	lab_dir_remove(&shelf.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kill_loses_nothing_that_was_committed),
		cmocka_unit_test(a_watch_that_is_killed_loses_nothing),
		cmocka_unit_test(a_lock_of_another_only_delays),
		cmocka_unit_test(a_damaged_file_is_set_aside),
		cmocka_unit_test(a_removed_file_is_made_anew),
		cmocka_unit_test(somebody_elses_file_is_left_alone),
		cmocka_unit_test(the_size_holds),
		cmocka_unit_test(changes_mark_themselves),
		cmocka_unit_test(two_of_a_name_at_once_are_no_restart),
		cmocka_unit_test(who_was_not_seen_may_be_there_still),
		cmocka_unit_test(a_jump_of_the_clock_is_marked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
