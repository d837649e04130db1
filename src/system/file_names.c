// SPDX-License-Identifier: Apache-2.0
// In: names of files. Out: whether they are logs, and rotated ones, as people and tools name them.
#include <ctype.h>
#include <string.h>

#include "system/file_cache.h"

static bool ends_with(const char *name, size_t length, const char *end)
{
	size_t end_length = strlen(end);
	return length > end_length && memcmp(name + length - end_length, end, end_length) == 0;
}

static bool ends_with_any(const char *name, size_t length, const char *const *ends)
{
	for (; *ends; ends++)
		if (ends_with(name, length, *ends))
			return true;
	return false;
}

// Below a directory that is for logs, or with an ending of logs.
bool file_name_is_log(const char *path)
{
	static const char *const endings[] = {".log", ".out", ".err", ".log.json", NULL};
	return ends_with_any(path, strlen(path), endings) || strstr(path, "/log/") ||
	       strstr(path, "/logs/") || strstr(path, ".log.") || strstr(path, ".log-");
}

static size_t without_compression(const char *name)
{
	static const char *const endings[] = {".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip", NULL};
	size_t length = strlen(name);
	for (const char *const *end = endings; *end; end++)
		if (ends_with(name, length, *end))
			return length - strlen(*end);
	return length;
}

// What rotation adds: a separator, then a number, a date, or the word "old".
static bool is_mark(const char *text, size_t length)
{
	if (length < 2 || !strchr(".-_", text[0]))
		return false;
	if (length == 4 && memcmp(text + 1, "old", 3) == 0)
		return true;
	if (!isdigit((unsigned char)text[1]))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr(".-_:+", text[i]))
			return false;
	return true;
}

bool file_name_is_rotated(const char *current, const char *name)
{
	size_t length = without_compression(name), current_length = strlen(current);
	if (strcmp(name, current) == 0 || !current_length)
		return false;
	// "app.log" and "app.log.gz"
	if (length == current_length && memcmp(name, current, length) == 0)
		return true;
	// "app.log.1", "app.log-20260102"
	if (length > current_length && memcmp(name, current, current_length) == 0)
		return is_mark(name + current_length, length - current_length);
	// "app-2026-01-02T03-04-05.000.log"
	const char *dot = strrchr(current, '.');
	size_t stem = dot && dot != current ? (size_t)(dot - current) : current_length;
	size_t ending = current_length - stem;
	return length > current_length && memcmp(name, current, stem) == 0 &&
	       memcmp(name + length - ending, current + stem, ending) == 0 &&
	       is_mark(name + stem, length - ending - stem);
}
