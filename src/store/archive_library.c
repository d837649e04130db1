// SPDX-License-Identifier: Apache-2.0
// Out: libarchive's functions.
#include "store/archive_library.h"

#include <dlfcn.h>
#include <string.h>

static const char file[] = "libarchive.so.13";

static bool find(void *handle, const char *name, void *function, struct error *error)
{
	void *found = dlsym(handle, name);
	memcpy(function, &found, sizeof found); // ISO C converts no object pointer to a function's
	return found || error_set(error, ERROR_UNSUPPORTED, "%s has no %s", file, name);
}

bool archive_library_load(struct archive_library *library, struct error *error)
{
	void *handle = dlopen(file, RTLD_NOW);
	if (!handle)
		return error_set(error, ERROR_NOT_FOUND, "cannot load %s", file) ||
		       error_hint(error, "install the package libarchive13");
#define ARCHIVE_FUNCTION(name)                                              \
	if (!find(handle, "archive_" #name, (void *)&library->name, error)) \
		return false;
	ARCHIVE_FUNCTIONS(ARCHIVE_FUNCTION)
#undef ARCHIVE_FUNCTION
	return true;
}
