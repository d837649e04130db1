// SPDX-License-Identifier: Apache-2.0
// In: /proc/meminfo. Out: what the machine has, and what it has for whoever asks.
#include "system/node_memory.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "system/known.h"
#include "system/text_priv.h"

enum { TEXT_MAX = 8192, KIB = 1024 };

struct known_lines {
	struct known_u64 total_bytes, available_bytes;
};

bool node_memory_open(const char *proc_root, struct node_memory *memory, struct error *error)
{
	char path[256];
	snprintf(path, sizeof path, "%s/meminfo", proc_root);
	*memory = NODE_MEMORY_NONE;
	return file_open(AT_FDCWD, path, &memory->fd, error) &&
	       node_memory_read(memory, INT64_MAX, error);
}

void node_memory_close(struct node_memory *memory)
{
	cleanup_close(&memory->fd);
	memory->fd = -1;
}

bool node_memory_read(struct node_memory *memory, int64_t now_ns, struct error *error)
{
	static const struct text_row rows[] = {
		{"MemTotal", offsetof(struct known_lines, total_bytes)},
		{"MemAvailable", offsetof(struct known_lines, available_bytes)},
	};
	char text[TEXT_MAX];
	struct known_lines lines = {0};
	if (memory->read_ns && now_ns - memory->read_ns < NODE_MEMORY_FRESH_NS)
		return true;
	if (!file_read_into(memory->fd, "/proc/meminfo", text, sizeof text, error) ||
	    !text_assign_all(text_over(text), rows, sizeof rows / sizeof rows[0], &lines,
			     "/proc/meminfo", error))
		return false;
	if (!lines.total_bytes.known || !lines.available_bytes.known)
		return error_set(error, ERROR_BAD_DATA, "/proc/meminfo tells no MemAvailable");
	memory->total_bytes = (int64_t)lines.total_bytes.value;
	memory->available_bytes = (int64_t)lines.available_bytes.value;
	memory->read_ns = now_ns == INT64_MAX ? 0 : now_ns;
	return true;
}
