// SPDX-License-Identifier: Apache-2.0
// The two forms of a report on snapshots made by hand.
#include "system/lab.h"

#include <stdlib.h>
#include <string.h>

#include "report/report.h"
#include "verdict/hand.h"

static const int64_t MIB = 1 << 20;

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" is in\n%s", part, text);
}

static struct snapshot *make(const char *function)
{
	struct snapshot *snapshot = hand_snapshot();
	struct strbuf stack = {0};
	strbuf_addf(&stack, "bytes.growSlice:9 %s:29 main.main:5", function);
	hand_hold(snapshot, stack.text, 90 * MIB);
	hand_hold(snapshot, "main.other:8 main.main:6", 10 * MIB);
	hand_account(snapshot, 100 * MIB, 4 * MIB, 2 * MIB);
	hand_cgroup(snapshot, 120 * MIB, 106 * MIB, 3 * MIB);
	hand_goroutines(snapshot, 1234);
	strbuf_deinit(&stack);
	return snapshot;
}

static struct strbuf to_text(const struct snapshot *snapshot, const struct kill_facts *kill,
			     bool colour)
{
	struct verdict verdict;
	struct strbuf text = {0};
	verdict_decide(snapshot, NULL, kill, &verdict);
	struct report report = {.snapshot = snapshot, .verdict = &verdict, .kill = kill};
	report_write_text(&report, (struct report_style){.colour = colour}, &text);
	verdict_deinit(&verdict);
	return text;
}

// The JSON, through its text and back.
static json_t *to_json(const struct snapshot *snapshot, const struct kill_facts *kill,
		       const struct kill_timeline *timeline)
{
	struct verdict verdict;
	json_error_t error;
	verdict_decide(snapshot, NULL, kill, &verdict);
	struct report report = {snapshot, NULL, &verdict, kill, timeline};
	json_t *made = report_to_json(&report);
	char *text = json_dumps(made, 0);
	assert_non_null(text);
	json_t *parsed = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!parsed)
		fail_msg("%s", error.text);
	free(text);
	json_decref(made);
	verdict_deinit(&verdict);
	return parsed;
}

static int64_t number_at(const json_t *object, const char *part, const char *key)
{
	const json_t *value = json_object_get(json_object_get(object, part), key);
	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static const char *text_at(const json_t *object, const char *part, const char *key)
{
	const char *text = json_string_value(json_object_get(json_object_get(object, part), key));
	assert_non_null(text);
	return text;
}

static void the_text_answers_first(void **state)
{
	(void)state;
	struct snapshot *snapshot = make("main.record");
	struct strbuf text = to_text(snapshot, NULL, false);
	static const char *const sections[] = {"VERDICT",    "MEMORY",  "GO ",     "HEAP",
					       "GOROUTINES", "PROCESS", "EVIDENCE"};
	const char *at = text.text;
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		assert_contains(at, sections[i]);
		at = strstr(at, sections[i]);
	}
	assert_int_equal(0, strncmp(text.text, "VERDICT", 7));
	assert_contains(text.text, "main.record (x.go:29) holds 90% of the Go heap");
	assert_contains(text.text, "120 MiB of /sys/fs/cgroup/pod");
	assert_contains(text.text, "1,234: 1234 chan receive; stacks 2.41 MiB");
	assert_contains(text.text, "100 MiB in use now, 50.0 MiB published");
	assert_contains(text.text, "go1.26.8, example.com/app/cmd/app@v1.2.3");
	assert_lacks(text.text, "KILL");
	assert_lacks(text.text, "\033");
	strbuf_deinit(&text);
	text = to_text(snapshot, NULL, true);
	assert_contains(text.text, "\033[1mVERDICT\033[0m");
	strbuf_deinit(&text);
	snapshot_free(snapshot);
}

static void a_kill_is_told(void **state)
{
	(void)state;
	struct snapshot *snapshot = make("main.record");
	struct kill_facts kill = hand_kill(120 * MIB);
	struct strbuf text = to_text(snapshot, &kill, false);
	assert_contains(text.text,
			"killed by the kernel at the cgroup's memory limit, signal 9 (SIGKILL)");
	assert_contains(text.text, "oom_kill went from 0 to 1");
	assert_contains(text.text, kill.kernel_line);
	strbuf_deinit(&text);
	snapshot_free(snapshot);
}

// Every text that a target, a container runtime or the kernel's log could have chosen.
static void foreign_names_cannot_drive_a_terminal(void **state)
{
	(void)state;
	static const char bad[] = "bad\033[2J\x07\x9b\xc2\x9bname";
	struct snapshot *snapshot = make("main.\033[2Jrecord\xff");
	struct snapshot_identity *identity = &snapshot->identity;
	struct kill_facts kill = hand_kill(120 * MIB);
	memcpy(identity->command, bad, sizeof bad);
	memcpy(kill.victim, bad, sizeof bad);
	memcpy(kill.limit_cgroup, bad, sizeof bad);
	memcpy(kill.kernel_line, bad, sizeof bad);
	identity->executable = identity->container_id = identity->cgroup_path = bad;
	identity->go_version = identity->main_package = identity->module_path = bad;
	identity->module_version = identity->vcs_revision = identity->build_id = bad;
	snapshot->cgroup.path = snapshot->cgroup.limit_path = bad;
	ledger_add(&snapshot->cgroup_ledger, 1, bad, bad, 5, 0, bad);
	struct goroutine_group group = {
		.state = bad, .created_by = {bad, bad, 1}, .start = {bad, bad, 1}, .count = 1};
	goroutine_set_add(&snapshot->goroutines, &group);
	for (int i = 0; i < 2; i++) {
		struct strbuf text = to_text(snapshot, &kill, false);
		for (const char *c = text.text; *c; c++)
			if ((*c < 0x20 && *c != '\n') || *c == 0x7f)
				fail_msg("byte %#x in\n%s", (unsigned char)*c, c - 20);
		assert_contains(text.text, "main.?[2Jrecord?");
		strbuf_deinit(&text);
		error_set(&snapshot->cgroup_ledger_absent, ERROR_OS, "%s", bad);
		error_set(&snapshot->cgroup_absent, ERROR_OS, "%s", bad);
		error_set(&snapshot->go_absent, ERROR_OS, "%s", bad);
		error_set(&snapshot->goroutines_absent, ERROR_OS, "%s", bad);
	}
	snapshot_free(snapshot);
}

static void the_json_has_the_same(void **state)
{
	(void)state;
	struct snapshot *snapshot = make("main.record");
	struct kill_facts kill = hand_kill(120 * MIB);
	struct kill_timeline timeline = {.count = 2, .samples = {{1, 10, -1, -1}, {2, 20, 3, 4}}};
	json_t *json = to_json(snapshot, &kill, &timeline);
	static const char *const keys[] = {
		"whyoom_version", "verdict",  "kill", "identity",   "cgroup",   "ledger",
		"process_ledger", "memstats", "heap", "goroutines", "timeline", "evidence"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (!json_object_get(json, keys[i]))
			fail_msg("%s is missing", keys[i]);
	assert_int_equal(90 * MIB, number_at(json, "verdict", "bytes"));
	assert_string_equal("medium", text_at(json, "verdict", "confidence"));
	assert_string_equal("cgroup-oom", text_at(json, "kill", "cause"));
	assert_int_equal(120 * MIB, number_at(json, "kill", "limit_bytes"));
	assert_int_equal(4242, number_at(json, "identity", "pid"));
	assert_int_equal(109 * MIB, number_at(json, "ledger", "total_bytes"));
	assert_int_equal(106 * MIB, number_at(json, "process_ledger", "total_bytes"));
	assert_int_equal(100 * MIB, number_at(json, "memstats", "HeapAlloc"));
	assert_int_equal(1234, number_at(json, "goroutines", "count"));
	json_t *first = json_array_get(json_object_get(json_object_get(json, "heap"), "now"), 0);
	assert_string_equal("bytes.growSlice",
			    json_string_value(json_object_get(first, "function")));
	assert_int_equal(90 * MIB, json_integer_value(json_object_get(first, "flat_bytes")));
	// What is not known is null, not 0 and not -1.
	assert_true(json_is_null(json_object_get(json_object_get(json, "kill"), "exit_code")));
	assert_true(json_is_null(json_object_get(json_object_get(json, "kill"), "peak_bytes")));
	assert_true(json_is_null(json_object_get(json_object_get(json, "cgroup"), "oom_kills")));
	assert_true(json_is_null(
		json_object_get(json_object_get(json, "memstats"), "gomemlimit_bytes")));
	assert_true(json_is_null(json_object_get(json_object_get(json, "identity"), "started")));
	json_t *sample = json_array_get(json_object_get(json, "timeline"), 0);
	assert_true(json_is_null(json_object_get(sample, "anon_bytes")));
	json_decref(json);
	snapshot_free(snapshot);
}

static void a_process_that_lives_has_no_kill(void **state)
{
	(void)state;
	struct snapshot *snapshot = make("main.record");
	json_t *json = to_json(snapshot, NULL, NULL);
	assert_true(json_is_null(json_object_get(json, "kill")));
	assert_null(json_object_get(json, "timeline"));
	json_decref(json);
	snapshot_free(snapshot);
}

static void names_that_are_no_utf_8_do_not_break_the_json(void **state)
{
	(void)state;
	static const char bad[] = "bad\xff\xc0\x80\xed\xa0\x80 \033 name";
	struct snapshot *snapshot = make("main.\xff\xfe");
	struct kill_facts kill = hand_kill(120 * MIB);
	memcpy(snapshot->identity.command, bad, sizeof bad);
	memcpy(kill.kernel_line, bad, sizeof bad);
	snapshot->identity.executable = snapshot->identity.vcs_revision = bad;
	ledger_add(&snapshot->cgroup_ledger, 1, bad, bad, 5, 0, bad);
	struct goroutine_group group = {.state = bad, .count = 1};
	goroutine_set_add(&snapshot->goroutines, &group);
	json_t *json = to_json(snapshot, &kill, NULL);
	assert_string_equal("main.??",
			    text_at(json_object_get(json, "verdict"), "guilty", "function"));
	assert_contains(text_at(json, "identity", "command"), "bad???");
	assert_int_equal(1235, number_at(json, "goroutines", "count"));
	json_decref(json);
	snapshot_free(snapshot);
}

static void absent_parts_say_why(void **state)
{
	(void)state;
	struct snapshot *snapshot = hand_snapshot();
	profile_free(snapshot->heap);
	snapshot->heap = NULL;
	error_set(&snapshot->heap_absent, ERROR_UNSUPPORTED, "no heap today");
	error_hint(&snapshot->heap_absent, "come back");
	error_set(&snapshot->go_absent, ERROR_FAULT, "no Go today");
	error_set(&snapshot->goroutines_absent, ERROR_FAULT, "no goroutines today");
	error_set(&snapshot->cgroup_absent, ERROR_OS, "no cgroup today");
	struct strbuf text = to_text(snapshot, NULL, false);
	assert_contains(text.text, "no profile: no heap today");
	assert_contains(text.text, "not read: no Go today");
	assert_contains(text.text, "not read: no goroutines today");
	assert_contains(text.text, "not known: no cgroup today");
	assert_contains(text.text, "Not determined: no heap today");
	strbuf_deinit(&text);
	json_t *json = to_json(snapshot, NULL, NULL);
	static const char *const parts[] = {"cgroup",   "ledger", "process_ledger",
					    "memstats", "heap",   "goroutines"};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		const json_t *part = json_object_get(json, parts[i]);
		assert_int_equal(1, json_object_size(part)); // no numbers beside it
		assert_true(json_is_string(
			json_object_get(json_object_get(part, "absent"), "message")));
	}
	const json_t *heap = json_object_get(json, "heap");
	assert_string_equal("unsupported", text_at(heap, "absent", "code"));
	assert_string_equal("no heap today", text_at(heap, "absent", "message"));
	assert_string_equal("come back", text_at(heap, "absent", "hint"));
	json_decref(json);
	snapshot_free(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_answers_first),
		cmocka_unit_test(a_kill_is_told),
		cmocka_unit_test(foreign_names_cannot_drive_a_terminal),
		cmocka_unit_test(the_json_has_the_same),
		cmocka_unit_test(a_process_that_lives_has_no_kill),
		cmocka_unit_test(names_that_are_no_utf_8_do_not_break_the_json),
		cmocka_unit_test(absent_parts_say_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
