// SPDX-License-Identifier: Apache-2.0
// In: the text of smaps or maps, in pieces. Out: a table of mappings.
#include "system/maps.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "system/text_priv.h"

#define READ_BYTES   65536
#define ATTEMPTS_MAX 4

static const struct text_row detail_rows[] = {
	{"Rss", offsetof(struct mapping, rss_bytes)},
	{"Pss", offsetof(struct mapping, pss_bytes)},
	{"Shared_Clean", offsetof(struct mapping, shared_clean_bytes)},
	{"Shared_Dirty", offsetof(struct mapping, shared_dirty_bytes)},
	{"Private_Clean", offsetof(struct mapping, private_clean_bytes)},
	{"Private_Dirty", offsetof(struct mapping, private_dirty_bytes)},
	{"Anonymous", offsetof(struct mapping, anonymous_bytes)},
	{"LazyFree", offsetof(struct mapping, lazy_free_bytes)},
	{"AnonHugePages", offsetof(struct mapping, anon_huge_bytes)},
	{"Shared_Hugetlb", offsetof(struct mapping, shared_hugetlb_bytes)},
	{"Private_Hugetlb", offsetof(struct mapping, private_hugetlb_bytes)},
	{"Swap", offsetof(struct mapping, swap_bytes)},
	{"Locked", offsetof(struct mapping, locked_bytes)},
};

void maps_deinit(struct maps *maps)
{
	vec_deinit(&maps->list);
	arena_deinit(&maps->names);
}

// A header starts with a lower-case hex address, a detail with a capital letter.
static bool is_header(const struct text *line)
{
	return !text_empty(line) &&
	       ((*line->at >= '0' && *line->at <= '9') || (*line->at >= 'a' && *line->at <= 'f'));
}

static bool take_numbers(struct text *line, struct mapping *mapping)
{
	uint64_t major, minor;
	if (!text_hex(line, &mapping->start) || !text_skip(line, "-") ||
	    !text_hex(line, &mapping->end) || !text_skip(line, " ") || text_left(line) < 5)
		return false;
	memcpy(mapping->perms, line->at, 4);
	line->at += 4;
	if (!text_skip(line, " ") || !text_hex(line, &mapping->offset) || !text_skip(line, " ") ||
	    !text_hex(line, &major) || !text_skip(line, ":") || !text_hex(line, &minor) ||
	    !text_skip(line, " ") || !text_u64(line, &mapping->inode))
		return false;
	if (major > UINT32_MAX || minor > UINT32_MAX)
		return false;
	mapping->device_major = (uint32_t)major;
	mapping->device_minor = (uint32_t)minor;
	text_skip_blanks(line);
	return mapping->start < mapping->end;
}

static void strip_deleted(struct text *name, struct mapping *mapping)
{
	static const char suffix[] = " (deleted)";
	size_t length = sizeof suffix - 1;
	if (text_left(name) <= length || memcmp(name->end - length, suffix, length) != 0)
		return;
	name->end -= length;
	mapping->deleted = true;
}

// Neighbours share a file as a rule, so they share its name.
static const char *keep_name(struct maps *maps, const struct text *name)
{
	if (text_empty(name))
		return "";
	if (maps->list.count) {
		const char *last = maps->list.items[maps->list.count - 1].name;
		if (text_equals(name, last))
			return last;
	}
	return arena_string(&maps->names, name->at, text_left(name));
}

static bool take_header(struct text line, struct maps *maps, struct error *error)
{
	struct mapping mapping = {0};
	if (!take_numbers(&line, &mapping))
		return error_set(error, ERROR_BAD_DATA, "mapping %zu: not a line of maps",
				 maps->list.count);
	if (maps->list.count && mapping.start < maps->list.items[maps->list.count - 1].end)
		return error_set(error, ERROR_BAD_DATA, "mapping %zu: not in order",
				 maps->list.count);
	if (maps->list.count >= MAPS_COUNT_LIMIT)
		return error_set(error, ERROR_LIMIT, "more than %d mappings", MAPS_COUNT_LIMIT);
	strip_deleted(&line, &mapping);
	mapping.name = keep_name(maps, &line);
	if (!mapping.name)
		return error_set(error, ERROR_LIMIT, "no memory for the names of mappings");
	vec_push(&maps->list, mapping);
	return true;
}

static bool take_line(struct text line, struct maps *maps, struct error *error)
{
	if (is_header(&line))
		return take_header(line, maps, error);
	if (!maps->list.count)
		return error_set(error, ERROR_BAD_DATA, "smaps: a detail before the first mapping");
	return text_assign(line, detail_rows, sizeof detail_rows / sizeof detail_rows[0],
			   &maps->list.items[maps->list.count - 1], "smaps", error);
}

// Takes all whole lines; what is left in *all is a cut one.
static bool take_lines(struct text *all, struct maps *maps, struct error *error)
{
	struct text line;
	while (text_line(all, &line))
		if (!take_line(line, maps, error))
			return false;
	return true;
}

bool maps_parse(const char *text, size_t size, struct maps *maps, struct error *error)
{
	_cleanup_(maps_deinit) struct maps parsed = {0};
	struct text all = text_over_bytes(text, size);
	if (!take_lines(&all, &parsed, error) || !text_check_end(&all, "maps", error))
		return false;
	*maps = parsed;
	parsed = (struct maps){0};
	return true;
}

struct piece {
	char bytes[READ_BYTES];
	size_t used; // a cut line from the piece before, then what was read
	size_t total;
};

static bool read_more(int fd, const char *path, struct piece *piece, bool *end, struct error *error)
{
	ssize_t got;
	do
		got = pread(fd, piece->bytes + piece->used, sizeof piece->bytes - piece->used,
			    (off_t)piece->total);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_set_os(error, errno, "cannot read %s", path);
	piece->used += (size_t)got;
	piece->total += (size_t)got;
	*end = got == 0;
	return piece->total <= MAPS_TEXT_LIMIT_BYTES ||
	       error_set(error, ERROR_LIMIT, "%s is larger than %zu bytes", path,
			 MAPS_TEXT_LIMIT_BYTES);
}

static bool read_pieces(int fd, const char *path, struct piece *piece, struct maps *maps,
			struct error *error)
{
	bool end = false;
	while (!end) {
		if (!read_more(fd, path, piece, &end, error))
			return false;
		struct text all = text_over_bytes(piece->bytes, piece->used);
		if (!take_lines(&all, maps, error))
			return error_wrap(error, "%s", path);
		piece->used = text_left(&all);
		if (piece->used > MAPS_LINE_MAX)
			return error_set(error, ERROR_LIMIT, "%s: a line is longer than %d bytes",
					 path, MAPS_LINE_MAX);
		memmove(piece->bytes, all.at, piece->used);
	}
	return piece->used == 0 ||
	       error_set(error, ERROR_BAD_DATA, "%s: the last line is cut", path);
}

static bool read_once(int fd, const char *path, struct maps *maps, struct error *error)
{
	_cleanup_(maps_deinit) struct maps parsed = {0};
	_cleanup_free_ struct piece *piece = alloc_zero(sizeof *piece);
	if (!read_pieces(fd, path, piece, &parsed, error))
		return false;
	if (!parsed.list.count)
		return error_set(error, ERROR_NOT_FOUND, "%s is empty: the process has ended",
				 path);
	*maps = parsed;
	parsed = (struct maps){0};
	return true;
}

// The process goes on while Linux walks its mappings, and one that grows meanwhile can come twice
// (seen on 6.18 with a Go heap, in 1 of 20,000 walks). The next walk is most likely whole.
bool maps_read(int fd, const char *path, struct maps *maps, struct error *error)
{
	struct error failure = {0};
	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		if (read_once(fd, path, maps, &failure))
			return true;
		if (failure.code != ERROR_BAD_DATA)
			break;
	}
	if (error)
		*error = failure;
	return false;
}

const struct mapping *maps_find(const struct maps *maps, uint64_t address)
{
	size_t low = 0, high = maps->list.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (maps->list.items[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < maps->list.count && maps->list.items[low].start <= address
		       ? &maps->list.items[low]
		       : NULL;
}
