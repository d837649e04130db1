// SPDX-License-Identifier: Apache-2.0
/*
 * What can fail returns bool and fills a struct error, its last parameter.
 *
 * Invariants: on failure the error holds a code and a message that says what happened and where;
 * on success it is untouched. Outputs are untouched on failure. Library code never prints an error
 * and never exits; cli/ reports it once. A NULL error pointer is allowed and drops the detail. The
 * format is a whole text in English; it is translated here (po/, tools/translations collects it).
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

enum error_code {
	ERROR_NONE = 0,
	ERROR_FAULT,       // an address or offset could not be read
	ERROR_BAD_DATA,    // bytes that break the format they claim to have
	ERROR_NOT_FOUND,   // a name, file, process or symbol that is not there
	ERROR_UNSUPPORTED, // known, but not something whyoom can do (the message names it)
	ERROR_LIMIT,       // a named limit of whyoom was reached
	ERROR_OS,          // a system call failed; os_errno says why
	ERROR_USAGE,       // the caller (a person) asked for something that makes no sense
};

struct error {
	enum error_code code;
	int os_errno;      // only for ERROR_OS, else 0
	char message[512]; // what happened, and where
	char hint[512];    // what to do about it; may be empty
};

#define must_check __attribute__((warn_unused_result))

// Each returns false, so that a failing function can end in `return error_set(...)`.
bool error_set(struct error *error, enum error_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool error_set_os(struct error *error, int os_errno, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
// Adds "context: " in front of the message.
bool error_wrap(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool error_hint(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

// A short stable name for machines: "fault", "bad-data", ...
const char *error_code_name(enum error_code code);
