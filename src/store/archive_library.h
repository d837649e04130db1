// SPDX-License-Identifier: Apache-2.0
/*
 * libarchive, loaded when it is needed. Linked to the program it would bring libxml2, ICU and
 * libstdc++ to the start of every command, which takes as long as reading a target does
 * (measured: 2.7 ms of 6.3).
 */
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include "base/error.h"

// Those of libarchive that are used, without "archive_".
#define ARCHIVE_FUNCTIONS(X)        \
	X(error_string)             \
	X(entry_new)                \
	X(entry_free)               \
	X(entry_set_pathname)       \
	X(entry_set_size)           \
	X(entry_set_filetype)       \
	X(entry_set_perm)           \
	X(entry_set_mtime)          \
	X(write_new)                \
	X(write_add_filter_zstd)    \
	X(write_set_format_ustar)   \
	X(write_open_fd)            \
	X(write_header)             \
	X(write_data)               \
	X(write_close)              \
	X(write_free)               \
	X(entry_size)               \
	X(entry_pathname)           \
	X(read_new)                 \
	X(read_support_filter_zstd) \
	X(read_support_format_tar)  \
	X(read_open_fd)             \
	X(read_next_header)         \
	X(read_data)                \
	X(read_free)

struct archive_library {
#define ARCHIVE_FUNCTION(name) __typeof__(archive_##name) *name;
	ARCHIVE_FUNCTIONS(ARCHIVE_FUNCTION)
#undef ARCHIVE_FUNCTION
};

// Opens files: before the sandbox is entered. What is loaded stays.
bool archive_library_load(struct archive_library *library, struct error *error) must_check;
