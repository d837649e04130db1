// SPDX-License-Identifier: Apache-2.0
// Out: capstone's functions.
#include "golang/instruction_library.h"

#include <dlfcn.h>
#include <string.h>

#define TEXT_OF(number) #number
#define FILE_OF(major)  "libcapstone.so." TEXT_OF(major)

// Its structures differ between major versions: that of the header it is.
static const char file[] = FILE_OF(CS_API_MAJOR);

static bool find(void *handle, const char *name, void *function, struct error *error)
{
	void *found = dlsym(handle, name);
	memcpy(function, &found, sizeof found); // ISO C converts no object pointer to a function's
	return found || error_set(error, ERROR_UNSUPPORTED, "%s has no %s", file, name);
}

bool instruction_library_load(struct instruction_library *library, struct error *error)
{
	void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return error_set(error, ERROR_NOT_FOUND, "cannot load %s", file) ||
		       error_hint(error, "install the package libcapstone%d", CS_API_MAJOR);
#define INSTRUCTION_FUNCTION(name)                                     \
	if (!find(handle, "cs_" #name, (void *)&library->name, error)) \
		return false;
	INSTRUCTION_FUNCTIONS(INSTRUCTION_FUNCTION)
#undef INSTRUCTION_FUNCTION
	return true;
}

void instruction_library_prepare(void)
{
	(void)!dlopen(file, RTLD_NOW | RTLD_LOCAL);
}
