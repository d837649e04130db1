// SPDX-License-Identifier: Apache-2.0
// In: a file of an unknown kind. Out: its goroutines.
#include "crash/goroutine_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "crash/crash.h"
#include "crash/input.h"
#include "crash/saved.h"
#include "goroutine/pprof.h"
#include "profile/pprof_read.h"

#define FILE_BYTES_MAX ((size_t)512 << 20) // of a profile, a bundle, a saved list
enum { PEEK_BYTES = 1024, TAR_BLOCK = 512, TAR_ENTRIES_MAX = 1024 };

void goroutine_file_deinit(struct goroutine_file *file)
{
	goroutine_set_deinit(&file->set);
}

static bool rewind_file(int fd, const char *path, struct error *error)
{
	return lseek(fd, 0, SEEK_SET) == 0 ||
	       error_set_os(error, errno, "cannot read %s from its start", path);
}

// The first bytes, or all up to `limit`, decompressed.
static bool read_some(int fd, const char *path, size_t limit, struct strbuf *out,
		      struct error *error)
{
	struct crash_input *input = NULL;
	size_t size = 1;
	char buffer[16 << 10];
	if (!rewind_file(fd, path, error) || !crash_input_open(fd, path, &input, error))
		return false;
	bool ok = true;
	while (ok && size && out->length < limit) {
		ok = crash_input_read(input, buffer, sizeof buffer, &size, error);
		if (ok)
			strbuf_add_bytes(out, buffer, size);
	}
	crash_input_free(input);
	return ok;
}

static struct span span_of_buffer(const struct strbuf *buffer)
{
	return (struct span){buffer->text ? buffer->text : "", buffer->length};
}

// ---- text ----

static const struct crash *last_with_goroutines(const struct crash_log *log, uint64_t *dumps)
{
	const struct crash *last = NULL;
	VEC_FOREACH (crash, &log->crashes) {
		if (!crash->goroutines)
			continue;
		(*dumps)++;
		last = crash;
	}
	return last;
}

static bool read_text(int fd, const char *path, bool labels, struct goroutine_file *file,
		      struct error *error)
{
	struct crash_options options = {.exe_fd = -1, .labels_apart = labels};
	struct crash_log log;
	if (!rewind_file(fd, path, error))
		return false;
	if (!crash_log_read(fd, path, &options, &log, error)) {
		if (error && error->code == ERROR_NOT_FOUND)
			error_set(error, ERROR_NOT_FOUND, "%s: no goroutines are in it", path);
		return false;
	}
	const struct crash *crash = last_with_goroutines(&log, &file->dumps);
	if (crash) {
		crash_to_goroutines(crash, &file->set);
		file->set.knows_states = crash->kind != CRASH_PROFILE;
		file->kind = crash->kind == CRASH_PROFILE ? "a goroutine profile as text (debug=1)"
			     : crash->kind == CRASH_DUMP  ? "a goroutine dump"
							  : "a crash log";
		file->left_out = crash->left_out;
		file->cut = crash->cut_front || crash->cut_end || log.input_cut;
	}
	crash_log_deinit(&log);
	return crash ||
	       error_set(error, ERROR_NOT_FOUND, "%s: it has a crash, but no goroutines", path);
}

// ---- pprof ----

static bool read_profile(int fd, const char *path, struct goroutine_file *file, struct error *error)
{
	struct strbuf data = {0};
	_cleanup_(profile_freep) struct profile *profile = NULL;
	bool ok = read_some(fd, path, FILE_BYTES_MAX, &data, error) &&
		  pprof_parse(data.text, data.length, &profile, error) &&
		  goroutine_set_from_profile(profile, &file->set, error);
	strbuf_deinit(&data);
	file->kind = "a goroutine profile";
	file->dumps = 1;
	return ok || error_wrap(error, "%.256s", path);
}

// A profile begins with a sample type or, as Go writes it, with the period's: tag 1 or 11, a
// length, then a message of two varints.
static bool looks_like_profile(struct span text)
{
	return text.length > 4 && (text.at[0] == 0x0a || text.at[0] == 0x5a) && text.at[1] < 0x40 &&
	       (text.at[2] == 0x08 || text.at[2] == 0x10);
}

// ---- what whyoom saved ----

static bool parse_saved(struct span text, const char *path, struct goroutine_file *file,
			struct error *error)
{
	file->kind = "an incident's list of goroutines";
	file->dumps = 1;
	snprintf(file->note, sizeof file->note, "times and sizes in it are rounded");
	return saved_parse(text, &file->set, error) || error_wrap(error, "%.256s", path);
}

static bool is_tar(struct span text)
{
	return text.length >= TAR_BLOCK && memcmp(text.at + 257, "ustar", 5) == 0;
}

static uint64_t parse_octal(struct span text)
{
	uint64_t value = 0;
	for (size_t i = 0; i < text.length && text.at[i] >= '0' && text.at[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(text.at[i] - '0');
	return value;
}

// The first goroutines.txt: the incident's own stands before those of its earlier captures.
static bool find_in_tar(struct span text, struct span *found)
{
	for (int entries = 0; entries < TAR_ENTRIES_MAX && is_tar(text); entries++) {
		struct span name = span_first(text, 100);
		name = span_first(name, span_find_char(name, '\0'));
		uint64_t size = parse_octal(span_first(span_from(text, 124), 11));
		text = span_from(text, TAR_BLOCK);
		if (size > text.length)
			return false;
		if (span_ends(name, SPAN("/goroutines.txt"))) {
			*found = span_first(text, size);
			return true;
		}
		text = span_from(text, (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK);
	}
	return false;
}

static bool read_saved(int fd, const char *path, struct goroutine_file *file, struct error *error)
{
	struct strbuf data = {0};
	if (!read_some(fd, path, FILE_BYTES_MAX, &data, error)) {
		strbuf_deinit(&data);
		return false;
	}
	struct span text = span_of_buffer(&data), found = text;
	bool ok =
		is_tar(text) && !find_in_tar(text, &found)
			? error_set(error, ERROR_NOT_FOUND, "%s: no goroutines.txt is in it", path)
			: parse_saved(found, path, file, error);
	strbuf_deinit(&data);
	return ok;
}

bool goroutine_file_read(int fd, const char *path, bool labels, struct goroutine_file *out,
			 struct error *error)
{
	struct goroutine_file file = {.kind = ""};
	struct strbuf peek = {0};
	if (!read_some(fd, path, PEEK_BYTES, &peek, error)) {
		strbuf_deinit(&peek);
		return false;
	}
	struct span text = span_of_buffer(&peek);
	bool ok = saved_is(text) || is_tar(text) ? read_saved(fd, path, &file, error)
		  : looks_like_profile(text)     ? read_profile(fd, path, &file, error)
						 : read_text(fd, path, labels, &file, error);
	strbuf_deinit(&peek);
	if (!ok)
		goroutine_file_deinit(&file);
	else
		*out = file;
	return ok;
}
