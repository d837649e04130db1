// SPDX-License-Identifier: Apache-2.0
// In: a frame. Out: whose code it is.
#include "goroutine/own.h"

#include <string.h>

struct package {
	const char *name;
	size_t length;
};

// "example.com/a/b" of "example.com/a/b.(*T).f[...]".
static struct package package_of(const char *function)
{
	size_t end = strcspn(function, "["), start = 0;
	for (size_t i = 0; i < end; i++)
		if (function[i] == '/')
			start = i + 1;
	return (struct package){function, start + strcspn(function + start, ".[")};
}

static bool is(struct package package, const char *name)
{
	return strlen(name) == package.length && memcmp(name, package.name, package.length) == 0;
}

static bool is_within(struct package package, const char *folder)
{
	size_t length = strlen(folder);
	return package.length >= length && memcmp(package.name, folder, length) == 0 &&
	       (package.length == length || package.name[length] == '/');
}

static bool has_domain(struct package package)
{
	const char *slash = memchr(package.name, '/', package.length);
	size_t first = slash ? (size_t)(slash - package.name) : package.length;
	return memchr(package.name, '.', first) || memmem(package.name, first, "%2e", 3);
}

// The file lies in `package` of Go's own tree, or of a tree that was trimmed away.
static bool is_below_goroot(const char *file, struct package package)
{
	const char *base = strrchr(file, '/');
	size_t folder = base ? (size_t)(base - file) : 0;
	if (folder < package.length ||
	    memcmp(file + folder - package.length, package.name, package.length) != 0)
		return false;
	size_t front = folder - package.length;
	return front == 0 || (front >= 5 && memcmp(file + front - 5, "/src/", 5) == 0);
}

// What the runtime gives to other packages has their names and its files: internal/poll.runtime_...
static bool is_of_runtime(const char *file)
{
	return strstr(file, "/src/runtime/") || strncmp(file, "runtime/", 8) == 0 ||
	       strstr(file, "golang.org/toolchain@");
}

static bool is_foreign(const char *file)
{
	bool trimmed = file[0] && file[0] != '/' && file[1] != ':';
	return strstr(file, "/pkg/mod/") || strstr(file, "/vendor/") ||
	       (trimmed && strstr(file, "@v"));
}

enum goroutine_owner goroutine_frame_owner(const struct goroutine_frame *frame)
{
	struct package package = package_of(frame->function);
	if (is_within(package, "runtime") || is_within(package, "internal/runtime") ||
	    is(package, "panic") || !package.length)
		return GOROUTINE_OWNER_RUNTIME;
	if (is(package, "main"))
		return GOROUTINE_OWNER_OWN;
	if (!has_domain(package) && (!frame->file[0] || is_below_goroot(frame->file, package) ||
				     is_of_runtime(frame->file)))
		return GOROUTINE_OWNER_STANDARD;
	return is_foreign(frame->file) || !frame->file[0] ? GOROUTINE_OWNER_THIRD_PARTY
							  : GOROUTINE_OWNER_OWN;
}

static const struct goroutine_frame *first_of(const struct goroutine_group *group,
					      enum goroutine_owner owner)
{
	for (size_t i = 0; i < group->depth; i++)
		if (goroutine_frame_owner(&group->frames[i]) == owner)
			return &group->frames[i];
	return NULL;
}

const struct goroutine_frame *goroutine_group_place(const struct goroutine_group *group)
{
	const struct goroutine_frame *frame = first_of(group, GOROUTINE_OWNER_OWN);
	if (!frame)
		frame = first_of(group, GOROUTINE_OWNER_THIRD_PARTY);
	if (!frame && group->created_by.function[0] &&
	    goroutine_frame_owner(&group->created_by) >= GOROUTINE_OWNER_THIRD_PARTY)
		frame = &group->created_by;
	if (!frame)
		frame = group->depth ? &group->frames[0] : &group->start;
	return frame;
}
