// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"

static int file_of(const void *data, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_ok(file_write(fd, "test", data, size, &error));
	return fd;
}

static void sizes_around_the_buffer_come_back(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 4094, 4095, 4096, 4097, 8191, 8192, 100000};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *expected = malloc(sizes[i] + 1), *data;
		size_t size;
		for (size_t k = 0; k < sizes[i]; k++)
			expected[k] = (char)(k * 7);
		int fd = file_of(expected, sizes[i]);
		assert_ok(file_read(fd, "test", sizes[i], &data, &size, &error));
		assert_int_equal(sizes[i], size);
		assert_memory_equal(expected, data, size);
		assert_int_equal(0, data[size]);
		free(data);
		data = (char *)1;
		if (sizes[i])
			assert_error(ERROR_LIMIT,
				     file_read(fd, "test", sizes[i] - 1, &data, &size, &error));
		assert_ptr_equal((char *)1, data);
		free(expected);
		close(fd);
	}
}

static void a_buffer_takes_what_fits(void **state)
{
	(void)state;
	char buffer[8];
	int fd = file_of("0123456789", 10);
	assert_ok(file_read_into(fd, "test", buffer, sizeof buffer, &error));
	assert_string_equal("0123456", buffer);
	assert_ok(file_read_into(fd, "test", buffer, 1, &error));
	assert_string_equal("", buffer);
	close(fd);
	assert_error(ERROR_OS, file_read_into(fd, "test", buffer, sizeof buffer, &error));
}

static void a_file_of_proc_is_read_whole(void **state)
{
	(void)state;
	char *data;
	size_t size;
	assert_ok(file_read_path(AT_FDCWD, "/proc/self/status", 1 << 20, &data, &size, &error));
	assert_non_null(strstr(data, "\nnonvoluntary_ctxt_switches:")); // its last line
	free(data);
}

static void errors_name_the_file(void **state)
{
	(void)state;
	struct error error;
	char *data;
	size_t size;
	int fd = -7;
	assert_false(file_open(AT_FDCWD, "/nonexistent/x", &fd, &error));
	assert_int_equal(-7, fd);
	assert_int_equal(ERROR_OS, error.code);
	assert_int_equal(ENOENT, error.os_errno);
	assert_non_null(strstr(error.message, "/nonexistent/x"));
	assert_false(file_read_path(AT_FDCWD, "/tmp", 100, &data, &size, &error)); // a directory
	assert_int_equal(EISDIR, error.os_errno);
	fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_false(file_write(fd, "the disk", "x", 1, &error));
	assert_int_equal(ENOSPC, error.os_errno);
	assert_non_null(strstr(error.message, "the disk"));
	close(fd);
}

static void what_is_opened_does_not_survive_exec(void **state)
{
	(void)state;
	int fd;
	assert_ok(file_open(AT_FDCWD, "/proc/self/status", &fd, &error));
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_around_the_buffer_come_back),
		cmocka_unit_test(a_buffer_takes_what_fits),
		cmocka_unit_test(a_file_of_proc_is_read_whole),
		cmocka_unit_test(errors_name_the_file),
		cmocka_unit_test(what_is_opened_does_not_survive_exec),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
