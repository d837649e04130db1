// SPDX-License-Identifier: Apache-2.0
/*
 * The build IDs in an ELF file's notes: which build a file, or a program in memory, is. Go's linker
 * writes its own ("Go", in .note.go.buildid), and a GNU one since 1.24; C linkers the GNU one.
 */
#pragma once

#include <stddef.h>

struct build_ids {
	char gnu[129]; // hex; "" when there is none
	char go[129];  // as it stands in the note: printable; "" when there is none
};

enum build_match {
	BUILD_UNKNOWN, // no kind of ID is on both sides
	BUILD_SAME,
	BUILD_OTHER,
};

// Adds what the notes hold to *ids; what is there already stays. Damaged notes end the search.
void build_ids_parse(const void *notes, size_t size, struct build_ids *ids);
enum build_match build_ids_compare(const struct build_ids *a, const struct build_ids *b);
// The one to show to people: the GNU ID, else Go's, else "".
const char *build_ids_name(const struct build_ids *ids);
