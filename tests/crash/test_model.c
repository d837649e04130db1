// SPDX-License-Identifier: Apache-2.0
// What follows from a crash: sizes, owners, versions, wait times; and the model of goroutines that
// live processes have, too.
#include "system/lab.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "crash/causes.h"
#include "crash/crash.h"

static void read_text(const char *text, struct crash_log *log)
{
	static const struct crash_options options = {0};
	_cleanup_close_ int fd = memfd_create("log", MFD_CLOEXEC);
	assert_int_equal(strlen(text), pwrite(fd, text, strlen(text), 0));
	assert_ok(crash_log_read(fd, "log", &options, log, &error));
	assert_int_equal(1, log->crashes.count);
}

#define OOM(allocation)                                                                   \
	"fatal error: runtime: out of memory\n\ngoroutine 1 [running]:\n" allocation "\n" \
	"\t/usr/local/go/src/runtime/malloc.go:1 +0x1\n"                                  \
	"main.f(0x1)\n\t/home/dev/shop/main.go:7 +0x1\n"

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t asked;
		bool uncertain;
	} rows[] = {
		{OOM("runtime.mallocgc(0x4000, 0x0, 0x7f4c0ced8b00, 0xc04fffa000)"), 0x4000, true},
		{OOM("runtime.mallocgc(0x4000, {0x0?, 0x1?}, 0x1)"), 0x4000, false},
		{OOM("runtime.mallocgc(0x4000?, 0x0, 0x1)"), 0x4000, true},
		{OOM("runtime.largeAlloc(0x12fffff10, 0xc000040101, 0xc001816180)"), 0x12fffff10,
		 false},
		{OOM("runtime.mallocgc(_, 0x0, 0x1)"), 0, false},
		{OOM("runtime.mallocgc(...)"), 0, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct crash_log log;
		read_text(rows[i].text, &log);
		struct crash *crash = &log.crashes.items[0];
		assert_string_equal("out-of-memory", crash->cause->id);
		assert_int_equal(rows[i].asked != 0, crash->asked.bytes.known);
		assert_int_equal(rows[i].asked, crash->asked.bytes.value);
		assert_int_equal(rows[i].uncertain, crash->asked.uncertain);
		crash_log_deinit(&log);
	}
}

static void owners(void **state)
{
	static const char text[] =
		"panic: x\n\ngoroutine 1 [running]:\n"
		"runtime.throw(0x1)\n\t/usr/lib/go-1.19/src/runtime/panic.go:1 +0x1\n"
		"net/http.f()\n\t/usr/lib/go-1.19/src/net/http/server.go:2 +0x1\n"
		"github.com/Azure/sdk/v2/a.f()\n"
		"\t/root/go/pkg/mod/github.com/!azure/sdk/v2@v2.1.0/a/x.go:3 +0x1\n"
		"github.com/foo/bar/baz.f()\n\t/home/dev/shop/vendor/github.com/foo/bar/baz/x.go:4\n"
		"example.com/shop/export.f()\n\t/home/dev/shop/export/x.go:5 +0x1\n"
		"main.main()\n\t/home/dev/shop/cmd/shop/main.go:6 +0x1\n";
	static const struct {
		enum crash_owner owner;
		const char *module, *version;
	} expected[] = {
		{CRASH_OWNER_RUNTIME, "", ""},
		{CRASH_OWNER_STANDARD, "", ""},
		{CRASH_OWNER_THIRD_PARTY, "github.com/Azure/sdk/v2", "v2.1.0"},
		{CRASH_OWNER_THIRD_PARTY, "github.com/foo/bar", ""},
		{CRASH_OWNER_OWN, "example.com/shop", ""},
		{CRASH_OWNER_OWN, "example.com/shop", ""},
	};
	struct crash_log log;
	(void)state;
	read_text(text, &log);
	const struct crash *crash = &log.crashes.items[0];
	assert_int_equal(6, crash->fault->depth);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(expected[i].owner, crash->fault->frames[i].owner);
		assert_string_equal(expected[i].module, crash->fault->frames[i].module);
		assert_string_equal(expected[i].version, crash->fault->frames[i].module_version);
	}
	assert_ptr_equal(&crash->fault->frames[4], crash->own);
	assert_string_equal("1.19", crash->version.exact);
	crash_log_deinit(&log);
}

static void waits_and_the_shared_model(void **state)
{
	static const char text[] =
		"SIGQUIT: quit\n\n"
		"goroutine 5 [chan receive, 9 minutes]:\nmain.f(0x1)\n\t/a/main.go:1 +0x1\n\n"
		"goroutine 6 [chan receive]:\nmain.f(0x2)\n\t/a/main.go:1 +0x2\n\n"
		"goroutine 7 [chan receive, 3 minutes, locked to thread]:\n"
		"main.f(0x3)\n\t/a/main.go:1 +0x1\n\n"
		"goroutine 8 [running]:\nmain.g()\n\t/a/main.go:2 +0x1\n";
	struct goroutine_set set = {0};
	struct crash_log log;
	(void)state;
	read_text(text, &log);
	const struct crash *crash = &log.crashes.items[0];
	assert_int_equal(2, crash->groups.count);
	const struct crash_group *group = &crash->groups.items[0];
	assert_int_equal(3, group->count);
	assert_int_equal(9, crash_group_oldest_minutes(group));
	assert_int_equal(3, crash_group_median_minutes(group));
	assert_true(group->locked);
	crash_to_goroutines(crash, &set);
	assert_int_equal(4, set.total);
	assert_string_equal("chan receive", set.groups.items[0].wait_reason);
	assert_int_equal(3, set.groups.items[0].count);
	assert_int_equal(9 * 60 * (int64_t)1000000000, set.groups.items[0].waited_ns);
	assert_string_equal("running", set.groups.items[1].state);
	assert_null(set.groups.items[1].wait_reason);
	goroutine_set_deinit(&set);
	crash_log_deinit(&log);
}

static void gccgo(void **state)
{
	static const char text[] = "panic: runtime error: index out of range [5] with length 3\n\n"
				   "goroutine 1 [running]:\n"
				   "main.handle\n\t/home/dev/shop/main.go:47\n"
				   "main.main\n\t/home/dev/shop/main.go:222\n";
	struct crash_log log;
	(void)state;
	read_text(text, &log);
	const struct crash *crash = &log.crashes.items[0];
	assert_true(crash->is_gccgo);
	assert_non_null(crash->own);
	assert_string_equal("main.handle", crash->own->function);
	assert_int_equal(47, crash->own->line);
	crash_log_deinit(&log);
}

// What the linker knows gccgo's functions by; those with a slash have been restored by libgo.
static void names_of_gccgo(void **state)
{
	static const struct {
		const char *written, *is;
	} rows[] = {
		{"example_0com_1shop_1export.Giant", "example.com/shop/export.Giant"},
		{"sync.runtime__Semacquire", "sync.runtime_Semacquire"},
		{"gopkg_0in_1yaml_x2dv2.F", "gopkg.in/yaml-v2.F"},
		{"example.com/a_1b.F", "example.com/a_1b.F"},
		{"main.f_", "main.f_"},         // half an escape
		{"main.f_x0ag", "main.f_x0ag"}, // no character of a name
		{"main.f_q", "main.f_q"},
		{"main.f", "main.f"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[256];
		struct crash_log log;
		snprintf(text, sizeof text, "panic: x\n\ngoroutine 1 [running]:\n%s\n\t/a/b.go:1\n",
			 rows[i].written);
		read_text(text, &log);
		assert_string_equal(rows[i].is,
				    log.crashes.items[0].groups.items[0].frames[0].function);
		crash_log_deinit(&log);
	}
}

// Windows says more in its own words, and does not number the goroutine that it came to.
static void exceptions_of_windows(void **state)
{
	static const char text[] =
		"Exception 0xc0000005 0x0 0x20 0x7ffb3a2c1f60\nPC=0x7ffb3a2c1f60\n"
		"signal arrived during external code execution\n\n"
		"runtime.cgocall(0x1, 0x2)\n"
		"\tC:/Program Files/Go/src/runtime/cgocall.go:167 +0x3e\n"
		"main.draw(0x1)\n\tC:/Users/dev/shop/main.go:12 +0x1\n\n"
		"goroutine 7 [select (no cases)]:\nmain.f()\n"
		"\tC:/Users/dev/shop/main.go:20 +0x1\n";
	struct crash_log log;
	(void)state;
	read_text(text, &log);
	const struct crash *crash = &log.crashes.items[0];
	assert_string_equal("signal-cgo", crash->cause->id);
	assert_int_equal(0, crash->first_id);
	assert_string_equal("main.draw", crash->own->function);
	assert_int_equal(CRASH_OWNER_RUNTIME, crash->fault->frames[0].owner);
	crash_log_deinit(&log);
}

static void memory_of_windows(void **state)
{
	static const char text[] =
		"runtime: VirtualAlloc of 34359738368 bytes failed with errno=1455\n"
		"fatal error: out of memory\n\ngoroutine 1 [running]:\n"
		"main.main()\n\tC:/Users/dev/shop/main.go:6 +0x1\n";
	struct crash_log log;
	(void)state;
	read_text(text, &log);
	const struct crash *crash = &log.crashes.items[0];
	assert_string_equal("out-of-memory", crash->cause->id);
	assert_int_equal((uint64_t)32 << 30, crash->grew.bytes.value);
	assert_false(crash->grew.uncertain);
	crash_log_deinit(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(owners),
		cmocka_unit_test(waits_and_the_shared_model),
		cmocka_unit_test(gccgo),
		cmocka_unit_test(names_of_gccgo),
		cmocka_unit_test(exceptions_of_windows),
		cmocka_unit_test(memory_of_windows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
