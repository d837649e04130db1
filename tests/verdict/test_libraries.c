// SPDX-License-Identifier: Apache-2.0
// Whose call of a library it is that keeps the memory: what a function calls counts, not who calls
// it.
#include "system/lab.h"

#include <string.h>

#include "verdict/hand.h"
#include "verdict/verdict.h"

static const int64_t MIB = 1 << 20;

#define MIDDLEWARE                                                                      \
	" github.com/prometheus/client_golang/prometheus/promhttp.InstrumentHandler:7 " \
	"github.com/prometheus/client_golang/prometheus.(*HistogramVec).X:8 main.main:5"

// 90 of 100 MiB by `stack`, in a process that was killed.
static struct verdict decide_on(const char *stack, int64_t beside, const char *other)
{
	struct snapshot *snapshot = hand_snapshot();
	struct verdict verdict;
	hand_hold(snapshot, stack, 90 * MIB - beside);
	if (other)
		hand_hold(snapshot, other, beside);
	hand_hold(snapshot, "example.com/app/cache.Put:12 main.main:6", 10 * MIB);
	hand_account(snapshot, 100 * MIB, 4 * MIB, 2 * MIB);
	struct kill_facts kill = hand_kill(120 * MIB);
	verdict_decide(snapshot, NULL, &kill, &verdict);
	snapshot_free(snapshot);
	return verdict;
}

static void assert_said(struct verdict verdict, const char *rule, const char *function)
{
	if (strcmp(verdict.rule, rule) != 0 || strcmp(verdict.guilty.function, function) != 0)
		fail_msg("%s, %s instead of %s, %s", verdict.rule, verdict.guilty.function, rule,
			 function);
	verdict_deinit(&verdict);
}

static void a_library_that_is_called_is_named(void **state)
{
	(void)state;
	assert_said(decide_on("github.com/prometheus/client_golang/prometheus.(*MetricVec).With:3 "
			      "main.count:20 main.main:5",
			      0, NULL),
		    "metric-labels", "main.count");
	assert_said(decide_on("encoding/json.(*decodeState).objectInterface:9 "
			      "encoding/json.Unmarshal:3 main.answer:20 main.main:5",
			      0, NULL),
		    "json-any", "main.answer");
	// many small texts: they are kept by somebody, and none of them is too large
	assert_said(decide_on("encoding/json.Marshal:9 main.answer:20 main.main:5", 0, NULL),
		    "holder", "main.answer");
}

static void a_middleware_has_no_part_in_it(void **state)
{
	(void)state;
	assert_said(decide_on("main.handle:20" MIDDLEWARE, 0, NULL), "holder", "main.handle");
	assert_said(decide_on("main.(*T).UnmarshalJSON:20 encoding/json.Unmarshal:3 main.main:5", 0,
			      NULL),
		    "holder", "main.(*T).UnmarshalJSON");
}

static void a_part_of_it_tells_what_the_rest_is(void **state)
{
	(void)state;
	const char *element = "container/list.(*List).insertValue:9 container/list.(*List)."
			      "PushBack:8 main.enqueue:30 main.main:5";
	assert_said(decide_on("main.enqueue:29 main.main:5", 9 * MIB, element), "list-grows",
		    "main.enqueue");
	assert_said(decide_on("main.enqueue:29 main.main:5", MIB, element), "holder",
		    "main.enqueue");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_library_that_is_called_is_named),
		cmocka_unit_test(a_middleware_has_no_part_in_it),
		cmocka_unit_test(a_part_of_it_tells_what_the_rest_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
