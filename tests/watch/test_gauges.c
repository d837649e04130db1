// SPDX-License-Identifier: Apache-2.0
// What is cheap to know of a process: of this very one.
#include "../system/lab.h"

#include <fcntl.h>
#include <unistd.h>

#include "watch/gauges.h"

static void pressure_is_parsed(void **state)
{
	int64_t some = -1, full = -1;
	(void)state;
	gauges_parse_pressure("some avg10=0.00 avg60=1.25 avg300=0.00 total=123456\n"
			      "full avg10=0.00 avg60=0.00 avg300=0.00 total=42\n",
			      &some, &full);
	assert_int_equal(123456, some);
	assert_int_equal(42, full);
	some = full = -1;
	gauges_parse_pressure("some avg10=0.00 avg60=1.25 avg300=0.00 total=5\n", &some, &full);
	assert_int_equal(5, some);
	assert_int_equal(-1, full);
	static const char *const odd[] = {
		"", "\n", "some", "some \ntotal=5", "full total=-3\n", "some total="};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		some = full = -1;
		gauges_parse_pressure(odd[i], &some, &full);
		assert_true(some <= 0 && full == -1);
	}
}

static void this_process_is_counted(void **state)
{
	struct process_files process;
	struct gauges gauges = {.pressure = -1};
	(void)state;
	assert_ok(process_files_open("/proc", getpid(), &process, &error));
	gauges.process = &process;
	struct store_sample before = store_sample_at(0), after = store_sample_at(0);
	gauges_take(&gauges, &before);
	gauges.fds_ns = 0; // however dear it was
	int more = open("/dev/null", O_RDONLY | O_CLOEXEC);
	gauges_take(&gauges, &after);
	assert_int_equal(before.values[STORE_FDS] + 1, after.values[STORE_FDS]);
	assert_true(after.values[STORE_THREADS] >= 1);
	assert_true(after.values[STORE_RSS] > 100000);
	assert_int_equal(-1, after.values[STORE_PSI_SOME]);
	close(more);
	process_files_close(&process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pressure_is_parsed),
		cmocka_unit_test(this_process_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
