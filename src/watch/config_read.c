// SPDX-License-Identifier: Apache-2.0
// In: the text of a configuration file. Out: what a watch is to do, or the place of the mistake.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/suggest.h"
#include "base/units.h"
#include "watch/config_priv.h"
#include "watch/yaml.h"

enum { KEYS_MAX = 8, CPU_MAX_PERMYRIAD = 10000 };

#define MEMORY_MIN_BYTES ((int64_t)16 << 20)

// ---- reading a tree by tables of keys ----

struct reading {
	const char *name; // of the file
	struct watch_config *config;
	struct error *error;
};

struct key {
	const char *name;
	bool (*read)(struct reading *reading, const struct yaml_node *node, void *out);
	size_t offset; // in what the map fills
};

static bool fail_at(const struct reading *reading, int line, int column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static bool fail_at(const struct reading *reading, int line, int column, const char *format, ...)
{
	char text[384];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, gettext(format), arguments);
	va_end(arguments);
	return error_set(reading->error, ERROR_USAGE, "%.100s:%d:%d: %s", reading->name, line,
			 column, text);
}

static bool fail_node(const struct reading *reading, const struct yaml_node *node, const char *what,
		      const char *hint)
{
	if (node->kind == YAML_TEXT && node->text[0])
		fail_at(reading, node->line, node->column, "%s, not %.100s", i18n_text(what),
			node->text);
	else
		fail_at(reading, node->line, node->column, "%s", i18n_text(what));
	return error_hint(reading->error, "%s", i18n_text(hint));
}

static bool fail_key(const struct reading *reading, const struct yaml_node *node,
		     const struct key *keys)
{
	const char *names[KEYS_MAX];
	struct strbuf all = {0};
	size_t count = 0;
	for (; keys[count].name; count++) {
		names[count] = keys[count].name;
		strbuf_addf(&all, "%s%s", count ? ", " : "", names[count]);
	}
	const char *near = suggest(node->key, names, count);
	fail_at(reading, node->key_line, node->key_column, "there is no key %.60s here", node->key);
	if (near)
		error_hint(reading->error, "did you mean %s?", near);
	else
		error_hint(reading->error, "there are %s", all.text);
	strbuf_deinit(&all);
	return false;
}

static bool read_map(struct reading *reading, const struct yaml_node *map, const struct key *keys,
		     void *out)
{
	if (map->kind != YAML_MAP)
		return fail_node(reading, map, "keys are expected here",
				 _("write KEY: VALUE, one a line, indented alike"));
	for (const struct yaml_node *node = map->first; node; node = node->next) {
		const struct key *key = keys;
		while (key->name && strcmp(key->name, node->key) != 0)
			key++;
		if (!key->name)
			return fail_key(reading, node, keys);
		if (!key->read(reading, node, (char *)out + key->offset))
			return false;
	}
	return true;
}

static bool has_key(const struct yaml_node *map, const char *name)
{
	for (const struct yaml_node *node = map->first; node; node = node->next)
		if (strcmp(node->key, name) == 0)
			return true;
	return false;
}

static bool copy_text(struct reading *reading, const struct yaml_node *node, char *out,
		      size_t capacity, const char *what)
{
	if (node->kind != YAML_TEXT || !node->text[0])
		return fail_node(reading, node, what,
				 _("write it behind the colon, on the same line"));
	if (strlen(node->text) >= capacity)
		return fail_at(reading, node->line, node->column,
			       "longer than the %zu characters that are allowed", capacity - 1);
	snprintf(out, capacity, "%s", node->text);
	return true;
}

static const char *text_of(const struct yaml_node *node)
{
	return node->kind == YAML_TEXT ? node->text : "";
}

// ---- values ----

static bool read_time(struct reading *reading, const struct yaml_node *node, int64_t least,
		      int64_t most, int64_t *ns)
{
	const char *text = text_of(node);
	char what[96];
	// A bare number would leave open of what.
	if (text[0] && isalpha((unsigned char)text[strlen(text) - 1]) && parse_duration(text, ns) &&
	    *ns >= least && *ns <= most)
		return true;
	snprintf(what, sizeof what, "a time from %s to %s is expected", human_duration(least).text,
		 human_duration(most).text);
	return fail_node(reading, node, what, _("a number with ms, s, m, h or d, such as 30s"));
}

static bool read_cooldown(struct reading *reading, const struct yaml_node *node, void *out)
{
	return read_time(reading, node, RULE_COOLDOWN_MIN_NS, RULE_COOLDOWN_MAX_NS, out);
}

static bool read_timeout(struct reading *reading, const struct yaml_node *node, void *out)
{
	return read_time(reading, node, RULE_TIMEOUT_MIN_NS, RULE_TIMEOUT_MAX_NS, out);
}

static bool read_age(struct reading *reading, const struct yaml_node *node, void *out)
{
	return read_time(reading, node, 1000000000, INT64_MAX / 2, out);
}

static bool read_quota(struct reading *reading, const struct yaml_node *node, void *out)
{
	int64_t value;
	char what[64];
	snprintf(what, sizeof what, "a number from 1 to %d is expected", RULE_QUOTA_MAX);
	if (!parse_integer(text_of(node), 1, RULE_QUOTA_MAX, &value))
		return fail_node(reading, node, what, _("it is how often an hour it may fire"));
	*(int *)out = (int)value;
	return true;
}

static bool read_count(struct reading *reading, const struct yaml_node *node, void *out)
{
	int64_t value;
	if (!parse_integer(text_of(node), 1, CONFIG_KEEP_COUNT_MAX, &value))
		return fail_node(reading, node, "a whole number from 1 is expected",
				 _("it is how many incidents stay"));
	*(int *)out = (int)value;
	return true;
}

static bool read_size(struct reading *reading, const struct yaml_node *node, void *out)
{
	if (!parse_bytes(text_of(node), out) || *(int64_t *)out < 1)
		return fail_node(reading, node, "a size is expected", _("such as 5GiB"));
	return true;
}

static bool read_memory(struct reading *reading, const struct yaml_node *node, void *out)
{
	return read_size(reading, node, out) &&
	       (*(int64_t *)out >= MEMORY_MIN_BYTES ||
		fail_node(reading, node, "16MiB or more is needed", _("the default is 64MiB")));
}

static bool read_cpu(struct reading *reading, const struct yaml_node *node, void *out)
{
	const char *text = text_of(node);
	char *end;
	double percent = isdigit((unsigned char)text[0]) ? strtod(text, &end) : 0;
	if (!isdigit((unsigned char)text[0]) || strcmp(end, "%") != 0 ||
	    !(percent >= 0.01 && percent * 100 <= CPU_MAX_PERMYRIAD))
		return fail_node(reading, node, "a part of one core, up to 100%, is expected",
				 _("such as 1% or 0.5%"));
	*(int *)out = (int)(percent * 100 + 0.5);
	return true;
}

static bool read_pattern(struct reading *reading, const struct yaml_node *node, void *out)
{
	return copy_text(reading, node, out, RULE_PATTERN_MAX,
			 _("a pattern such as 'api-*' is expected"));
}

static bool read_name(struct reading *reading, const struct yaml_node *node, void *out)
{
	if (!copy_text(reading, node, out, RULE_NAME_MAX, _("a name is expected")))
		return false;
	for (const char *at = node->text; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("-_.", *at))
			return fail_node(reading, node,
					 "a name has letters, digits, - _ and . only",
					 _("it goes into names of files"));
	return true;
}

static bool read_condition(struct reading *reading, const struct yaml_node *node, void *out)
{
	size_t column;
	struct error error = {0};
	if (node->kind != YAML_TEXT)
		return fail_node(reading, node, "a condition is expected",
				 _("such as: goroutines > 50000 for 10s"));
	if (condition_parse(node->text, out, &column, &error))
		return true;
	fail_at(reading, node->line, node->column + (node->inside ? (int)column - 1 : 0), "%s",
		error.message);
	return error_hint(reading->error, "%s", error.hint);
}

// ---- actions ----

static bool read_command(struct reading *reading, const struct yaml_node *node, void *out)
{
	struct rule_run *run = out;
	size_t used = 0;
	const struct yaml_node *word = node->kind == YAML_LIST ? node->first : node;
	for (; word; word = node->kind == YAML_LIST ? word->next : NULL) {
		if (word->kind != YAML_TEXT)
			return fail_node(reading, word, "a word of the command is expected",
					 _("run: [/path/to/program, argument]"));
		size_t size = strlen(word->text) + 1;
		if (run->count == RULE_ARGUMENTS_MAX || size > sizeof run->words - used)
			return fail_at(reading, word->line, word->column,
				       "the command is longer than %d words or %d bytes",
				       RULE_ARGUMENTS_MAX, RULE_COMMAND_BYTES);
		memcpy(run->words + used, word->text, size);
		used += size;
		run->count++;
	}
	if (run->words[0] != '/')
		return fail_node(reading, node, "the absolute path of a program is expected",
				 _("run: /path/to/program, or with arguments [/path/to/program, "
				   "argument]; no shell is in between"));
	return true;
}

static bool read_user(struct reading *reading, const struct yaml_node *node, void *out)
{
	return copy_text(reading, node, out, RULE_USER_MAX, _("the name of a user is expected"));
}

static bool read_memory_limit(struct reading *reading, const struct yaml_node *node, void *out)
{
	int64_t bytes;
	const char *text = text_of(node);
	if (strcmp(text, "auto") != 0 && strcmp(text, "off") != 0 &&
	    (!parse_bytes(text, &bytes) || bytes <= 0))
		return fail_node(reading, node, "a size, auto or off is expected",
				 _("as `whyoom relieve --memory-limit` takes it"));
	return copy_text(reading, node, out, RULE_WISH_MAX, "");
}

static bool read_gogc(struct reading *reading, const struct yaml_node *node, void *out)
{
	int64_t percent;
	const char *text = text_of(node);
	if (strcmp(text, "off") != 0 && !parse_integer(text, 1, 100000, &percent))
		return fail_node(reading, node, "a number from 1 to 100000, or off, is expected",
				 _("as `whyoom relieve --gogc` takes it"));
	return copy_text(reading, node, out, RULE_WISH_MAX, "");
}

static bool read_cgroup_limit(struct reading *reading, const struct yaml_node *node, void *out)
{
	int64_t bytes, percent;
	const char *text = text_of(node);
	size_t length = strlen(text);
	char amount[RULE_WISH_MAX];
	snprintf(amount, sizeof amount, "%s", text + (text[0] == '+'));
	bool is_percent =
		length > 2 && length < sizeof amount && text[0] == '+' && text[length - 1] == '%';
	if (is_percent)
		amount[strlen(amount) - 1] = '\0';
	if (length >= sizeof amount || (is_percent ? !parse_integer(amount, 1, 10000, &percent)
						   : !parse_bytes(amount, &bytes) || bytes <= 0))
		return fail_node(reading, node, "2GiB, +512MiB or +25% is expected",
				 _("as `whyoom relieve --cgroup PATH --limit` takes it"));
	return copy_text(reading, node, out, RULE_WISH_MAX, "");
}

static bool read_relief(struct reading *reading, const struct yaml_node *node,
			struct watch_rule *rule)
{
	static const struct key keys[] = {
		{"memory-limit", read_memory_limit, offsetof(struct rule_relief, memory_limit)},
		{"gogc", read_gogc, offsetof(struct rule_relief, gogc)},
		{"cgroup-limit", read_cgroup_limit, offsetof(struct rule_relief, cgroup_limit)},
		{0},
	};
	if (!read_map(reading, node, keys, &rule->relief))
		return false;
	if (!node->first)
		return fail_node(reading, node, "relief has to say what",
				 _("relieve: {memory-limit: auto}"));
	rule->relieve = true;
	return true;
}

static bool read_relief_value(struct reading *reading, const struct yaml_node *node, void *out)
{
	return read_relief(reading, node, out);
}

// What stands beside `run` in the same item of the list.
struct action {
	struct rule_run run;
	struct watch_rule *rule;
};

static bool read_action_relief(struct reading *reading, const struct yaml_node *node, void *out)
{
	struct action *action = out;
	return read_relief_value(reading, node, action->rule);
}

static bool read_action_map(struct reading *reading, const struct yaml_node *node,
			    struct watch_rule *rule)
{
	static const struct key keys[] = {
		{"run", read_command, offsetof(struct action, run)},
		{"as", read_user, offsetof(struct action, run.user)},
		{"timeout", read_timeout, offsetof(struct action, run.timeout_ns)},
		{"relieve", read_action_relief, 0},
		{0},
	};
	struct action action = {.run.timeout_ns = RULE_TIMEOUT_DEFAULT_NS, .rule = rule};
	if (!read_map(reading, node, keys, &action))
		return false;
	if (!action.run.count)
		return (has_key(node, "relieve") && !has_key(node, "as") &&
			!has_key(node, "timeout")) ||
		       fail_node(reading, node, "`as` and `timeout` go with `run`",
				 _("- run: /path/to/program"));
	if (rule->run_count == RULE_RUNS_MAX)
		return fail_at(reading, node->line, node->column,
			       "more than %d commands for one trigger", RULE_RUNS_MAX);
	rule->runs[rule->run_count++] = action.run;
	return true;
}

static bool read_action(struct reading *reading, const struct yaml_node *node,
			struct watch_rule *rule)
{
	static const char *const names[] = {"snapshot", "hold", "relieve", "run"};
	if (node->kind == YAML_MAP)
		return read_action_map(reading, node, rule);
	const char *text = text_of(node);
	if (strcmp(text, "snapshot") == 0) // each firing makes an incident anyway
		return true;
	if (strcmp(text, "hold") == 0) {
		rule->hold = true;
		return true;
	}
	const char *near = suggest(text, names, 4);
	char hint[64];
	snprintf(hint, sizeof hint, "did you mean %s?", near ? near : "snapshot");
	bool bare = near && strcmp(near, text) == 0;
	return fail_node(reading, node, bare ? "it has to say what" : "an action is expected",
			 bare   ? "write `run: /path/to/program` or `relieve: {memory-limit: auto}`"
			 : near ? hint
				: "there are snapshot, hold, relieve: {...} and run: /PROGRAM");
}

static bool read_actions(struct reading *reading, const struct yaml_node *node, void *out)
{
	if (node->kind != YAML_LIST)
		return read_action(reading, node, out);
	for (const struct yaml_node *item = node->first; item; item = item->next)
		if (!read_action(reading, item, out))
			return false;
	return true;
}

// ---- triggers ----

static bool read_only(struct reading *reading, const struct yaml_node *node, void *out)
{
	static const struct key keys[] = {
		{"name", read_pattern, offsetof(struct watch_rule, only_name)},
		{"container", read_pattern, offsetof(struct watch_rule, only_container)},
		{"cgroup", read_pattern, offsetof(struct watch_rule, only_cgroup)},
		{0},
	};
	return read_map(reading, node, keys, out);
}

void config_rule_init(struct watch_rule *rule)
{
	*rule = (struct watch_rule){.cooldown_ns = RULE_COOLDOWN_DEFAULT_NS,
				    .quota = RULE_QUOTA_DEFAULT};
}

static bool read_trigger(struct reading *reading, const struct yaml_node *node,
			 struct watch_rule *rule)
{
	static const struct key keys[] = {
		{"name", read_name, offsetof(struct watch_rule, name)},
		{"when", read_condition, offsetof(struct watch_rule, condition)},
		{"only", read_only, 0},
		{"cooldown", read_cooldown, offsetof(struct watch_rule, cooldown_ns)},
		{"quota", read_quota, offsetof(struct watch_rule, quota)},
		{"do", read_actions, 0},
		{0},
	};
	config_rule_init(rule);
	if (!read_map(reading, node, keys, rule))
		return false;
	if (!has_key(node, "name") || !has_key(node, "when"))
		return fail_node(reading, node, "a trigger needs a `name` and a `when`",
				 _("- name: many-goroutines, below it when: goroutines > 50000"));
	for (size_t i = 0; i < reading->config->rule_count; i++)
		if (strcmp(reading->config->rules[i].name, rule->name) == 0)
			return fail_at(reading, node->line, node->column,
				       "another trigger has the name %s already", rule->name);
	return true;
}

static bool read_triggers(struct reading *reading, const struct yaml_node *node, void *out)
{
	struct watch_config *config = out;
	if (node->kind != YAML_LIST)
		return fail_node(reading, node, "a list of triggers is expected",
				 _("begin each with - name: ..."));
	for (const struct yaml_node *item = node->first; item; item = item->next) {
		if (config->rule_count == RULES_MAX)
			return fail_at(reading, item->line, item->column, "more than %d triggers",
				       RULES_MAX);
		if (!read_trigger(reading, item, &config->rules[config->rule_count]))
			return false;
		config->rule_count++;
	}
	return true;
}

static bool read_keep(struct reading *reading, const struct yaml_node *node, void *out)
{
	static const struct key keys[] = {
		{"count", read_count, offsetof(struct watch_keep, count)},
		{"age", read_age, offsetof(struct watch_keep, age_ns)},
		{"size", read_size, offsetof(struct watch_keep, size_bytes)},
		{0},
	};
	return read_map(reading, node, keys, out);
}

static bool read_budget(struct reading *reading, const struct yaml_node *node, void *out)
{
	static const struct key keys[] = {
		{"cpu", read_cpu, offsetof(struct watch_budget, cpu_permyriad)},
		{"memory", read_memory, offsetof(struct watch_budget, memory_bytes)},
		{0},
	};
	return read_map(reading, node, keys, out);
}

void config_init(struct watch_config *config)
{
	*config = (struct watch_config){
		.budget = {CONFIG_CPU_DEFAULT_PERMYRIAD, CONFIG_MEMORY_DEFAULT_BYTES}};
}

bool config_parse(const char *text, size_t size, const char *name, struct watch_config *config,
		  struct error *error)
{
	static const struct key keys[] = {
		{"triggers", read_triggers, 0},
		{"keep", read_keep, offsetof(struct watch_config, keep)},
		{"budget", read_budget, offsetof(struct watch_config, budget)},
		{0},
	};
	struct error ignored;
	struct reading reading = {name, config, error ? error : &ignored};
	struct arena arena = {0};
	struct yaml_node *root;
	config_init(config);
	bool ok = yaml_parse_text(text, size, name, &arena, &root, error) &&
		  read_map(&reading, root, keys, config);
	arena_deinit(&arena);
	return ok;
}
