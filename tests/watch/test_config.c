// SPDX-License-Identifier: Apache-2.0
// Configuration files: the whole of it, every mistake with its place, hostile ones.
#include "../system/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watch/config.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "watch/yaml.h"

static const char WHOLE[] = "# everything\n"
			    "triggers:\n"
			    "  - name: many-goroutines\n"
			    "    when: goroutines > 50000 for 10s\n"
			    "    only: {name: 'api-*', container: shop, cgroup: /k8s/*}\n"
			    "    cooldown: 30m\n"
			    "    quota: 2\n"
			    "    do:\n"
			    "      - snapshot\n"
			    "      - hold\n"
			    "      - relieve: {memory-limit: auto, gogc: 50, cgroup-limit: +25%}\n"
			    "      - run: [/usr/bin/logger, -t, whyoom]\n"
			    "        as: root\n"
			    "        timeout: 5s\n"
			    "      - run: /bin/true\n"
			    "  - name: heap\n"
			    "    when: \"heap_live > baseline 10m + 50%\"\n"
			    "keep: {count: 50, age: 30d, size: 5GiB}\n"
			    "budget: {cpu: 0.5%, memory: 100MiB}\n";

static bool parse(const char *text, struct watch_config *config, struct error *error)
{
	return config_parse(text, strlen(text), "f", config, error);
}

static void all_keys_are_read(void **state)
{
	(void)state;
	struct watch_config *config = alloc_zero(sizeof *config);
	assert_ok(parse(WHOLE, config, &error));
	assert_int_equal(2, config->rule_count);
	const struct watch_rule *rule = &config->rules[0];
	assert_string_equal("many-goroutines", rule->name);
	assert_string_equal("goroutines > 50000 for 10s", rule->condition.text);
	assert_string_equal("api-*", rule->only_name);
	assert_string_equal("shop", rule->only_container);
	assert_string_equal("/k8s/*", rule->only_cgroup);
	assert_int_equal(1800000000000, rule->cooldown_ns);
	assert_int_equal(2, rule->quota);
	assert_true(rule->hold && rule->relieve);
	assert_string_equal("auto", rule->relief.memory_limit);
	assert_string_equal("50", rule->relief.gogc);
	assert_string_equal("+25%", rule->relief.cgroup_limit);
	assert_int_equal(2, rule->run_count);
	assert_int_equal(3, rule->runs[0].count);
	assert_memory_equal("/usr/bin/logger\0-t\0whyoom", rule->runs[0].words, 26);
	assert_string_equal("root", rule->runs[0].user);
	assert_int_equal(5000000000, rule->runs[0].timeout_ns);
	assert_int_equal(1, rule->runs[1].count);
	assert_string_equal("", rule->runs[1].user);
	assert_int_equal(RULE_TIMEOUT_DEFAULT_NS, rule->runs[1].timeout_ns);
	assert_int_equal(RULE_COOLDOWN_DEFAULT_NS, config->rules[1].cooldown_ns);
	assert_int_equal(RULE_QUOTA_DEFAULT, config->rules[1].quota);
	assert_int_equal(50, config->keep.count);
	assert_int_equal(30LL * 86400 * 1000000000, config->keep.age_ns);
	assert_int_equal(5LL << 30, config->keep.size_bytes);
	assert_int_equal(50, config->budget.cpu_permyriad);
	assert_int_equal(100 << 20, config->budget.memory_bytes);
	free(config);
}

static void every_mistake_has_its_place_and_a_way_out(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message, *hint;
	} cases[] = {
		{"", "f:1:1: the file says nothing", ""},
		{"triggers", "f:1:1: keys are expected here, not triggers", "KEY: VALUE"},
		{"trigggers: []", "f:1:1: there is no key trigggers here",
		 "did you mean triggers?"},
		{"\nzzz: 1", "f:2:1: there is no key zzz here", "there are triggers, keep, budget"},
		{"triggers: 5", "f:1:11: a list of triggers is expected, not 5", "- name:"},
		{"triggers:\n  - when: fds > 5", "f:2:5: a trigger needs a `name` and a `when`",
		 ""},
		{"triggers:\n  - name: a\n    when: gorutines > 5",
		 "f:3:11: there is no metric gorutines", "did you mean goroutines?"},
		{"triggers:\n  - name: a\n    when: fds > 5 foor 10s",
		 "f:3:19: foor is not understood here", "`and`"},
		{"triggers:\n  - name: a\n    when: 'fds > 5 foor 10s'",
		 "f:3:20: foor is not understood here", ""},
		{"triggers:\n  - name: a\n    when: [fds]", "f:3:11: a condition is expected", ""},
		{"triggers:\n  - name: a b\n    when: fds > 1", "f:2:11: a name has letters", ""},
		{"triggers:\n  - {name: a, when: fds > 1}\n  - {name: a, when: fds > 2}",
		 "f:3:5: another trigger has the name a already", ""},
		{"triggers:\n  - {name: a, when: fds > 1, cooldown: 5}",
		 "f:2:40: a time from 1.0 s to 720h00m is expected, not 5", "such as 30s"},
		{"triggers:\n  - {name: a, when: fds > 1, quota: 61}",
		 "f:2:37: a number from 1 to 60 is expected, not 61", ""},
		{"triggers:\n  - {name: a, when: fds > 1, do: [snapshoot]}",
		 "f:2:35: an action is expected, not snapshoot", "did you mean snapshot?"},
		{"triggers:\n  - {name: a, when: fds > 1, do: run}", "f:2:34: it has to say what",
		 "run: /path"},
		{"triggers:\n  - {name: a, when: fds > 1, do: {run: 'rm -rf'}}",
		 "f:2:41: the absolute path of a program is expected, not rm -rf", "no shell"},
		{"triggers:\n  - {name: a, when: fds > 1, do: {as: root}}",
		 "f:2:34: `as` and `timeout` go with `run`", ""},
		{"triggers:\n  - {name: a, when: fds > 1, do: {relieve: {}}}",
		 "f:2:44: relief has to say what", "memory-limit: auto"},
		{"triggers:\n  - {name: a, when: fds > 1, do: {relieve: {gogc: -1}}}",
		 "f:2:51: a number from 1 to 100000, or off, is expected, not -1", "--gogc"},
		{"triggers:\n  - {name: a, when: fds > 1, do: {relieve: {cgroup-limit: 25%}}}",
		 "f:2:59: 2GiB, +512MiB or +25% is expected, not 25%", ""},
		{"keep: {count: 0}", "f:1:15: a whole number from 1 is expected, not 0", ""},
		{"keep: {count: 5, count: 6}", "f:1:18: this key was given before", ""},
		{"budget: {cpu: 1}", "f:1:15: a part of one core", "1% or 0.5%"},
		{"budget: {memory: 1MiB}", "f:1:18: 16MiB or more is needed, not 1MiB", ""},
		{"a: &x 1\nb: *x", "f:1:4: anchors (&) are not for this file", ""},
		{"a: !!str 1", "f:1:4: tags (!) are not for this file", ""},
		{"a: *x", "aliases (*) are not for this file", ""},
		{"keep: {count: 1}\n---\nkeep: {count: 2}", "f:2:1: only one document is allowed",
		 ""},
		{"keep:\n\tcount: 1", "f:2:1: not YAML", "indent with spaces"},
		{"keep: {count: 1", "not YAML", ""},
		{"? [a]\n: b", "f:1:3: a key has to be a word", ""},
		{"[[[[[[[[[[]]]]]]]]]]", "too many levels", ""},
	};
	struct watch_config *config = alloc_zero(sizeof *config);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error error = {0};
		assert_false(parse(cases[i].text, config, &error));
		if (!strstr(error.message, cases[i].message) || !strstr(error.hint, cases[i].hint))
			fail_msg("%s\n%s (%s)", cases[i].text, error.message, error.hint);
	}
	free(config);
}

static void every_head_is_parsed_or_refused(void **state)
{
	(void)state;
	struct watch_config *config = alloc_zero(sizeof *config);
	for (size_t size = 0; size < sizeof WHOLE; size++) {
		struct error error = {0};
		_cleanup_free_ char *head = malloc(size + !size);
		memcpy(head, WHOLE, size);
		assert_true(config_parse(head, size, "f", config, &error) || error.message[0]);
	}
	free(config);
}

static void what_is_too_much_is_refused(void **state)
{
	(void)state;
	struct watch_config *config = alloc_zero(sizeof *config);
	struct strbuf text = {0};
	strbuf_add(&text, "triggers:\n");
	for (int i = 0; i <= RULES_MAX; i++)
		strbuf_addf(&text, "  - {name: t%d, when: fds > 5}\n", i);
	struct error refusal = {0};
	assert_false(parse(text.text, config, &refusal));
	assert_non_null(strstr(refusal.message, "f:34:5: more than 32 triggers"));
	strbuf_clear(&text);
	for (int i = 0; i < YAML_NODES_MAX + 10; i++)
		strbuf_add(&text, "- a\n");
	assert_error(ERROR_LIMIT, parse(text.text, config, &error));
	strbuf_clear(&text);
	while (text.length <= YAML_BYTES_MAX)
		strbuf_add(&text, "# a comment that says nothing at all\n");
	assert_error(ERROR_LIMIT, parse(text.text, config, &error));
	strbuf_deinit(&text);
	free(config);
}

static void it_is_said_in_words(void **state)
{
	(void)state;
	static const char *const said[] = {
		"reaches 50%, 70%, 82%, 90%, 95% and 98% of the limit",
		"Trigger many-goroutines: when goroutines",
		"only for those whose name matches api-* and whose container matches shop and whose "
		"cgroup matches /k8s/*",
		"again after 30m00s at the earliest, 2 an hour at most",
		"HOLDS the kernel's kill",
		"CHANGES the process, as `whyoom relieve PID --memory-limit auto --gogc 50` does",
		"CHANGES the limit of its cgroup, as `whyoom relieve --cgroup PATH --limit +25%`",
		"runs /usr/bin/logger -t whyoom INCIDENT, as root, for 5.0 s at most",
		"runs /bin/true INCIDENT, as nobody, without privileges, for 30.0 s at most",
		"the oldest are removed beyond 50, after 720h00m, beyond 5.00 GiB together",
		"above 0.5% of a core",
	};
	struct watch_config *config = alloc_zero(sizeof *config);
	struct strbuf out = {0};
	assert_ok(parse(WHOLE, config, &error));
	config_explain(config, &out);
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		if (!strstr(out.text, said[i]))
			fail_msg("not said: %s\n%s", said[i], out.text);
	strbuf_deinit(&out);
	free(config);
}

static void a_file_of_others_may_not_act(void **state)
{
	(void)state;
	struct lab_dir dir;
	char path[128];
	struct watch_config *config = alloc_zero(sizeof *config);
	lab_need_root();
	lab_dir_make(&dir);
	lab_dir_write(&dir, "c", WHOLE);
	snprintf(path, sizeof path, "%s/c", dir.path);
	assert_int_equal(0, chmod(path, 0644));
	assert_ok(config_load(path, config, &error));
	assert_int_equal(2, config->rule_count);
	assert_int_equal(0, config->rules[0].runs[0].uid);
	assert_int_equal(0, chmod(path, 0666));
	assert_error(ERROR_USAGE, config_load(path, config, &error));
	assert_int_equal(0, chmod(path, 0644));
	assert_int_equal(0, chown(path, 1000, 1000));
	assert_error(ERROR_USAGE, config_load(path, config, &error));
	lab_dir_write(&dir, "c", "triggers:\n  - {name: a, when: fds > 5}\n"); // harmless
	assert_ok(config_load(path, config, &error));
	lab_dir_write(
		&dir, "d",
		"triggers:\n  - {name: a, when: fds > 5, do: {run: /bin/true, as: nobody-x}}");
	snprintf(path, sizeof path, "%s/d", dir.path);
	assert_error(ERROR_USAGE, config_load(path, config, &error));
	assert_error(ERROR_NOT_FOUND, config_load("/dev/zero", config, &error));
	lab_dir_remove(&dir);
	free(config);
}

static void flags_are_parsed(void **state)
{
	(void)state;
	struct watch_config *config = alloc_zero(sizeof *config);
	struct watch_keep keep;
	struct error refusal = {0};
	config_init(config);
	assert_ok(config_add_condition("goroutines > 50000", config, &error));
	assert_string_equal("when-1", config->rules[0].name);
	assert_false(config_add_condition("goroutines > x", config, &refusal));
	assert_non_null(strstr(refusal.message, "--when, at character 14: "));
	assert_int_equal(1, config->rule_count);
	assert_ok(config_parse_keep("50,30d,5GiB", &keep, &error));
	assert_int_equal(50, keep.count);
	assert_int_equal(30LL * 86400 * 1000000000, keep.age_ns);
	assert_int_equal(5LL << 30, keep.size_bytes);
	assert_ok(config_parse_keep("30m", &keep, &error));
	assert_int_equal(1800000000000, keep.age_ns);
	assert_int_equal(0, keep.count);
	assert_error(ERROR_USAGE, config_parse_keep("0", &keep, &error));
	assert_error(ERROR_USAGE, config_parse_keep("", &keep, &error));
	assert_error(ERROR_USAGE, config_parse_keep("5,,6", &keep, &error));
	assert_error(ERROR_USAGE, config_parse_keep("-5", &keep, &error));
	free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_keys_are_read),
		cmocka_unit_test(every_mistake_has_its_place_and_a_way_out),
		cmocka_unit_test(every_head_is_parsed_or_refused),
		cmocka_unit_test(what_is_too_much_is_refused),
		cmocka_unit_test(it_is_said_in_words),
		cmocka_unit_test(a_file_of_others_may_not_act),
		cmocka_unit_test(flags_are_parsed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
