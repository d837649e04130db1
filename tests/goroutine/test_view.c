// SPDX-License-Identifier: Apache-2.0
#include "system/lab.h"

#include <stdio.h>
#include <string.h>

#include "goroutine/judge.h"
#include "goroutine/own.h"
#include "goroutine/pprof.h"
#include "goroutine/view.h"

static const int64_t minute_ns = 60 * (int64_t)1000000000;
static const struct goroutine_frame nobody = {"", "", 0};
static const struct goroutine_frame maker = {"main.main", "/home/dev/shop/main.go", 5};
static const struct goroutine_frame send[] = {
	{"example.com/shop/export.(*T).run", "/home/dev/shop/export/x.go", 10},
	{"example.com/shop/export.Start.func1", "/home/dev/shop/export/x.go", 4}};
static const struct goroutine_frame serve[] = {
	{"internal/poll.runtime_pollWait", "/usr/local/go/src/runtime/netpoll.go", 351},
	{"internal/poll.(*FD).Accept", "/usr/local/go/src/internal/poll/fd_unix.go", 600},
	{"main.accept", "/home/dev/shop/main.go", 30}};

static struct goroutine_group make(const char *state, const struct goroutine_frame *frames,
				   size_t depth, uint64_t count)
{
	return (struct goroutine_group){.state = "waiting",
					.wait_reason = state,
					.frames = frames,
					.depth = depth,
					.created_by = maker,
					.start = frames[depth - 1],
					.count = count,
					.stack_bytes = 2048 * count,
					.example_id = count};
}

static void fill(struct goroutine_set *set, uint64_t senders, uint64_t servers)
{
	struct goroutine_group group = make("chan send", send, 2, senders);
	set->knows_states = set->knows_stack_bytes = true;
	if (senders)
		goroutine_set_add(set, &group);
	group = make("IO wait", serve, 3, servers);
	if (servers)
		goroutine_set_add(set, &group);
	group = make("GC worker (idle)", send, 1, 4);
	group.system = true;
	goroutine_set_add(set, &group);
	goroutine_set_sort(set);
}

static const char *title_of(const struct goroutine_view *view, size_t row)
{
	static char text[256];
	struct strbuf out = {0};
	goroutine_row_title(view, &view->rows.items[row], &out);
	snprintf(text, sizeof text, "%s", out.text);
	strbuf_deinit(&out);
	return text;
}

static void put_together(void **state)
{
	struct goroutine_set set = {0};
	struct goroutine_view view;
	(void)state;
	fill(&set, 30, 2);
	goroutine_view_make(&set, GOROUTINE_BY_CREATOR, &view);
	assert_int_equal(1, view.rows.count); // the runtime's own do not count
	assert_int_equal(32, view.rows.items[0].count);
	assert_int_equal(2, view.rows.items[0].groups);
	assert_int_equal(32 * 2048, view.rows.items[0].stack_bytes);
	assert_string_equal("main.main (/home/dev/shop/main.go:5)", title_of(&view, 0));
	goroutine_view_deinit(&view);
	goroutine_view_make(&set, GOROUTINE_BY_FUNCTION, &view);
	assert_string_equal("example.com/shop/export.(*T).run", title_of(&view, 0));
	assert_string_equal("main.accept", title_of(&view, 1));
	goroutine_view_deinit(&view);
	goroutine_view_make(&set, GOROUTINE_BY_STATE, &view);
	assert_string_equal("chan send", title_of(&view, 0));
	goroutine_view_deinit(&view);
	goroutine_set_deinit(&set);
}

static void two_side_by_side(void **state)
{
	struct goroutine_set before = {0}, after = {0};
	struct goroutine_view view;
	(void)state;
	fill(&before, 10, 3);
	fill(&after, 25, 0);
	goroutine_view_compare(&before, &after, GOROUTINE_BY_STACK, &view);
	assert_int_equal(2, view.rows.count);
	assert_int_equal(15, goroutine_row_growth(&view.rows.items[0]));
	assert_int_equal(-3, goroutine_row_growth(&view.rows.items[1]));
	assert_int_equal(13, view.before_total);
	assert_int_equal(25, view.total);
	goroutine_view_deinit(&view);
	// What one does not know is not compared.
	VEC_FOREACH (group, &before.groups) {
		group->state = "";
		group->wait_reason = NULL;
		group->created_by = nobody;
	}
	before.knows_states = false;
	goroutine_view_compare(&before, &after, GOROUTINE_BY_STACK, &view);
	assert_int_equal(2, view.rows.count);
	goroutine_view_deinit(&view);
	goroutine_set_deinit(&before);
	goroutine_set_deinit(&after);
}

static void times(void **state)
{
	const int64_t waits[] = {1, 2, 3, 9};
	(void)state;
	assert_int_equal(3, goroutine_median_wait(waits, 4, 4));
	assert_int_equal(1, goroutine_median_wait(waits, 4, 8)); // the others are below
	assert_int_equal(0, goroutine_median_wait(waits, 4, 9));
	assert_int_equal(0, goroutine_median_wait(waits, 0, 3));
}

static enum goroutine_owner owner(const char *function, const char *file)
{
	struct goroutine_frame frame = {function, file, 1};
	return goroutine_frame_owner(&frame);
}

static void whose_code(void **state)
{
	(void)state;
	assert_int_equal(GOROUTINE_OWNER_OWN, owner("main.f", "/a/main.go"));
	assert_int_equal(GOROUTINE_OWNER_OWN, owner("shop/export.f", "/home/dev/shop/export/x.go"));
	assert_int_equal(GOROUTINE_OWNER_STANDARD,
			 owner("net/http.(*conn).serve", "/usr/local/go/src/net/http/server.go"));
	assert_int_equal(GOROUTINE_OWNER_STANDARD, owner("net/http.(*conn).serve", ""));
	assert_int_equal(GOROUTINE_OWNER_STANDARD,
			 owner("net/http.(*conn).serve", "net/http/server.go"));
	assert_int_equal(GOROUTINE_OWNER_RUNTIME, owner("runtime.gopark", "/x/runtime/proc.go"));
	assert_int_equal(GOROUTINE_OWNER_RUNTIME, owner("internal/runtime/maps.f", "/x"));
	assert_int_equal(GOROUTINE_OWNER_THIRD_PARTY,
			 owner("github.com/a/b.f", "/root/go/pkg/mod/github.com/a/b@v1.0.0/f.go"));
	assert_int_equal(GOROUTINE_OWNER_THIRD_PARTY,
			 owner("github.com/a/b.f", "github.com/a/b@v1.0.0/f.go"));
	assert_int_equal(GOROUTINE_OWNER_THIRD_PARTY,
			 owner("gopkg.in/yaml%2ev2.f", "/s/vendor/gopkg.in/yaml.v2/f.go"));
	assert_int_equal(GOROUTINE_OWNER_OWN,
			 owner("example.com/shop.(*T[...]).f", "/home/dev/shop/t.go"));
}

static struct goroutine_judgement judge(struct goroutine_group group)
{
	struct goroutine_judgement judgement;
	goroutine_judge(&group, -1, &judgement);
	return judgement;
}

static void who_is_suspect(void **state)
{
	(void)state;
	struct goroutine_group group = make("chan send", send, 2, 9);
	assert_int_equal(GOROUTINE_QUIET, judge(group).verdict);
	group.count = 10;
	assert_int_equal(GOROUTINE_SUSPECT, judge(group).verdict);
	struct goroutine_group more = group;
	more.count = 1000;
	assert_true(judge(more).score > judge(group).score);
	group.count = 2; // few, but for long
	group.waited_ns = 20 * minute_ns;
	int64_t waits[] = {20 * minute_ns, 20 * minute_ns};
	group.waits.items = waits;
	group.waits.count = 2;
	assert_int_equal(GOROUTINE_SUSPECT, judge(group).verdict);
	group.waited_ns = 5 * minute_ns;
	assert_int_equal(GOROUTINE_QUIET, judge(group).verdict);
	group.unserved = 2;
	assert_non_null(strstr(judge(group).reasons, "can wake them"));
	assert_int_equal(GOROUTINE_IDLE, judge(make("IO wait", serve, 3, 5000)).verdict);
	assert_int_equal(GOROUTINE_SUSPECT,
			 judge(make("chan receive (nil chan)", send, 2, 1)).verdict);
}

static void a_pool_is_known_by_its_channel(void **state)
{
	struct goroutine_object object = {"channel 0x1000", 0x1000, 50};
	struct goroutine_group group = make("chan receive", send, 2, 50);
	(void)state;
	assert_int_equal(GOROUTINE_SUSPECT, judge(group).verdict);
	group.objects.items = &object;
	group.objects.count = 1;
	assert_int_equal(GOROUTINE_IDLE, judge(group).verdict);
	group.unserved = 50; // nobody has work for it
	assert_int_equal(GOROUTINE_SUSPECT, judge(group).verdict);
	group.unserved = 0;
	object.count = 49;
	group.objects_left_out = 1;
	assert_int_equal(GOROUTINE_SUSPECT, judge(group).verdict);
}

// More of them than there should be.
static void known_waits(void **state)
{
	static const struct goroutine_frame mill[] = {
		{"gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun",
		 "/root/go/pkg/mod/gopkg.in/natefinch/lumberjack.v2@v2.2.1/lumberjack.go", 379}};
	static const struct goroutine_frame read_loop[] = {
		{"net/http.(*persistConn).readLoop", "/usr/local/go/src/net/http/transport.go", 1}};
	static const struct goroutine_frame handler[] = {
		{"net.(*conn).Read", "/usr/local/go/src/net/net.go", 1},
		{"main.handle", "/home/dev/shop/main.go", 1},
		{"net/http.(*conn).serve", "/usr/local/go/src/net/http/server.go", 1}};
	(void)state;
	assert_int_equal(GOROUTINE_IDLE, judge(make("chan receive", mill, 1, 2)).verdict);
	assert_non_null(strstr(judge(make("chan receive", mill, 1, 20)).reasons, "made again"));
	assert_int_equal(GOROUTINE_SUSPECT, judge(make("select", read_loop, 1, 20)).verdict);
	assert_int_equal(GOROUTINE_IDLE, judge(make("IO wait", read_loop, 1, 20)).verdict);
	assert_int_equal(GOROUTINE_IDLE, judge(make("IO wait", handler + 2, 1, 20)).verdict);
	assert_int_equal(GOROUTINE_SUSPECT, judge(make("IO wait", handler, 3, 20)).verdict);
	assert_true(goroutine_waits_by_design(serve, 3, "IO wait"));
	assert_false(goroutine_waits_by_design(send, 2, "chan send"));
}

// Healthy for as long as a collection takes, and no longer; a semaphore of the program's is not
// known.
static void waits_at_the_runtime(void **state)
{
	static const struct goroutine_frame start[] = {
		{"runtime.semacquire1", "/usr/local/go/src/runtime/sema.go", 192},
		{"runtime.gcStart", "/usr/local/go/src/runtime/mgc.go", 791},
		{"runtime.mallocgc", "/usr/local/go/src/runtime/malloc.go", 1208},
		{"main.work", "/home/dev/shop/main.go", 12}};
	static const struct goroutine_frame wait[] = {
		{"sync.runtime_Semacquire", "/usr/local/go/src/runtime/sema.go", 71},
		{"sync.(*WaitGroup).Wait", "/usr/local/go/src/sync/waitgroup.go", 118},
		{"main.work", "/home/dev/shop/main.go", 12}};
	struct goroutine_group long_one = make("semacquire", start, 4, 60);
	(void)state;
	assert_int_equal(GOROUTINE_IDLE, judge(make("semacquire", start, 4, 60)).verdict);
	assert_int_equal(GOROUTINE_IDLE, judge(make("semacquire", start + 3, 1, 60)).verdict);
	long_one.waited_ns = 61 * (int64_t)1000000000;
	assert_int_equal(GOROUTINE_SUSPECT, judge(long_one).verdict);
	assert_non_null(strstr(judge(long_one).reasons, "does not end"));
	assert_int_equal(GOROUTINE_SUSPECT, judge(make("semacquire", wait, 3, 60)).verdict);
}

static void to_a_profile_and_back(void **state)
{
	struct goroutine_set set = {0}, back = {0};
	struct goroutine_group group = make("chan send", send, 2, 7);
	struct profile *profile = NULL;
	(void)state;
	group.labels = "tenant: a";
	goroutine_set_add(&set, &group);
	goroutine_set_sort(&set);
	assert_ok(goroutine_set_to_profile(&set, 1, &profile, &error));
	assert_ok(goroutine_set_from_profile(profile, &back, &error));
	assert_int_equal(1, back.groups.count);
	assert_int_equal(7, back.groups.items[0].count);
	assert_string_equal("chan send", back.groups.items[0].wait_reason);
	assert_string_equal("tenant: a", back.groups.items[0].labels);
	assert_string_equal(send[0].function, back.groups.items[0].frames[0].function);
	assert_int_equal(10, back.groups.items[0].frames[0].line);
	profile_free(profile);
	goroutine_set_deinit(&set);
	goroutine_set_deinit(&back);
}

static void frames_of_the_runtime(void **state)
{
	struct goroutine_frame frames[] = {{"runtime.gopark", "", 0},
					   {"runtime.chanrecv", "", 0},
					   {"runtime.chanrecv1", "", 0},
					   {"main.f", "/a.go", 3},
					   {"runtime.Gosched", "", 0}};
	(void)state;
	assert_string_equal("chan receive", goroutine_wait_of_frames(frames, 5));
	assert_int_equal(2, goroutine_hide_frames(frames, 5));
	assert_string_equal("main.f", frames[0].function);
	assert_string_equal("runtime.Gosched", frames[1].function);
	struct goroutine_frame all[] = {{"runtime.gopark", "", 0}};
	assert_int_equal(1, goroutine_hide_frames(all, 1));
	assert_null(goroutine_wait_of_frames(all, 1));
	assert_true(goroutine_is_system("runtime.bgsweep", "runtime.gcenable"));
	assert_false(goroutine_is_system("runtime.main", ""));
	assert_false(goroutine_is_system("main.f", "runtime.x"));
}

static void folded(void **state)
{
	struct goroutine_set set = {0};
	struct strbuf text = {0};
	(void)state;
	fill(&set, 3, 0);
	goroutine_set_write_folded(&set, &text);
	assert_string_equal("example.com/shop/export.Start.func1;example.com/shop/export.(*T).run;"
			    "[chan send] 3\n",
			    text.text);
	strbuf_deinit(&text);
	goroutine_set_deinit(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_together),
		cmocka_unit_test(two_side_by_side),
		cmocka_unit_test(times),
		cmocka_unit_test(whose_code),
		cmocka_unit_test(who_is_suspect),
		cmocka_unit_test(a_pool_is_known_by_its_channel),
		cmocka_unit_test(known_waits),
		cmocka_unit_test(waits_at_the_runtime),
		cmocka_unit_test(to_a_profile_and_back),
		cmocka_unit_test(frames_of_the_runtime),
		cmocka_unit_test(folded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
