// SPDX-License-Identifier: Apache-2.0
// The tables of rules hold what they promise: names that are facts, conditions and texts that can
// be understood. And the small languages that they are written in.
#include "system/lab.h"

#include <string.h>

#include "verdict/engine.h"
#include "verdict/hand.h"
#include "verdict/template.h"

static void check_conditions(const struct rule *rule, const char *const *conditions)
{
	for (int i = 0; i < RULE_CONDITIONS && conditions[i]; i++)
		if (!condition_is_valid(conditions[i]))
			fail_msg("%s: \"%s\" is no condition over facts", rule->name,
				 conditions[i]);
}

static void check_text(const struct rule *rule, const char *text)
{
	if (text && !template_is_valid(text))
		fail_msg("%s: \"%s\" has a name in braces that is no fact", rule->name, text);
}

static void check_rule(const struct rule *rule)
{
	check_conditions(rule, rule->when);
	check_conditions(rule, rule->surer);
	check_text(rule, rule->sentence);
	for (int i = 0; i < RULE_PROOFS && rule->proof[i]; i++)
		check_text(rule, rule->proof[i]);
	for (int i = 0; i < RULE_REJECTS && rule->rejects[i].text; i++) {
		check_text(rule, rule->rejects[i].text);
		if (!condition_is_valid(rule->rejects[i].when))
			fail_msg("%s: \"%s\"", rule->name, rule->rejects[i].when);
	}
	check_text(rule, rule->refuted_by);
	check_text(rule, rule->fix);
	check_text(rule, rule->relief);
	check_text(rule, rule->next);
	if (!rule->name || !rule->status)
		fail_msg("%s has no status", rule->name);
	if (rule->explains && !number_name_is_valid(rule->explains))
		fail_msg("%s explains %s", rule->name, rule->explains);
	if (rule->status == VERDICT_CAUSE && (!rule->refuted_by || !rule->fix))
		fail_msg("%s has no fix, or nothing that refutes it", rule->name);
	if (rule->subject == RULE_PROCESS && (!rule->when[0] || !rule->sentence))
		fail_msg("%s of the process has no condition or no sentence", rule->name);
	if (rule->subject != RULE_PROCESS && rule->status != VERDICT_HEALTHY && !rule->generic &&
	    !rule->title)
		fail_msg("%s has no title", rule->name);
}

static void every_row_can_be_understood(void **state)
{
	(void)state;
	int count = 0;
	for (const struct rule_family *const *family = rule_families; *family; family++)
		for (size_t i = 0; i < (*family)->count; i++, count++)
			check_rule(&(*family)->rules[i]);
	assert_true(count > 0);
}

static bool is_name_of(const struct rule *rule, const char *name)
{
	return strcmp(rule->name, name) == 0;
}

// Neighbours of one name are signatures of one cause; elsewhere the name must not come again.
static void names_are_used_once(void **state)
{
	(void)state;
	for (const struct rule_family *const *f = rule_families; *f; f++)
		for (size_t i = 0; i < (*f)->count; i++) {
			const char *name = (*f)->rules[i].name;
			size_t next = i + 1;
			while (next < (*f)->count && is_name_of(&(*f)->rules[next], name))
				next++;
			for (const struct rule_family *const *g = f; *g; g++, next = 0)
				for (; next < (*g)->count; next++)
					if (is_name_of(&(*g)->rules[next], name))
						fail_msg("%s is there twice", name);
		}
}

static void patterns_match_functions(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *function;
		bool matches;
	} rows[] = {
		{"io.ReadAll", "io.ReadAll", true},
		{"io.ReadAll", "io.ReadAll.func1", false},
		{"io.ReadAll|io/ioutil.ReadAll", "io/ioutil.ReadAll", true},
		{"crypto/tls...", "crypto/tls.(*Conn).Read", true},
		{"crypto/tls...", "x/crypto/tls.F", false},
		{"...zap.New", "go.uber.org/zap.New", true},
		{"...zap.New", "go.uber.org/zap.NewX", false},
		{"...otel...", "go.opentelemetry.io/otel/sdk.F", true},
		{"...", "anything", false},
		{"", "anything", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (frame_matches(rows[i].pattern, rows[i].function) != rows[i].matches)
			fail_msg("%s and %s", rows[i].pattern, rows[i].function);
}

static const char *frame_of(const void *stack, size_t index)
{
	return ((const char *const *)stack)[index];
}

static void patterns_match_in_their_order(void **state)
{
	(void)state;
	static const char *const stack[] = {"a", "b", "c", "d"};
	static const char *const in_order[FRAME_PATTERNS_MAX] = {"b", "d"};
	static const char *const reversed[FRAME_PATTERNS_MAX] = {"d", "b"};
	static const char *const none[FRAME_PATTERNS_MAX] = {NULL};
	assert_true(frames_match(in_order, stack, 4, frame_of));
	assert_false(frames_match(reversed, stack, 4, frame_of));
	assert_false(frames_match(in_order, stack, 3, frame_of));
	assert_true(frames_match(none, stack, 4, frame_of));
	assert_true(frames_match_any(reversed, stack, 4, frame_of));
	assert_false(frames_match_any(none, stack, 4, frame_of));
}

static void conditions_hold_or_not(void **state)
{
	(void)state;
	struct facts now = {0}, before = {0};
	facts_set(&now, "goroutines", 500);
	facts_set(&now, "memory", 1000 << 20);
	facts_set(&now, "limit", 1200 << 20);
	facts_set(&before, "goroutines", 100);
	struct evidence evidence = {.now = &now, .before = &before};
	struct scope scope = {.evidence = &evidence};
	static const struct {
		const char *condition;
		bool holds;
	} rows[] = {
		{"goroutines >= 500", true},
		{"goroutines > 500", false},
		{"goroutines.grown == 400", true},
		{"goroutines.before < 101", true},
		{"goroutines > 4 goroutines.before", true},
		{"memory > 0.9 limit", false},
		{"memory > 0.8 limit", true},
		{"memory < limit", true},
		{"memory >= 1000MiB", true},
		{"limit.share > 110%", true},
		{"threads > 1", false}, // not known
		{"?threads > 1", true}, // may be unknown
		{"?goroutines > 1000", false},
		{"threads.grown < 1", false}, // not known is not zero
		{"nonsense", false},
		{"memory ~ 3", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (scope_holds(&scope, rows[i].condition) != rows[i].holds)
			fail_msg("%s", rows[i].condition);
	assert_false(condition_is_valid("memory > 3parsecs"));
	assert_false(condition_is_valid("no.such.fact > 3"));
	assert_false(condition_is_valid("memory >"));
	facts_deinit(&now);
	facts_deinit(&before);
}

static void texts_are_filled(void **state)
{
	(void)state;
	struct facts now = {0};
	struct strbuf out = {0};
	struct evidence evidence = {.now = &now};
	struct scope scope = {.evidence = &evidence};
	struct template_words words = {.guilty = "main.\033f"};
	facts_set(&now, "memory", 3 << 20);
	facts_set(&now, "goroutines", 1234);
	assert_true(template_fill("{goroutines} of {memory} by {guilty}, {", &scope, &words, &out));
	assert_string_equal("1,234 of 3.00 MiB by main.?f, {", out.text);
	strbuf_clear(&out);
	assert_false(template_fill("{threads}", &scope, &words, &out));
	assert_true(template_is_valid("{memory.grown} {guilty}"));
	assert_false(template_is_valid("{memori}"));
	strbuf_deinit(&out);
	facts_deinit(&now);
}

static void facts_have_bounds(void **state)
{
	(void)state;
	struct facts facts = {0};
	double value;
	char name[FACT_NAME_MAX * 2];
	for (int i = 0; i < FACTS_MAX + 10; i++) {
		snprintf(name, sizeof name, "anon.other.%d", i);
		facts_set(&facts, name, i);
	}
	assert_int_equal(FACTS_MAX, facts.list.count);
	memset(name, 'a', sizeof name);
	name[sizeof name - 1] = '\0';
	facts_set(&facts, name, 1);
	assert_false(facts_get(&facts, name, &value));
	assert_false(facts_get(NULL, "memory", &value));
	facts_deinit(&facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_can_be_understood),
		cmocka_unit_test(names_are_used_once),
		cmocka_unit_test(patterns_match_functions),
		cmocka_unit_test(patterns_match_in_their_order),
		cmocka_unit_test(conditions_hold_or_not),
		cmocka_unit_test(texts_are_filled),
		cmocka_unit_test(facts_have_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
