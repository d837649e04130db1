// SPDX-License-Identifier: Apache-2.0
// In: the executable's .go.buildinfo section. Out: version, modules, settings.
#include "golang/buildinfo.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/reader.h"

// Go aligns the header to 16 bytes and puts it at the start of the first writable segment.
enum {
	HEADER_BYTES = 32,
	FLAG_INLINE_STRINGS = 2,
	SENTINEL_BYTES = 16, // modinfo is framed so that a tool can find it in a running program
	INFO_LIMIT = 4 << 20,
	SCAN_LIMIT = 1 << 20,
	MODULES_MAX = 20000,
};

static const char magic[] = "\xff Go buildinf:";
enum { MAGIC_BYTES = sizeof magic - 1 };

void go_buildinfo_deinit(struct go_buildinfo *info)
{
	vec_deinit(&info->dependencies);
	vec_deinit(&info->settings);
	arena_deinit(&info->arena);
}

const char *go_buildinfo_setting(const struct go_buildinfo *info, const char *key)
{
	VEC_FOREACH (setting, &info->settings)
		if (strcmp(setting->key, key) == 0)
			return setting->value;
	return "";
}

// Cuts the text up to `separator` off the front of *rest; *rest is NULL when nothing is left.
static char *cut(char **rest, char separator)
{
	char *start = *rest;
	char *end = strchr(start, separator);
	if (end)
		*end = '\0';
	*rest = end ? end + 1 : NULL;
	return start;
}

static struct go_module parse_module(char *fields)
{
	struct go_module module = {0};
	module.path = cut(&fields, '\t');
	module.version = fields ? cut(&fields, '\t') : "";
	return module;
}

static void parse_line(struct go_buildinfo *info, char *line, struct go_module **last)
{
	char *rest = line;
	const char *key = cut(&rest, '\t');
	if (!rest)
		return;
	if (strcmp(key, "path") == 0) {
		info->main_package = rest;
	} else if (strcmp(key, "mod") == 0) {
		info->main_module = parse_module(rest);
		*last = &info->main_module;
	} else if (strcmp(key, "dep") == 0 && info->dependencies.count < MODULES_MAX) {
		*last = vec_push(&info->dependencies, parse_module(rest));
	} else if (strcmp(key, "=>") == 0 && *last) {
		(*last)->replaced_by = parse_module(rest).path;
	} else if (strcmp(key, "build") == 0 && info->settings.count < MODULES_MAX) {
		const char *name = cut(&rest, '=');
		vec_push(&info->settings, {.key = name, .value = rest ? rest : ""});
	}
}

static void parse_modinfo(struct go_buildinfo *info, char *text)
{
	struct go_module *last = NULL;
	while (text)
		parse_line(info, cut(&text, '\n'), &last);
}

static char *read_string(struct reader *reader, struct arena *arena, size_t trim)
{
	uint64_t length = reader_varint(reader);
	const uint8_t *bytes = reader_bytes(reader, length);
	if (!bytes || length < 2 * trim)
		return arena_string(arena, "", 0);
	return arena_string(arena, (const char *)bytes + trim, length - 2 * trim);
}

bool go_buildinfo_parse(const void *data, size_t size, struct go_buildinfo *info,
			struct error *error)
{
	struct reader reader = reader_over(data, size);
	const uint8_t *found = reader_bytes(&reader, MAGIC_BYTES);
	reader_skip(&reader, 1); // pointer size
	uint8_t flags = reader_u8(&reader);
	if (!reader_ok(&reader) || memcmp(found, magic, MAGIC_BYTES) != 0)
		return error_set(error, ERROR_NOT_FOUND, "not a Go program: no build information");
	if (!(flags & FLAG_INLINE_STRINGS))
		return error_set(error, ERROR_UNSUPPORTED,
				 "built by Go 1.17 or older: whyoom reads Go 1.22 to 1.27");
	struct go_buildinfo result = {.main_package = "", .main_module = {"", "", NULL}};
	reader_seek(&reader, HEADER_BYTES);
	result.version_text = read_string(&reader, &result.arena, 0);
	char *modinfo = read_string(&reader, &result.arena, SENTINEL_BYTES);
	if (!reader_ok(&reader) || !result.version_text || !modinfo) {
		go_buildinfo_deinit(&result);
		return reader_check(&reader, "Go build information", error) &&
		       error_set(error, ERROR_LIMIT, "no memory for the Go build information");
	}
	result.version_known = go_version_parse(result.version_text, &result.version);
	parse_modinfo(&result, modinfo);
	*info = result;
	return true;
}

static size_t read_at(int fd, void *buffer, size_t size, uint64_t offset)
{
	size_t used = 0;
	while (used < size) {
		ssize_t got = pread(fd, (char *)buffer + used, size - used, (off_t)(offset + used));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	return used;
}

// Without section headers: the header is in the first megabyte of a writable segment.
static bool scan_segments(int exe_fd, const struct elf_image *image, uint64_t *offset)
{
	size_t count;
	const struct elf_segment *segments = elf_image_segments(image, &count);
	_cleanup_free_ uint8_t *chunk = alloc_array(SCAN_LIMIT, 1);
	for (size_t i = 0; i < count; i++) {
		if (!segments[i].writable)
			continue;
		size_t limit =
			segments[i].file_size < SCAN_LIMIT ? segments[i].file_size : SCAN_LIMIT;
		size_t size = read_at(exe_fd, chunk, limit, segments[i].file_offset);
		const uint8_t *hit = memmem(chunk, size, magic, MAGIC_BYTES);
		if (!hit)
			continue;
		*offset = segments[i].file_offset + (uint64_t)(hit - chunk);
		return true;
	}
	return false;
}

bool go_buildinfo_read(int exe_fd, const struct elf_image *image, struct go_buildinfo *info,
		       struct error *error)
{
	uint64_t offset, size = INFO_LIMIT;
	if (!elf_image_section(image, ".go.buildinfo", &offset, &size) &&
	    !scan_segments(exe_fd, image, &offset))
		return error_set(error, ERROR_NOT_FOUND, "not a Go program: no build information");
	if (size > INFO_LIMIT)
		size = INFO_LIMIT;
	_cleanup_free_ uint8_t *data = alloc_array(size, 1);
	return go_buildinfo_parse(data, read_at(exe_fd, data, size, offset), info, error);
}
