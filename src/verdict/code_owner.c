// SPDX-License-Identifier: Apache-2.0
// In: a function's full name. Out: whose code it is.
#include <stdio.h>
#include <string.h>

#include "verdict/verdict.h"

enum { PACKAGE_MAX = 1024 };

// "example.com/a/b%2ec.(*T).M[...]" -> "example.com/a/b.c"
static void package_of(const char *function, char *package, size_t capacity)
{
	size_t length = strcspn(function, "[");
	size_t start = 0, out = 0;
	for (size_t i = 0; i < length; i++)
		if (function[i] == '/')
			start = i + 1;
	size_t end = start + strcspn(function + start, ".[");
	for (size_t i = 0; i < end && out < capacity - 1; i++) {
		if (strncmp(function + i, "%2e", 3) == 0) {
			package[out++] = '.';
			i += 2;
		} else {
			package[out++] = function[i];
		}
	}
	package[out] = '\0';
}

static bool within(const char *package, const char *module)
{
	size_t length = strlen(module);
	return length && strncmp(package, module, length) == 0 &&
	       (package[length] == '\0' || package[length] == '/');
}

// What cgo makes: wrappers around a C function, in the package of the user.
static bool is_cgo_wrapper(const char *function)
{
	return strstr(function, "._Cfunc_") || strstr(function, "._cgoexp") ||
	       strstr(function, "._Cgo_");
}

enum code_owner code_owner_of(const struct snapshot_identity *identity, const char *function)
{
	char package[PACKAGE_MAX];
	package_of(function, package, sizeof package);
	if (is_cgo_wrapper(function))
		return CODE_RUNTIME;
	if (strcmp(package, "main") == 0 || within(package, identity->module_path))
		return CODE_OWN;
	VEC_FOREACH (module, &identity->replaced_modules)
		if (within(package, *module))
			return CODE_OWN;
	if (within(package, "runtime") || within(package, "internal/runtime"))
		return CODE_RUNTIME;
	// The standard library's paths have no dot in their first element.
	size_t first = strcspn(package, "/");
	return memchr(package, '.', first) ? CODE_THIRD_PARTY : CODE_STANDARD_LIBRARY;
}
