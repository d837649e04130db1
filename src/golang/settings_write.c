// SPDX-License-Identifier: Apache-2.0
// In: where a setting is said to be, its new value. Out: the target's variable holds it, or is
// untouched.
#include "golang/settings_write.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { MAPPINGS_MAX = 1 << 22, LINE_BYTES = 256 };

bool go_settings_writer_open(const struct process_files *files, struct go_settings_writer *writer,
			     struct error *error)
{
	int mem = openat(files->dir, "mem", O_RDWR | O_CLOEXEC);
	if (mem < 0) {
		error_set_os(error, errno, "may not write to the memory of process %d", files->pid);
		return error_hint(error,
				  "run as root, with CAP_SYS_PTRACE and CAP_DAC_OVERRIDE, or "
				  "as the user of the process");
	}
	*writer = (struct go_settings_writer){.files = files, .mem = mem};
	return true;
}

void go_settings_writer_close(struct go_settings_writer *writer)
{
	cleanup_close(&writer->mem);
	writer->mem = -1;
}

// "7f0000000000-7f0000021000 rw-p ...". False where it is no line of /proc/PID/maps.
static bool parse_line(const char *line, uint64_t *start, uint64_t *end, const char **perms)
{
	char *rest;
	*start = strtoull(line, &rest, 16);
	if (*rest != '-')
		return false;
	*end = strtoull(rest + 1, &rest, 16);
	*perms = rest + 1;
	return *rest == ' ' && strlen(*perms) >= 4;
}

// Of the lines only the numbers are looked at; names may be of any length.
static bool find_perms(FILE *maps, taddr_t address, uint32_t bytes, char perms[5])
{
	char line[LINE_BYTES];
	bool begins = true;
	for (size_t count = 0; count < MAPPINGS_MAX && fgets(line, sizeof line, maps); count++) {
		uint64_t start, end;
		const char *found;
		bool whole = strchr(line, '\n');
		if (begins && parse_line(line, &start, &end, &found) && address >= start &&
		    address < end && end - address >= bytes) {
			memcpy(perms, found, 4);
			perms[4] = '\0';
			return true;
		}
		begins = whole;
	}
	return false;
}

static bool check_mapping(const struct go_settings_writer *writer, taddr_t address, uint32_t bytes,
			  struct error *error)
{
	char perms[5];
	_cleanup_close_ int fd = openat(writer->files->dir, "maps", O_RDONLY | O_CLOEXEC);
	_cleanup_fclose_ FILE *maps = fd >= 0 ? fdopen(fd, "r") : NULL;
	if (!maps)
		return error_set_os(error, errno, "cannot open /proc/%d/maps", writer->files->pid);
	fd = -1; // the stream has it
	if (!find_perms(maps, address, bytes, perms))
		return error_set(error, ERROR_BAD_DATA, "0x%" PRIx64 " is not mapped: not written",
				 address);
	if (perms[0] != 'r' || perms[1] != 'w' || perms[3] != 'p')
		return error_set(error, ERROR_BAD_DATA,
				 "0x%" PRIx64
				 " is mapped %s, not private and writable: not written",
				 address, perms);
	return true;
}

static bool check_place(const struct go_settings_writer *writer, enum go_setting_id setting,
			const struct go_setting_place *place, int64_t value, struct error *error)
{
	if (!go_setting_allows(setting, value))
		return error_set(error, ERROR_USAGE, "%s cannot be %" PRId64,
				 go_setting_name(setting), value);
	if (place->bytes != go_setting_bytes(setting) || place->address % place->bytes)
		return error_set(error, ERROR_BAD_DATA,
				 "%s cannot be at 0x%" PRIx64 ": not written",
				 go_setting_name(setting), place->address);
	return check_mapping(writer, place->address, place->bytes, error);
}

static bool failed(const struct go_settings_writer *writer, ssize_t got, const char *what,
		   struct error *error)
{
	if (got == 0 || errno == ESRCH || process_ended(writer->files))
		return error_set(error, ERROR_NOT_FOUND,
				 "process %d has ended, or runs another "
				 "program now",
				 writer->files->pid);
	return error_set_os(error, errno, "cannot %s the memory of process %d", what,
			    writer->files->pid);
}

static bool read_number(const struct go_settings_writer *writer,
			const struct go_setting_place *place, int64_t *value, struct error *error)
{
	int64_t wide = 0;
	int32_t narrow = 0;
	void *buffer = place->bytes == 8 ? (void *)&wide : (void *)&narrow;
	ssize_t got = pread(writer->mem, buffer, place->bytes, (off_t)place->address);
	if (got != (ssize_t)place->bytes)
		return failed(writer, got, "read", error);
	*value = place->bytes == 8 ? wide : narrow;
	return true;
}

static bool write_number(const struct go_settings_writer *writer,
			 const struct go_setting_place *place, int64_t value, struct error *error)
{
	int32_t narrow = (int32_t)value;
	const void *buffer = place->bytes == 8 ? (const void *)&value : (const void *)&narrow;
	ssize_t got = pwrite(writer->mem, buffer, place->bytes, (off_t)place->address);
	return got == (ssize_t)place->bytes || failed(writer, got, "write to", error);
}

bool go_setting_write(const struct go_settings_writer *writer, enum go_setting_id setting,
		      const struct go_setting_place *place, int64_t value, struct error *error)
{
	int64_t before, after;
	if (process_ended(writer->files))
		return error_set(error, ERROR_NOT_FOUND, "process %d has ended",
				 writer->files->pid);
	if (!check_place(writer, setting, place, value, error) ||
	    !read_number(writer, place, &before, error))
		return false;
	if (before != place->value)
		return error_set(error, ERROR_BAD_DATA,
				 "%s was %" PRId64 " and is %" PRId64 " now: not written",
				 go_setting_name(setting), place->value, before);
	if (!write_number(writer, place, value, error) ||
	    !read_number(writer, place, &after, error))
		return false;
	return after == value || error_set(error, ERROR_BAD_DATA,
					   "%s was written as %" PRId64 " and reads as %" PRId64
					   ": the program sets it too",
					   go_setting_name(setting), value, after);
}
