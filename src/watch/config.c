// SPDX-License-Identifier: Apache-2.0
// In: a configuration file, flags. Out: what a watch is to do.
#include "watch/config.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/units.h"
#include "system/scout.h"
#include "watch/config_priv.h"
#include "watch/yaml.h"

// ---- files ----

struct source {
	int fd;
	const char *path;
};

// In the child without privileges.
static bool look(void *context, void *answer, struct error *error)
{
	const struct source *source = context;
	_cleanup_free_ char *text = NULL;
	size_t size;
	return file_read(source->fd, source->path, YAML_BYTES_MAX, &text, &size, error) &&
	       config_parse(text, size, source->path, answer, error);
}

// Who can change the file can have what is in it done by us.
static bool check_owner(const struct source *source, const struct watch_config *config,
			struct error *error)
{
	struct stat stat;
	bool acts = false;
	for (size_t i = 0; i < config->rule_count; i++)
		acts |= config->rules[i].run_count || config->rules[i].relieve ||
			config->rules[i].hold;
	if (!acts)
		return true;
	if (fstat(source->fd, &stat) != 0)
		return error_set_os(error, errno, "cannot look at %.200s", source->path);
	if ((stat.st_uid == 0 || stat.st_uid == geteuid()) && !(stat.st_mode & (S_IWGRP | S_IWOTH)))
		return true;
	error_set(error, ERROR_USAGE,
		  "%.200s has commands, holds or relief in it, and others than you can change it",
		  source->path);
	return error_hint(error, "chown root %.200s; chmod 0644 %.200s", source->path,
			  source->path);
}

static bool find_user(struct rule_run *run, const char *path, struct error *error)
{
	char buffer[4096];
	struct passwd entry, *found = NULL;
	if (!run->user[0])
		return true;
	int why = getpwnam_r(run->user, &entry, buffer, sizeof buffer, &found);
	if (!found)
		return why ? error_set_os(error, why, "%.200s: cannot look up the user %s", path,
					  run->user)
			   : error_set(error, ERROR_USAGE, "%.200s: there is no user %s", path,
				       run->user);
	run->uid = entry.pw_uid;
	run->gid = entry.pw_gid;
	return true;
}

// What a process that has seen foreign bytes says is no more to be trusted than those.
static bool check_answer(struct watch_config *config, const char *path, struct error *error)
{
	bool ok = config->rule_count <= RULES_MAX;
	for (size_t i = 0; ok && i < config->rule_count; i++) {
		struct watch_rule *rule = &config->rules[i];
		ok = rule->condition.count <= CONDITION_TERMS_MAX &&
		     rule->run_count <= RULE_RUNS_MAX && rule->quota <= RULE_QUOTA_MAX &&
		     !rule->name[sizeof rule->name - 1];
		for (size_t j = 0; ok && j < rule->condition.count; j++)
			ok = rule->condition.terms[j].metric < METRICS;
	}
	return ok ||
	       error_set(error, ERROR_BAD_DATA, "%.200s: the process that read it failed", path);
}

bool config_load(const char *path, struct watch_config *config, struct error *error)
{
	_cleanup_close_ int fd = -1;
	if (!scout_open_file(AT_FDCWD, path, &fd, error))
		return false;
	struct source source = {fd, path};
	_cleanup_free_ struct watch_config *found = alloc_zero(sizeof *found);
	if (!scout_run(look, &source, found, sizeof *found, error) ||
	    !check_answer(found, path, error) || !check_owner(&source, found, error))
		return false;
	for (size_t i = 0; i < found->rule_count; i++)
		for (size_t j = 0; j < found->rules[i].run_count; j++)
			if (!find_user(&found->rules[i].runs[j], path, error))
				return false;
	*config = *found;
	return true;
}

// ---- flags ----

bool config_add_condition(const char *text, struct watch_config *config, struct error *error)
{
	size_t column;
	if (config->rule_count == RULES_MAX)
		return error_set(error, ERROR_LIMIT, "more than %d triggers", RULES_MAX);
	struct watch_rule *rule = &config->rules[config->rule_count];
	config_rule_init(rule);
	snprintf(rule->name, sizeof rule->name, "when-%zu", config->rule_count + 1);
	if (!condition_parse(text, &rule->condition, &column, error))
		return error_wrap(error, "--when, at character %zu", column);
	config->rule_count++;
	return true;
}

static bool parse_keep_part(const char *text, struct watch_keep *keep, struct error *error)
{
	int64_t value;
	if (parse_integer(text, 1, CONFIG_KEEP_COUNT_MAX, &value)) {
		keep->count = (int)value;
		return true;
	}
	size_t length = strlen(text);
	// 30m is half an hour, 30MiB a size.
	if (length > 1 && strchr("smhd", text[length - 1]) && parse_duration(text, &value) && value)
		keep->age_ns = value;
	else if (parse_bytes(text, &value) && value > 0)
		keep->size_bytes = value;
	else
		return error_set(
			error, ERROR_USAGE,
			"--keep takes a number, an age or a size, such as 50,30d,5GiB; not "
			"%.64s",
			text);
	return true;
}

bool config_parse_keep(const char *text, struct watch_keep *keep, struct error *error)
{
	struct watch_keep found = {0};
	char copy[128];
	if (strlen(text) >= sizeof copy)
		return error_set(error, ERROR_USAGE, "--keep: too long");
	snprintf(copy, sizeof copy, "%s", text);
	char *rest = copy;
	for (char *part; (part = strsep(&rest, ","));)
		if (!parse_keep_part(part, &found, error))
			return false;
	*keep = found;
	return true;
}
