// SPDX-License-Identifier: Apache-2.0
// In: an open runtime. Out: the addresses of the variables that hold its settings.
#include "golang/setting_places.h"

#include <string.h>

enum {
	NO_FIELD = GO_FIELD_COUNT,          // the setting is a variable by itself
	GC_PERCENT_IS_ATOMIC_SINCE = 18,    // nothing in a layout shows it
	GC_PERCENT_MOST = 100000,           // no sense above
	MEM_PROFILE_RATE_MOST = 0x70 << 20, // fastexprand() takes no more
};

static const struct setting {
	const char *name;
	enum go_symbol symbol;
	enum go_field field; // in the symbol's structure
	int first_minor;     // the first version that may be written; 0: any
	uint32_t bytes;
	int64_t least, most;
} settings[GO_SETTING_COUNT] = {
	[GO_SETTING_MEMORY_LIMIT] = {"memory_limit", GO_SYMBOL_GC_CONTROLLER,
				     GO_GC_CONTROLLER_STATE_MEMORY_LIMIT, 0, 8, 0, INT64_MAX},
	[GO_SETTING_GC_PERCENT] = {"gc_percent", GO_SYMBOL_GC_CONTROLLER,
				   GO_GC_CONTROLLER_STATE_GC_PERCENT, GC_PERCENT_IS_ATOMIC_SINCE, 4,
				   -1, GC_PERCENT_MOST},
	[GO_SETTING_MEM_PROFILE_RATE] = {"mem_profile_rate", GO_SYMBOL_MEM_PROFILE_RATE,
					 (enum go_field)NO_FIELD, 0, 8, 0, MEM_PROFILE_RATE_MOST},
};

const char *go_setting_name(enum go_setting_id setting)
{
	return settings[setting].name;
}

enum go_setting_id go_setting_parse(const char *name)
{
	int setting = 0;
	while (setting < GO_SETTING_COUNT && strcmp(settings[setting].name, name) != 0)
		setting++;
	return (enum go_setting_id)setting;
}

uint32_t go_setting_bytes(enum go_setting_id setting)
{
	return settings[setting].bytes;
}

bool go_setting_allows(enum go_setting_id setting, int64_t value)
{
	return value >= settings[setting].least && value <= settings[setting].most;
}

static bool check_layout(const struct go_layout *layout, const struct setting *setting,
			 struct error *error)
{
	if (layout->trust != LAYOUT_FROM_TABLE)
		return error_set(error, ERROR_UNSUPPORTED,
				 "whyoom does not write to a Go version that it was not measured "
				 "with (Go 1.%d was the closest)",
				 layout->minor);
	if (layout->minor < setting->first_minor)
		return error_set(error, ERROR_UNSUPPORTED,
				 "Go 1.%d does not store %s atomically: it is not written from "
				 "outside before Go 1.%d",
				 layout->minor, layout_field_name(setting->field),
				 setting->first_minor);
	return setting->field == (enum go_field)NO_FIELD ||
	       layout_require(layout, &setting->field, 1, error);
}

static bool read_value(struct target *target, struct go_setting_place *place, struct error *error)
{
	uint64_t wide;
	uint32_t narrow;
	if (place->bytes == 8) {
		if (!target_read_u64(target, place->address, &wide, error))
			return false;
		place->value = (int64_t)wide;
		return true;
	}
	if (!target_read_u32(target, place->address, &narrow, error))
		return false;
	place->value = (int32_t)narrow;
	return true;
}

bool go_setting_find(const struct go_runtime *runtime, enum go_setting_id which,
		     struct go_setting_place *out, struct error *error)
{
	const struct setting *setting = &settings[which];
	struct go_setting_place place = {.bytes = setting->bytes};
	if (!check_layout(&runtime->layout, setting, error) ||
	    !go_runtime_symbol(runtime, setting->symbol, &place.address, error))
		return false;
	if (setting->field != (enum go_field)NO_FIELD)
		place.address += (uint64_t)runtime->layout.offset[setting->field];
	if (!read_value(runtime->target, &place, error))
		return error_wrap(error, "%s", setting->name);
	if (!go_setting_allows(which, place.value))
		return error_set(error, ERROR_BAD_DATA,
				 "%s holds %lld, which it never does: not written", setting->name,
				 (long long)place.value);
	*out = place;
	return true;
}
