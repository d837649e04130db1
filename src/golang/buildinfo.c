// SPDX-License-Identifier: Apache-2.0
// In: the executable's .go.buildinfo section. Out: version, modules, settings.
// Source: debug/buildinfo/buildinfo.go; cmd/go/internal/version/version.go of Go 1.13 to 1.17.
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
	POINTERS = 16, // up to Go 1.17: addresses of the two texts
	VERSION_MAX = 256,
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

// Takes the texts over, which are in the arena of `result` already.
static void finish(struct go_buildinfo *result, char *modinfo, struct go_buildinfo *info)
{
	result->version_known = go_version_parse(result->version_text, &result->version);
	parse_modinfo(result, modinfo);
	*info = *result;
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
				 "built by Go 1.17 or older: the texts are elsewhere");
	struct go_buildinfo result = {.main_package = "", .main_module = {"", "", NULL}};
	reader_seek(&reader, HEADER_BYTES);
	result.version_text = read_string(&reader, &result.arena, 0);
	char *modinfo = read_string(&reader, &result.arena, SENTINEL_BYTES);
	if (!reader_ok(&reader) || !result.version_text || !modinfo) {
		go_buildinfo_deinit(&result);
		return reader_check(&reader, "Go build information", error) &&
		       error_set(error, ERROR_LIMIT, "no memory for the Go build information");
	}
	finish(&result, modinfo, info);
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

// Bytes that the program has at a linked address before it runs.
static bool read_address(int exe_fd, const struct elf_image *image, uint64_t address, void *buffer,
			 size_t size)
{
	size_t count;
	const struct elf_segment *segments = elf_image_segments(image, &count);
	for (size_t i = 0; i < count; i++) {
		uint64_t inside = address - segments[i].address;
		if (address >= segments[i].address && inside < segments[i].file_size)
			return size <= segments[i].file_size - inside &&
			       read_at(exe_fd, buffer, size, segments[i].file_offset + inside) ==
				       size;
	}
	return false;
}

static uint64_t read_pointer(int exe_fd, const struct elf_image *image, uint64_t address)
{
	uint8_t bytes[8];
	if (!read_address(exe_fd, image, address, bytes, sizeof bytes))
		return 0;
	struct reader reader = reader_over(bytes, sizeof bytes);
	return reader_u64(&reader);
}

// The string variable at `address`; "" when it cannot be read or is longer than `limit`.
static char *read_variable(int exe_fd, const struct elf_image *image, uint64_t address,
			   size_t limit, size_t trim, struct arena *arena)
{
	uint64_t text = read_pointer(exe_fd, image, address);
	uint64_t length = read_pointer(exe_fd, image, address + 8);
	if (length > limit || length <= 2 * trim)
		return arena_string(arena, "", 0);
	_cleanup_free_ char *bytes = alloc_array(length, 1);
	if (!read_address(exe_fd, image, text, bytes, length))
		return arena_string(arena, "", 0);
	return arena_string(arena, bytes + trim, length - 2 * trim);
}

// From the addresses of two string variables; `modinfo` may be 0.
static bool read_variables(int exe_fd, const struct elf_image *image, uint64_t version,
			   uint64_t modinfo, struct go_buildinfo *info, struct error *error)
{
	struct go_buildinfo result = {.main_package = "", .main_module = {"", "", NULL}};
	char *text = read_variable(exe_fd, image, version, VERSION_MAX, 0, &result.arena);
	char *modules =
		read_variable(exe_fd, image, modinfo, INFO_LIMIT, SENTINEL_BYTES, &result.arena);
	if (!text || !modules || !*text) {
		go_buildinfo_deinit(&result);
		return error_set(error, ERROR_BAD_DATA,
				 "the Go version is not where the executable says that it is");
	}
	result.version_text = text;
	finish(&result, modules, info);
	return true;
}

// Go 1.12 and earlier.
static bool read_by_symbol(int exe_fd, struct elf_image *image, struct go_buildinfo *info,
			   struct error *error)
{
	struct elf_symbol_query query = {.name = "runtime.buildVersion"};
	uint64_t offset, size;
	bool found = elf_image_symbols(image, &query, 1, NULL) && query.found;
	if (!found && elf_image_section(image, ".gopclntab", &offset, &size))
		return error_set(error, ERROR_UNSUPPORTED,
				 "a stripped Go program without build information: built before "
				 "Go 1.13, or obfuscated");
	if (!found)
		return error_set(error, ERROR_NOT_FOUND, "not a Go program: no build information");
	return read_variables(exe_fd, image, query.address, 0, info, error);
}

bool go_buildinfo_read(int exe_fd, struct elf_image *image, struct go_buildinfo *info,
		       struct error *error)
{
	uint64_t offset, size = INFO_LIMIT;
	if (!elf_image_section(image, ".go.buildinfo", &offset, &size) &&
	    !scan_segments(exe_fd, image, &offset))
		return read_by_symbol(exe_fd, image, info, error);
	if (size > INFO_LIMIT)
		size = INFO_LIMIT;
	_cleanup_free_ uint8_t *data = alloc_array(size, 1);
	size = read_at(exe_fd, data, size, offset);
	struct reader reader = reader_over(data, size);
	reader_seek(&reader, MAGIC_BYTES + 1);
	if (reader_u8(&reader) & FLAG_INLINE_STRINGS || size < HEADER_BYTES)
		return go_buildinfo_parse(data, size, info, error);
	reader_seek(&reader, POINTERS);
	uint64_t version = reader_u64(&reader), modinfo = reader_u64(&reader);
	return read_variables(exe_fd, image, version, modinfo, info, error);
}
