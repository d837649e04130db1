// SPDX-License-Identifier: Apache-2.0
// In: variables of the runtime, the environment. Out: the settings in force.
#include "golang/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"

static bool read_rate(const struct go_runtime *runtime, enum go_symbol symbol, int64_t *rate)
{
	uint64_t value;
	if (!go_variable_u64(runtime, symbol, &value))
		return false;
	*rate = (int64_t)value;
	return true;
}

void go_settings_read(const struct go_runtime *runtime, const struct go_memstats *stats,
		      struct go_settings *out)
{
	struct go_settings settings = {
		.gc_percent = stats->gc_percent,
		.memory_limit = stats->memory_limit,
		.gomaxprocs = stats->gomaxprocs,
		.mem_profile_linked = true,
	};
	taddr_t disabled;
	uint8_t value;
	if (go_runtime_symbol(runtime, GO_SYMBOL_DISABLE_MEM_PROFILING, &disabled, NULL) &&
	    target_read(runtime->target, disabled, &value, 1, NULL))
		settings.mem_profile_linked = !value;
	settings.mem_profile_rate_known =
		read_rate(runtime, GO_SYMBOL_MEM_PROFILE_RATE, &settings.mem_profile_rate);
	settings.block_profile_rate_known =
		read_rate(runtime, GO_SYMBOL_BLOCK_PROFILE_RATE, &settings.block_profile_rate);
	settings.mutex_profile_rate_known =
		read_rate(runtime, GO_SYMBOL_MUTEX_PROFILE_RATE, &settings.mutex_profile_rate);
	*out = settings;
}

static bool take(const char *text, const char *name, struct go_environment_value *value)
{
	size_t length = strlen(name);
	if (strncmp(text, name, length) != 0 || text[length] != '=')
		return false;
	value->set = true;
	snprintf(value->text, sizeof value->text, "%s", text + length + 1);
	return true;
}

// readGOGC: 100 where it is not valid.
static int64_t wanted_gc_percent(const struct go_environment_value *value)
{
	int64_t percent = 100;
	if (value->set && strcmp(value->text, "off") == 0)
		return -1;
	if (value->set && !parse_integer(value->text, INT32_MIN, INT32_MAX, &percent))
		percent = 100;
	return percent < 0 ? -1 : percent;
}

// readGOMEMLIMIT takes B, KiB, MiB, GiB, TiB; what is not valid ends the program.
static int64_t wanted_limit(const struct go_environment_value *value)
{
	int64_t bytes = INT64_MAX;
	if (value->set && value->text[0] && strcmp(value->text, "off") != 0 &&
	    !parse_bytes(value->text, &bytes))
		bytes = INT64_MAX;
	return bytes;
}

static void compare(struct go_settings *settings)
{
	int64_t processors;
	settings->gogc.differs = wanted_gc_percent(&settings->gogc) != settings->gc_percent;
	settings->gomemlimit.differs =
		wanted_limit(&settings->gomemlimit) != settings->memory_limit;
	settings->gomaxprocs_variable.differs =
		settings->gomaxprocs_variable.set &&
		parse_integer(settings->gomaxprocs_variable.text, 1, INT32_MAX, &processors) &&
		processors != settings->gomaxprocs;
}

void go_settings_add_environment(struct go_settings *settings, const char *environment, size_t size)
{
	settings->gogc.known = settings->gomemlimit.known = true;
	settings->gomaxprocs_variable.known = settings->godebug.known = true;
	for (size_t at = 0; at < size;) {
		const char *text = environment + at;
		const char *end = memchr(text, '\0', size - at);
		if (!end) // cut: what is behind it is not known either
			break;
		(void)(take(text, "GOGC", &settings->gogc) ||
		       take(text, "GOMEMLIMIT", &settings->gomemlimit) ||
		       take(text, "GOMAXPROCS", &settings->gomaxprocs_variable) ||
		       take(text, "GODEBUG", &settings->godebug));
		at += (size_t)(end - text) + 1;
	}
	compare(settings);
}
