// SPDX-License-Identifier: Apache-2.0
// Samples: merged, moved on to coarser tables, removed; whatever the clock says.
#include "lab.h"

#include "store/samples.h"

static void insert(sqlite3 *database, sqlite3_stmt *statement, int64_t second, int64_t target,
		   int64_t anon_bytes)
{
	struct sample_bucket bucket = {.second = second, .target = target};
	struct store_sample sample = store_sample_at(second * 1000000000);
	sample.values[STORE_ANON] = anon_bytes;
	sample_bucket_add(&bucket, &sample);
	assert_ok(samples_insert(database, statement, &bucket, &error));
}

static sqlite3_stmt *begin(sqlite3 *database)
{
	sqlite3_stmt *statement = NULL;
	assert_ok(samples_prepare(database, &statement, &error));
	run_in(database, "BEGIN");
	return statement;
}

static void end(struct shelf *shelf, sqlite3 *database, sqlite3_stmt *statement)
{
	run_in(database, "COMMIT");
	sqlite3_finalize(statement);
	database_close(database);
	lab_dir_remove(&shelf->dir);
}

static void one_second_becomes_one_row(void **state)
{
	struct shelf shelf;
	struct sample_bucket bucket = {.second = 100, .target = 1};
	(void)state;
	shelf_make(&shelf);
	sqlite3 *database = shelf_open(&shelf, DATABASE_WRITE);
	sqlite3_stmt *statement = begin(database);
	for (int i = 0; i < 50; i++) {
		struct store_sample sample = store_sample_at(100000000000);
		sample.values[STORE_ANON] = 1000 + i;
		sample.values[STORE_FDS] = 9;
		sample_bucket_add(&bucket, &sample);
	}
	assert_ok(samples_insert(database, statement, &bucket, &error));
	assert_int_equal(1024, number_in(database, "SELECT anon_bytes FROM sample_1"));
	assert_int_equal(1000, number_in(database, "SELECT anon_bytes_min FROM sample_1"));
	assert_int_equal(1049, number_in(database, "SELECT anon_bytes_max FROM sample_1"));
	assert_int_equal(9, number_in(database, "SELECT fds FROM sample_1"));
	assert_string_equal("null", text_in(database, "SELECT typeof(fds_max) FROM sample_1"));
	assert_string_equal("null", text_in(database, "SELECT typeof(goroutines) FROM sample_1"));
	// The rest of the same second, in the next commit.
	insert(database, statement, 100, 1, 2000);
	assert_int_equal(1, number_in(database, "SELECT count(*) FROM sample_1"));
	assert_int_equal(51, number_in(database, "SELECT samples FROM sample_1"));
	assert_int_equal(2000, number_in(database, "SELECT anon_bytes_max FROM sample_1"));
	assert_int_equal(1000, number_in(database, "SELECT anon_bytes_min FROM sample_1"));
	assert_int_equal(1043, number_in(database, "SELECT anon_bytes FROM sample_1"));
	end(&shelf, database, statement);
}

static void fold_all(sqlite3 *database, int64_t now_s)
{
	for (int round = 0; round < 3; round++)
		for (int table = 0; table < SAMPLE_TABLES; table++)
			assert_ok(samples_fold(database, table, now_s, &error));
}

static void old_seconds_become_ten_seconds_and_minutes(void **state)
{
	struct shelf shelf;
	const int64_t first = 1800000000, count = 3600 + 600;
	(void)state;
	shelf_make(&shelf);
	sqlite3 *database = shelf_open(&shelf, DATABASE_WRITE);
	sqlite3_stmt *statement = begin(database);
	for (int64_t i = 0; i < count; i++) {
		insert(database, statement, first + i, 1, 1000 + i);
		insert(database, statement, first + i, 2, 5);
	}
	fold_all(database, first + count);
	assert_int_equal(7200, number_in(database, "SELECT count(*) FROM sample_1"));
	assert_int_equal(60, number_in(database, "SELECT count(*) FROM sample_10 WHERE target=1"));
	const char *sql =
		"SELECT anon_bytes_min || ' ' || anon_bytes || ' ' || anon_bytes_max || ' '"
		" || samples FROM sample_10 WHERE target=1 ORDER BY time";
	assert_string_equal("1000 1004 1009 10", text_in(database, sql));
	assert_string_equal("null", text_in(database, "SELECT typeof(fds_max) FROM sample_10"));
	// Nothing is counted twice, nothing lost.
	assert_int_equal(2 * count,
			 number_in(database, "SELECT (SELECT sum(samples) FROM sample_1) +"
					     " (SELECT sum(samples) FROM sample_10)"));
	end(&shelf, database, statement);
}

static void a_wrong_clock_makes_nothing_old(void **state)
{
	struct shelf shelf;
	const int64_t first = 1800000000, far = first + 400LL * 86400;
	(void)state;
	shelf_make(&shelf);
	sqlite3 *database = shelf_open(&shelf, DATABASE_WRITE);
	sqlite3_stmt *statement = begin(database);
	for (int64_t i = 0; i < 3000; i++)
		insert(database, statement, first + i, 1, 1);
	// A year ahead for a while: all that was there stays as it is.
	for (int64_t i = 0; i < 100; i++)
		insert(database, statement, far + i, 1, 1);
	fold_all(database, far + 100);
	assert_int_equal(3100, number_in(database, "SELECT count(*) FROM sample_1"));
	// Right again: once there is too much, the future goes first.
	for (int64_t i = 3000; i < 3700; i++)
		insert(database, statement, first + i, 1, 1);
	fold_all(database, first + 3700);
	assert_int_equal(0, number_in(database, "SELECT count(*) FROM sample_1 WHERE time > "
						"1800090000"));
	assert_int_equal(10, number_in(database, "SELECT count(*) FROM sample_10 WHERE time > "
						 "1800090000"));
	assert_int_equal(3800, number_in(database, "SELECT (SELECT sum(samples) FROM sample_1) + "
						   "(SELECT sum(samples) FROM sample_10)"));
	end(&shelf, database, statement);
}

static void minutes_end_after_a_month(void **state)
{
	struct shelf shelf;
	char sql[300];
	bool removed;
	(void)state;
	shelf_make(&shelf);
	sqlite3 *database = shelf_open(&shelf, DATABASE_WRITE);
	sqlite3_stmt *statement = begin(database);
	snprintf(
		sql, sizeof sql,
		"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 43399) "
		"INSERT INTO sample_60(time, target, samples) SELECT 1800000000 + i * 60, 1, 1 FROM n");
	run_in(database, sql);
	fold_all(database, 1900000000);
	assert_in_range(number_in(database, "SELECT count(*) FROM sample_60"), 43190, 43260);
	assert_int_equal(1800000000 + 43399 * 60,
			 number_in(database, "SELECT max(time) FROM sample_60"));
	insert(database, statement, 1900000000, 1, 1);
	assert_ok(samples_remove_oldest(database, 1000, &removed, &error));
	assert_true(removed);
	assert_int_equal(1, number_in(database, "SELECT count(*) FROM sample_1"));
	end(&shelf, database, statement);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_second_becomes_one_row),
		cmocka_unit_test(old_seconds_become_ten_seconds_and_minutes),
		cmocka_unit_test(a_wrong_clock_makes_nothing_old),
		cmocka_unit_test(minutes_end_after_a_month),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
