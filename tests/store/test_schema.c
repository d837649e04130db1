// SPDX-License-Identifier: Apache-2.0
// New files, files of version 1, files of others, damaged files.
#include "lab.h"

#include "store/schema.h"

// As whyoom wrote it before there were snapshots and fingerprints.
static const char version_1[] =
#include "version-1.h"
	;

static void make_version_1(const struct shelf *shelf)
{
	sqlite3 *database;
	assert_int_equal(SQLITE_OK, sqlite3_open(shelf->path, &database));
	run_in(database, version_1);
	run_in(database,
	       "INSERT INTO target VALUES(7, 12, 34, 'api', '/srv/api', 'ab', '', '/', 1, 2,"
	       " 3, 4, 'exit');"
	       "INSERT INTO mark VALUES(1, 5, 7, 'hand', 'deploy v1.4');"
	       "INSERT INTO incident VALUES(3, 6, 7, '/i/3', 'cgroup-oom', 'it is cache');"
	       "INSERT INTO sample_1(time, target, samples, anon_bytes) VALUES(9, 7, 1, 42)");
	sqlite3_close(database);
}

static void a_new_file_has_the_newest_tables(void **state)
{
	struct shelf shelf;
	(void)state;
	shelf_make(&shelf);
	sqlite3 *database = shelf_open(&shelf, DATABASE_WRITE);
	assert_int_equal(SCHEMA_VERSION, number_in(database, "PRAGMA user_version"));
	assert_int_equal(0, number_in(database, "SELECT count(*) FROM snapshot"));
	assert_string_equal("wal", text_in(database, "PRAGMA journal_mode"));
	assert_int_equal(2, number_in(database, "PRAGMA synchronous")); // FULL
	struct stat status;
	assert_int_equal(0, stat(shelf.path, &status));
	database_close(database);
	database = shelf_open(&shelf, DATABASE_READ);
	database_close(database);
	lab_dir_remove(&shelf.dir);
}

static void an_old_file_is_brought_up_to_date_and_loses_nothing(void **state)
{
	struct shelf shelf;
	(void)state;
	shelf_make(&shelf);
	make_version_1(&shelf);
	sqlite3 *database = NULL;
	assert_error(ERROR_UNSUPPORTED,
		     database_open(shelf.path, DATABASE_READ, 0, &database, &error));
	database = shelf_open(&shelf, DATABASE_WRITE);
	assert_int_equal(SCHEMA_VERSION, number_in(database, "PRAGMA user_version"));
	assert_string_equal("api", text_in(database, "SELECT name FROM target WHERE id = 7"));
	assert_string_equal("deploy v1.4", text_in(database, "SELECT text FROM mark"));
	assert_string_equal("it is cache", text_in(database, "SELECT sentence FROM incident"));
	assert_string_equal("", text_in(database, "SELECT function FROM incident"));
	assert_int_equal(42, number_in(database, "SELECT anon_bytes FROM sample_1"));
	database_close(database);
	lab_dir_remove(&shelf.dir);
}

static void refused(const char *sql, enum error_code expected)
{
	struct shelf shelf;
	sqlite3 *database = NULL;
	shelf_make(&shelf);
	database_close(shelf_open(&shelf, DATABASE_WRITE));
	assert_int_equal(SQLITE_OK, sqlite3_open(shelf.path, &database));
	run_in(database, sql);
	sqlite3_close(database);
	assert_error(expected, database_open(shelf.path, DATABASE_READ, 0, &database, &error));
	assert_error(expected, database_open(shelf.path, DATABASE_WRITE, STORE_SIZE_DEFAULT,
					     &database, &error));
	lab_dir_remove(&shelf.dir);
}

static void files_of_others_are_refused(void **state)
{
	(void)state;
	refused("PRAGMA application_id=1", ERROR_UNSUPPORTED);
	refused("PRAGMA user_version=99", ERROR_UNSUPPORTED);
	refused("PRAGMA user_version=-1", ERROR_UNSUPPORTED);
	refused("CREATE TRIGGER t AFTER INSERT ON mark BEGIN DELETE FROM incident; END",
		ERROR_BAD_DATA);
	refused("DROP TABLE mark; CREATE VIEW mark AS SELECT 1", ERROR_BAD_DATA);
	refused("DROP TABLE sample_10", ERROR_BAD_DATA);
}

static void write_file(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(size, fwrite(data, 1, size, file));
	fclose(file);
}

static void what_is_no_database_is_said_so(void **state)
{
	struct shelf shelf;
	sqlite3 *database = NULL;
	char name[4200];
	(void)state;
	shelf_make(&shelf);
	write_file(shelf.path, "not a database at all, but long enough to be looked at. ", 56);
	assert_error(ERROR_BAD_DATA, database_open(shelf.path, DATABASE_WRITE, STORE_SIZE_DEFAULT,
						   &database, &error));
	assert_error(ERROR_BAD_DATA,
		     database_open(shelf.path, DATABASE_READ, 0, &database, &error));
	assert_ok(database_set_aside(shelf.path, name, sizeof name, &error));
	assert_int_not_equal(0, access(shelf.path, F_OK));
	assert_int_equal(0, access(name, F_OK));
	lab_dir_remove(&shelf.dir);
}

static void what_cannot_be_ours_is_never_renamed(void **state)
{
	struct shelf shelf;
	sqlite3 *database = NULL;
	char name[4200], path[256];
	(void)state;
	shelf_make(&shelf);
	snprintf(path, sizeof path, "%s/passwd", shelf.dir.path);
	write_file(path, "root:x:0:0:root:/root:/bin/bash\n", 32);
	assert_error(ERROR_UNSUPPORTED, database_set_aside(path, name, sizeof name, &error));
	assert_int_equal(SQLITE_OK, sqlite3_open(shelf.path, &database));
	run_in(database, "CREATE TABLE bookmarks(x); PRAGMA application_id=5");
	sqlite3_close(database);
	assert_error(ERROR_UNSUPPORTED, database_set_aside(shelf.path, name, sizeof name, &error));
	assert_int_equal(0, access(shelf.path, F_OK));
	lab_dir_remove(&shelf.dir);
}

// Cut and overwritten at many places: an error or an answer, no crash; the sanitizers watch.
static void damaged_files_are_errors(void **state)
{
	struct shelf shelf;
	static char data[1 << 20];
	(void)state;
	shelf_make(&shelf);
	sqlite3 *database = shelf_open(&shelf, DATABASE_WRITE);
	run_in(database, "INSERT INTO mark(time_ns, kind, text) VALUES(1, 'hand', 'x')");
	database_close(database);
	FILE *file = fopen(shelf.path, "re");
	size_t size = fread(data, 1, sizeof data, file);
	fclose(file);
	for (size_t at = 0; at < size; at += at < 200 ? 7 : 1021) {
		char before = data[at];
		data[at] = (char)~before;
		write_file(shelf.path, data, size);
		data[at] = before;
		if (database_open(shelf.path, DATABASE_READ, 0, &database, NULL)) {
			int64_t count;
			(void)!database_number(database, "SELECT count(text) FROM mark", &count,
					       NULL);
			database_close(database);
		}
		write_file(shelf.path, data, at);
		if (database_open(shelf.path, DATABASE_READ, 0, &database, NULL))
			database_close(database);
	}
	lab_dir_remove(&shelf.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_file_has_the_newest_tables),
		cmocka_unit_test(an_old_file_is_brought_up_to_date_and_loses_nothing),
		cmocka_unit_test(files_of_others_are_refused),
		cmocka_unit_test(what_is_no_database_is_said_so),
		cmocka_unit_test(what_cannot_be_ours_is_never_renamed),
		cmocka_unit_test(damaged_files_are_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
