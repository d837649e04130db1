// SPDX-License-Identifier: Apache-2.0
// Whom the numbers accuse, how surely, and when they accuse nobody.
#include "system/lab.h"

#include <string.h>

#include "verdict/facts.h"
#include "verdict/hand.h"
#include "verdict/verdict.h"

static const int64_t MIB = 1 << 20;

static struct verdict decide(const struct snapshot *snapshot, const struct kill_facts *kill)
{
	struct verdict verdict;
	verdict_decide(snapshot, NULL, kill, &verdict);
	return verdict;
}

static struct verdict decide_since(const struct snapshot *snapshot, const struct snapshot *before,
				   const struct kill_facts *kill)
{
	struct verdict verdict;
	struct snapshot_baseline baseline = {before->heap, 1000000000, 50 * MIB};
	verdict_decide(snapshot, &baseline, kill, &verdict);
	return verdict;
}

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static bool any_contains(const char *const *items, size_t count, const char *part)
{
	for (size_t i = 0; i < count; i++)
		if (strstr(items[i], part))
			return true;
	return false;
}

// 90 of 100 MiB by one function, through the standard library.
static struct snapshot *guilty_snapshot(void)
{
	struct snapshot *snapshot = hand_snapshot();
	hand_hold(snapshot, "bytes.growSlice:9 bytes.(*Buffer).Write:8 main.record:29 main.main:5",
		  50 * MIB);
	hand_hold(snapshot, "bytes.growSlice:9 bytes.(*Buffer).Grow:3 main.record:40 main.main:5",
		  40 * MIB);
	hand_hold(snapshot, "example.com/app/cache.Put:12 main.main:6", 10 * MIB);
	hand_account(snapshot, 100 * MIB, 4 * MIB, 2 * MIB);
	return snapshot;
}

static void one_function_holds_it(void **state)
{
	(void)state;
	struct snapshot *snapshot = guilty_snapshot();
	hand_goroutines(snapshot, 12);
	struct verdict verdict = decide(snapshot, NULL);
	assert_true(verdict.determined);
	assert_string_equal("holder", verdict.rule);
	assert_string_equal("main.record", verdict.guilty.function);
	assert_string_equal("/src/app/x.go", verdict.guilty.file);
	assert_int_equal(29, verdict.guilty.line); // of its largest stack
	assert_string_equal("bytes.(*Buffer).Write", verdict.library_call);
	assert_string_equal("", verdict.fix); // it has room: nothing is wrong
	assert_int_equal(90 * MIB, verdict.bytes);
	assert_true(verdict.share > 0.899 && verdict.share < 0.901);
	assert_contains(verdict.sentence, "main.record (x.go:29) holds 90% of the Go heap");
	assert_contains(verdict.sentence, "90.0 MiB of 100 MiB");
	assert_true(verdict.evidence.count >= 3);
	assert_true(any_contains(verdict.rejected.items, verdict.rejected.count,
				 "goroutine leak: 12 goroutines"));
	assert_true(any_contains(verdict.rejected.items, verdict.rejected.count, "idle"));
	assert_true(verdict.refuted_by[0]);
	assert_contains(verdict.next_capture, "whyoom why 4242 --for 30s");
	verdict_deinit(&verdict);
	snapshot_free(snapshot);
}

static void near_the_limit_there_is_something_to_fix(void **state)
{
	(void)state;
	struct snapshot *snapshot = guilty_snapshot();
	struct kill_facts kill = hand_kill(110 * MIB);
	struct verdict verdict = decide(snapshot, &kill);
	assert_contains(verdict.fix, "bytes.Buffer");
	verdict_deinit(&verdict);
	hand_cgroup(snapshot, 120 * MIB, 106 * MIB, 0);
	verdict = decide(snapshot, NULL);
	assert_contains(verdict.fix, "bytes.Buffer");
	verdict_deinit(&verdict);
	snapshot->cgroup.limit_bytes = 1000 * MIB;
	verdict = decide(snapshot, NULL);
	assert_string_equal("", verdict.fix);
	verdict_deinit(&verdict);
	snapshot_free(snapshot);
}

static void one_instant_is_never_sure(void **state)
{
	(void)state;
	struct snapshot *snapshot = guilty_snapshot();
	struct kill_facts kill = hand_kill(110 * MIB);
	struct verdict verdict = decide(snapshot, NULL);
	assert_int_equal(CONFIDENCE_MEDIUM, verdict.confidence);
	assert_int_equal(0, verdict.grown_bytes);
	verdict_deinit(&verdict);
	verdict = decide(snapshot, &kill); // who is large may always have been
	assert_int_equal(CONFIDENCE_MEDIUM, verdict.confidence);
	assert_contains(
		verdict.sentence,
		"app was killed at its memory limit of 110 MiB: main.record (x.go:29) held");
	assert_string_equal("", verdict.next_capture);
	verdict_deinit(&verdict);
	snapshot_free(snapshot);
}

static void growth_at_a_kill_is_sure(void **state)
{
	(void)state;
	struct snapshot *snapshot = guilty_snapshot(), *before = hand_snapshot();
	struct kill_facts kill = hand_kill(110 * MIB);
	hand_hold(before, "bytes.growSlice:9 bytes.(*Buffer).Write:8 main.record:29 main.main:5",
		  4 * MIB);
	hand_hold(before, "example.com/app/cache.Put:12 main.main:6", 9 * MIB);
	snapshot->quality.taken_unix_ns = 6000000000;
	struct verdict verdict = decide_since(snapshot, before, &kill);
	assert_int_equal(CONFIDENCE_HIGH, verdict.confidence);
	assert_int_equal(86 * MIB, verdict.grown_bytes);
	assert_true(verdict.growth_share > 0.98 && verdict.growth_share <= 1);
	assert_contains(verdict.sentence, "grew by 86.0 MiB in 5.0 s, 99% of the Go heap's growth");
	verdict_deinit(&verdict);
	verdict = decide_since(snapshot, before, NULL); // it lives
	assert_int_equal(CONFIDENCE_MEDIUM, verdict.confidence);
	verdict_deinit(&verdict);
	snapshot_free(before);
	snapshot_free(snapshot);
}

// A big, flat holder is not a leak.
static void growth_beats_size(void **state)
{
	(void)state;
	struct snapshot *snapshot = hand_snapshot(), *before = hand_snapshot();
	hand_hold(before, "main.cache:7", 100 * MIB);
	hand_hold(before, "main.leak:8", 1 * MIB);
	hand_hold(snapshot, "main.cache:7", 101 * MIB);
	hand_hold(snapshot, "main.leak:8", 61 * MIB);
	hand_account(snapshot, 162 * MIB, 4 * MIB, 2 * MIB);
	struct verdict verdict = decide_since(snapshot, before, NULL);
	assert_true(verdict.determined);
	assert_string_equal("main.leak", verdict.guilty.function);
	assert_int_equal(60 * MIB, verdict.grown_bytes);
	assert_true(any_contains(verdict.rejected.items, verdict.rejected.count,
				 "main.cache, which holds more (101 MiB), but grew by 1.00 MiB"));
	verdict_deinit(&verdict);
	hand_hold(before, "main.leak:8", 50 * MIB); // what grew is too little to decide
	verdict = decide_since(snapshot, before, NULL);
	assert_string_equal("main.cache", verdict.guilty.function);
	assert_int_equal(0, verdict.grown_bytes);
	verdict_deinit(&verdict);
	snapshot_free(before);
	snapshot_free(snapshot);
}

static void growth_by_many_names_nobody(void **state)
{
	(void)state;
	struct snapshot *snapshot = hand_snapshot(), *before = hand_snapshot();
	hand_hold(before, "main.a:7", 60 * MIB);
	hand_hold(snapshot, "main.a:7", 60 * MIB); // more than half, and flat
	hand_hold(snapshot, "main.b:8", 19 * MIB);
	hand_hold(snapshot, "main.c:9", 20 * MIB);
	hand_hold(snapshot, "main.d:9", 18 * MIB);
	hand_account(snapshot, 117 * MIB, 4 * MIB, 2 * MIB);
	struct verdict verdict = decide_since(snapshot, before, NULL);
	assert_false(verdict.determined);
	assert_contains(verdict.sentence, "what the Go heap grew by; the largest, main.c,");
	verdict_deinit(&verdict);
	snapshot_free(before);
	snapshot_free(snapshot);
}

static void a_share_below_four_fifths_is_less_sure(void **state)
{
	(void)state;
	struct snapshot *snapshot = guilty_snapshot();
	struct kill_facts kill = hand_kill(200 * MIB);
	hand_hold(snapshot, "net/http.F:1 main.other:8", 50 * MIB); // 60% are left
	hand_account(snapshot, 150 * MIB, 4 * MIB, 2 * MIB);
	struct verdict verdict = decide(snapshot, &kill);
	assert_true(verdict.determined);
	assert_int_equal(CONFIDENCE_MEDIUM, verdict.confidence);
	verdict_deinit(&verdict);
	snapshot_free(snapshot);
}

static void a_kill_without_a_limit_is_the_machines(void **state)
{
	(void)state;
	struct snapshot *snapshot = guilty_snapshot();
	struct kill_facts kill = hand_kill(-1);
	kill.cause = KILL_GLOBAL_OOM;
	struct verdict verdict = decide(snapshot, &kill);
	assert_contains(verdict.sentence, "app was killed for want of memory: main.record");
	verdict_deinit(&verdict);
	kill.cause = KILL_EXIT; // not a kill
	verdict = decide(snapshot, &kill);
	assert_contains(verdict.sentence, "main.record (x.go:29) holds");
	assert_contains(verdict.sentence, "not killed");
	verdict_deinit(&verdict);
	snapshot_free(snapshot);
}

// Not determined, because of `reason`, and nobody is named.
static void assert_nobody(const struct snapshot *snapshot, const char *reason)
{
	struct kill_facts kill = hand_kill(110 * MIB);
	for (int killed = 0; killed < 2; killed++) {
		struct verdict verdict = decide(snapshot, killed ? &kill : NULL);
		assert_false(verdict.determined);
		assert_string_equal("", verdict.rule);
		assert_string_equal("", verdict.guilty.function);
		assert_int_equal(CONFIDENCE_NONE, verdict.confidence);
		assert_int_equal(0, verdict.bytes);
		assert_contains(verdict.sentence, "Not determined: ");
		assert_contains(verdict.sentence, reason);
		verdict_deinit(&verdict);
	}
}

static void a_small_heap_proves_nothing(void **state)
{
	(void)state;
	struct snapshot *snapshot = hand_snapshot();
	hand_hold(snapshot, "main.record:29", 15 * MIB);
	hand_account(snapshot, 15 * MIB, 0, 1 * MIB);
	assert_nobody(snapshot, "the Go heap is small (15.0 MiB)");
	snapshot_free(snapshot);
}

static void without_a_frame_of_ones_own_nobody_is_accused(void **state)
{
	(void)state;
	struct snapshot *snapshot = hand_snapshot();
	hand_hold(snapshot, "github.com/a/b.F:1 net/http.(*conn).serve:2 runtime.goexit:3",
		  100 * MIB);
	hand_account(snapshot, 100 * MIB, 0, 1 * MIB);
	assert_nobody(snapshot, "no function of the program's own code");
	snapshot_free(snapshot);
}

static void less_than_half_explains_too_little(void **state)
{
	(void)state;
	struct snapshot *snapshot = hand_snapshot();
	hand_hold(snapshot, "main.a\033[2J:1", 49 * MIB);
	hand_hold(snapshot, "main.b:1", 48 * MIB);
	hand_hold(snapshot, "github.com/a/b.F:1", 3 * MIB);
	hand_account(snapshot, 100 * MIB, 0, 1 * MIB);
	assert_nobody(snapshot, "the largest, main.a?[2J, explains 49%");
	snapshot_free(snapshot);
}

// Two thousand goroutines more, and their stacks are a twentieth of what grew.
static void goroutines_that_explain_less_than_half(void **state)
{
	(void)state;
	struct snapshot *snapshot = hand_snapshot(), *before = hand_snapshot();
	struct kill_facts kill = hand_kill(128 * MIB);
	struct facts facts;
	hand_hold(snapshot, "main.a:1", 25 * MIB);
	hand_hold(snapshot, "main.b:1", 25 * MIB);
	hand_hold(snapshot, "main.c:1", 25 * MIB);
	hand_hold(snapshot, "main.d:1", 25 * MIB);
	hand_account(snapshot, 100 * MIB, 0, 1 * MIB);
	hand_account(before, 1 * MIB, 0, 1 * MIB);
	hand_goroutines(before, 5);
	hand_goroutines(snapshot, 2000);
	facts_gather(before, NULL, &facts);
	struct snapshot_baseline baseline = {before->heap, 1000000000, 2 * MIB, &facts};
	struct verdict verdict;
	verdict_decide(snapshot, &baseline, &kill, &verdict);
	assert_false(verdict.determined);
	assert_string_equal("", verdict.guilty.function);
	verdict_deinit(&verdict);
	// Ten times as many explain it.
	hand_goroutines(snapshot, 60000);
	verdict_decide(snapshot, &baseline, &kill, &verdict);
	assert_true(verdict.determined);
	assert_string_equal("main.wait", verdict.guilty.function);
	verdict_deinit(&verdict);
	facts_deinit(&facts);
	snapshot_free(before);
	snapshot_free(snapshot);
}

static void a_profile_of_little_of_the_heap_proves_nothing(void **state)
{
	(void)state;
	struct snapshot *snapshot = hand_snapshot();
	hand_hold(snapshot, "main.record:29", 49 * MIB);
	hand_account(snapshot, 100 * MIB, 0, 1 * MIB);
	assert_nobody(snapshot, "stands for only 49% of the Go heap");
	snapshot_free(snapshot);
}

static void a_heap_that_is_not_the_memory_is_not_the_cause(void **state)
{
	(void)state;
	struct snapshot *snapshot = hand_snapshot();
	hand_hold(snapshot, "main.record:29", 100 * MIB);
	hand_account(snapshot, 100 * MIB, 0, 150 * MIB);
	assert_nobody(snapshot, "the Go heap is only 40% of the memory");
	hand_account(snapshot, 100 * MIB, 160 * MIB, 1 * MIB); // most of it is idle
	struct kill_facts kill = hand_kill(110 * MIB);
	struct verdict verdict = decide(snapshot, &kill);
	assert_false(verdict.determined);
	assert_contains(verdict.sentence, "objects are only 38% of the Go heap");
	verdict_deinit(&verdict);
	verdict = decide(snapshot, NULL); // of one that lives that is no trouble
	assert_int_equal(VERDICT_HEALTHY, verdict.status);
	assert_string_equal("healthy-idle-heap", verdict.rule);
	verdict_deinit(&verdict);
	hand_account(snapshot, 100 * MIB, 4 * MIB, 1 * MIB);
	hand_cgroup(snapshot, 400 * MIB, 105 * MIB, 290 * MIB); // the rest is page cache
	verdict = decide(snapshot, NULL);
	assert_string_equal("healthy-page-cache", verdict.rule);
	assert_contains(verdict.sentence, "290 MiB of the 395 MiB is page cache");
	verdict_deinit(&verdict);
	snapshot->cgroup.limit_bytes = -1; // nobody's budget: the process alone counts
	verdict = decide(snapshot, NULL);
	assert_true(verdict.determined);
	verdict_deinit(&verdict);
	snapshot_free(snapshot);
}

static struct verdict decide_on_mapped(bool go_is_known)
{
	struct snapshot *snapshot = hand_snapshot();
	hand_account(snapshot, MIB, MIB, 200 * MIB);
	ledger_add(&snapshot->process_ledger, 1, "anon.other", "mapped", 200 * MIB, 0, "");
	snapshot->identity.is_go = true;
	snapshot->go_absent = (struct error){0};
	if (!go_is_known)
		error_set(&snapshot->go_absent, ERROR_BAD_DATA, "they changed all the time");
	struct kill_facts kill = hand_kill(210 * MIB);
	struct verdict verdict = decide(snapshot, &kill);
	snapshot_free(snapshot);
	return verdict;
}

static void what_was_not_told_apart_is_not_outside_of_go(void **state)
{
	(void)state;
	struct verdict known = decide_on_mapped(true), unknown = decide_on_mapped(false);
	assert_string_equal(known.rule, "mapped-memory");
	assert_string_equal(unknown.rule, "");
	verdict_deinit(&known);
	verdict_deinit(&unknown);
}

static void without_a_profile_it_says_why(void **state)
{
	(void)state;
	struct snapshot *snapshot = hand_snapshot();
	profile_free(snapshot->heap);
	snapshot->heap = NULL;
	error_set(&snapshot->heap_absent, ERROR_UNSUPPORTED, "the profiler is\033[2J off");
	hand_account(snapshot, 100 * MIB, 0, 1 * MIB);
	assert_nobody(snapshot, "the profiler is?[2J off");
	snapshot_free(snapshot);
}

static void nothing_at_all_is_not_determined(void **state)
{
	(void)state;
	struct snapshot *snapshot = hand_snapshot();
	assert_nobody(snapshot, "small");
	snapshot_free(snapshot);
}

static void extreme_values_are_no_danger(void **state)
{
	(void)state;
	struct snapshot *snapshot = hand_snapshot();
	hand_hold(snapshot, "main.a:1", INT64_MAX);
	hand_hold(snapshot, "main.b:3", INT64_MIN);
	hand_account(snapshot, 100 * MIB, 0, 1 * MIB);
	struct verdict verdict = decide(snapshot, NULL);
	assert_true(verdict.sentence[0]);
	verdict_deinit(&verdict);
	snapshot_free(snapshot);
}

static void confidence_has_names(void **state)
{
	(void)state;
	static const char *const names[] = {"none", "low", "medium", "high"};
	for (int i = CONFIDENCE_NONE; i <= CONFIDENCE_HIGH; i++)
		assert_string_equal(names[i], confidence_name((enum verdict_confidence)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_function_holds_it),
		cmocka_unit_test(near_the_limit_there_is_something_to_fix),
		cmocka_unit_test(one_instant_is_never_sure),
		cmocka_unit_test(growth_at_a_kill_is_sure),
		cmocka_unit_test(growth_beats_size),
		cmocka_unit_test(growth_by_many_names_nobody),
		cmocka_unit_test(a_share_below_four_fifths_is_less_sure),
		cmocka_unit_test(a_kill_without_a_limit_is_the_machines),
		cmocka_unit_test(a_small_heap_proves_nothing),
		cmocka_unit_test(without_a_frame_of_ones_own_nobody_is_accused),
		cmocka_unit_test(less_than_half_explains_too_little),
		cmocka_unit_test(goroutines_that_explain_less_than_half),
		cmocka_unit_test(a_profile_of_little_of_the_heap_proves_nothing),
		cmocka_unit_test(a_heap_that_is_not_the_memory_is_not_the_cause),
		cmocka_unit_test(what_was_not_told_apart_is_not_outside_of_go),
		cmocka_unit_test(without_a_profile_it_says_why),
		cmocka_unit_test(nothing_at_all_is_not_determined),
		cmocka_unit_test(extreme_values_are_no_danger),
		cmocka_unit_test(confidence_has_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
