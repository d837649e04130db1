// SPDX-License-Identifier: Apache-2.0
// The build information of a Go program. What it lets through has every text set, and only texts.
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "golang/buildinfo.h"

enum { INFO_FIXED_BYTES = 64 };

static size_t length(const char *text)
{
	if (!text)
		abort();
	return strlen(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct go_buildinfo info;
	struct error error = {0};
	if (!go_buildinfo_parse(data, size, &info, &error)) {
		if (error.code == ERROR_NONE || !error.message[0])
			abort();
		return 0;
	}
	size_t total = length(info.version_text) + length(info.main_package) +
		       length(info.main_module.path) + length(info.main_module.version);
	VEC_FOREACH (module, &info.dependencies)
		total += length(module->path) + length(module->version);
	VEC_FOREACH (setting, &info.settings)
		total += length(setting->key) + length(setting->value);
	if (info.version_known && (info.version.major < 1 || info.version.minor < 0))
		abort();
	go_buildinfo_deinit(&info);
	if (total > size + INFO_FIXED_BYTES) // each byte is in one text at most
		abort();
	return 0;
}
