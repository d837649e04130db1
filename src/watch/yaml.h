// SPDX-License-Identifier: Apache-2.0
/*
 * A small YAML file as a tree. libyaml (Debian's libyaml-dev) does the parsing, since it gives the
 * line and column of everything and hands over events one by one, so that every bound is ours:
 * size, depth, count. What a configuration has no use for and an attacker has (anchors, aliases,
 * tags, several documents, keys given twice) is refused by name.
 *
 * Parse foreign text in a process without privileges.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"

enum { YAML_BYTES_MAX = 256 << 10, YAML_NODES_MAX = 4096, YAML_DEPTH_MAX = 8 };

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_kind kind;
	int line, column; // from 1
	bool inside;      // the text stands in the file as it is: columns within it can be told
	const char *text; // of YAML_TEXT
	const char *key;  // of a child of a map
	int key_line, key_column;
	struct yaml_node *first, *next; // children; the next of the same parent
};

// The caller owns *arena, which the nodes live in, also after a failure. ERROR_USAGE with the line
// and column in its message; ERROR_LIMIT beyond a bound. `name` is of the file.
bool yaml_parse_text(const char *text, size_t size, const char *name, struct arena *arena,
		     struct yaml_node **root, struct error *error) must_check;
