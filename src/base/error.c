// SPDX-License-Identifier: Apache-2.0
// In: a code, a message, an errno. Out: a filled struct error.
#include "base/error.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"

// What strerror says, for the catalogue: the C library's own one is rarely installed.
extern const char *const error_os_texts[];

const char *const error_os_texts[] = {
	N_("Permission denied"),
	N_("Operation not permitted"),
	N_("No such process"),
	N_("No such file or directory"),
	N_("Not a directory"),
	N_("Is a directory"),
	N_("File exists"),
	N_("Directory not empty"),
	N_("File too large"),
	N_("File name too long"),
	N_("No space left on device"),
	N_("Disk quota exceeded"),
	N_("Read-only file system"),
	N_("Input/output error"),
	N_("Bad address"),
	N_("Bad file descriptor"),
	N_("Broken pipe"),
	N_("Cannot allocate memory"),
	N_("Connection refused"),
	N_("Connection reset by peer"),
	N_("Connection timed out"),
	N_("Network is unreachable"),
	N_("No route to host"),
	N_("Device or resource busy"),
	N_("Text file busy"),
	N_("Invalid argument"),
	N_("Resource temporarily unavailable"),
	N_("Too many open files"),
	N_("Too many levels of symbolic links"),
	N_("Operation not supported"),
	N_("Function not implemented"),
	N_("No such device"),
	N_("No such device or address"),
	N_("No child processes"),
	N_("Inappropriate ioctl for device"),
	N_("Exec format error"),
	NULL,
};

static void set_message(struct error *error, enum error_code code, int os_errno, const char *format,
			va_list arguments)
{
	error->code = code;
	error->os_errno = os_errno;
	error->hint[0] = '\0';
	vsnprintf(error->message, sizeof error->message, gettext(format), arguments);
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
		snprintf(error->message + length, sizeof error->message - length, _(": %s"),
			 gettext(strerror(os_errno)));
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
		vsnprintf(error->message, sizeof error->message, gettext(format), arguments);
		va_end(arguments);
		size_t length = strlen(error->message);
		snprintf(error->message + length, sizeof error->message - length, _(": %s"), inner);
	}
	return false;
}

bool error_hint(struct error *error, const char *format, ...)
{
	if (error) {
		va_list arguments;
		va_start(arguments, format);
		vsnprintf(error->hint, sizeof error->hint, gettext(format), arguments);
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
