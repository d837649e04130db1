// SPDX-License-Identifier: Apache-2.0
// In: a code, a message, an errno. Out: a filled struct error.
#include "base/error.h"

#include <stdio.h>
#include <string.h>

static void set_message(struct error *error, enum error_code code, int os_errno, const char *format,
			va_list arguments)
{
	error->code = code;
	error->os_errno = os_errno;
	error->hint[0] = '\0';
	vsnprintf(error->message, sizeof error->message, format, arguments);
}

bool error_set(struct error *error, enum error_code code, const char *format, ...)
{
	if (error) {
		va_list arguments;
		va_start(arguments, format);
		set_message(error, code, 0, format, arguments);
		va_end(arguments);
	}
	return false;
}

bool error_set_os(struct error *error, int os_errno, const char *format, ...)
{
	if (error) {
		va_list arguments;
		va_start(arguments, format);
		set_message(error, ERROR_OS, os_errno, format, arguments);
		va_end(arguments);
		size_t length = strlen(error->message);
		snprintf(error->message + length, sizeof error->message - length, ": %s",
			 strerror(os_errno));
	}
	return false;
}

bool error_wrap(struct error *error, const char *format, ...)
{
	if (error) {
		char inner[sizeof error->message];
		memcpy(inner, error->message, sizeof inner);
		va_list arguments;
		va_start(arguments, format);
		vsnprintf(error->message, sizeof error->message, format, arguments);
		va_end(arguments);
		size_t length = strlen(error->message);
		snprintf(error->message + length, sizeof error->message - length, ": %s", inner);
	}
	return false;
}

bool error_hint(struct error *error, const char *format, ...)
{
	if (error) {
		va_list arguments;
		va_start(arguments, format);
		vsnprintf(error->hint, sizeof error->hint, format, arguments);
		va_end(arguments);
	}
	return false;
}

const char *error_code_name(enum error_code code)
{
	static const char *const names[] = {
		[ERROR_NONE] = "none",
		[ERROR_FAULT] = "fault",
		[ERROR_BAD_DATA] = "bad-data",
		[ERROR_NOT_FOUND] = "not-found",
		[ERROR_LIMIT] = "limit",
		[ERROR_UNSUPPORTED] = "unsupported",
		[ERROR_OS] = "os",
		[ERROR_USAGE] = "usage",
	};
	return names[code];
}
