// SPDX-License-Identifier: Apache-2.0
// In: the text of /proc/PID/cgroup. Out: the innermost container it names.
#include "system/container.h"

#include <ctype.h>
#include <string.h>

#include "system/container_priv.h"
#include "system/text_priv.h"

#define UUID_LENGTH 36

const char *container_runtime_name(enum container_runtime runtime)
{
	static const char *const names[] = {
		[CONTAINER_RUNTIME_UNKNOWN] = "unknown", [CONTAINER_DOCKER] = "docker",
		[CONTAINER_CONTAINERD] = "containerd",   [CONTAINER_CRIO] = "cri-o",
		[CONTAINER_PODMAN] = "podman",           [CONTAINER_RUNC] = "runc",
	};
	unsigned int index = runtime;
	return index < sizeof names / sizeof names[0] ? names[index] : "unknown";
}

static bool is_hex(char c)
{
	return isdigit((unsigned char)c) || (c >= 'a' && c <= 'f');
}

// The last run of exactly 64 hex digits; NULL when there is none.
static const char *find_id(const struct text *path)
{
	const char *found = NULL, *start = path->at;
	for (const char *at = path->at; at <= path->end; at++) {
		if (at < path->end && is_hex(*at))
			continue;
		if (at - start == CONTAINER_ID_LENGTH)
			found = start;
		start = at + 1;
	}
	return found;
}

bool container_id_in(const char *name, char id[CONTAINER_ID_LENGTH + 1])
{
	struct text text = text_over(name);
	const char *found = find_id(&text);
	// The monitor of a container of podman and CRI-O has a cgroup with that id as well.
	if (!found || strstr(name, "conmon"))
		return false;
	memcpy(id, found, CONTAINER_ID_LENGTH);
	id[CONTAINER_ID_LENGTH] = '\0';
	return true;
}

bool container_id_is_made_up(const char *id)
{
	size_t length = strspn(id, "0123456789abcdef");
	return length == CONTAINER_ID_LENGTH && !id[length];
}

static enum container_runtime runtime_of(const struct text *path)
{
	static const struct {
		const char *mark;
		enum container_runtime runtime;
	} rows[] = {
		{"containerd", CONTAINER_CONTAINERD},
		{"crio", CONTAINER_CRIO},
		{"libpod", CONTAINER_PODMAN},
		{"docker", CONTAINER_DOCKER},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (text_find(path, rows[i].mark))
			return rows[i].runtime;
	return CONTAINER_RUNTIME_UNKNOWN;
}

// How much of a UUID stands here: 8-4-4-4-12 hex digits. The systemd driver writes underscores.
static size_t uuid_length(const struct text *text)
{
	size_t length = 0;
	for (; length < UUID_LENGTH && length < text_left(text); length++) {
		bool dash = length == 8 || length == 13 || length == 18 || length == 23;
		char c = text->at[length];
		if (dash ? c != '-' && c != '_' : !is_hex(c))
			break;
	}
	return length;
}

static void find_pod(const struct text *path, struct container *container)
{
	struct text rest = *path;
	const char *pod;
	while ((pod = text_find(&rest, "pod"))) {
		rest.at = pod + 3;
		if (uuid_length(&rest) < UUID_LENGTH)
			continue;
		for (size_t i = 0; i < UUID_LENGTH; i++)
			container->pod_uid[i] = (char)(rest.at[i] == '_' ? '-' : rest.at[i]);
		container->pod_uid[UUID_LENGTH] = '\0';
	}
}

bool container_parse(const char *cgroup_text, struct container *container)
{
	struct text all = text_over(cgroup_text), line;
	while (text_line(&all, &line)) {
		const char *id = find_id(&line);
		if (!id || text_find(&line, "conmon"))
			continue;
		*container = (struct container){.runtime = runtime_of(&line)};
		memcpy(container->id, id, CONTAINER_ID_LENGTH);
		find_pod(&line, container);
		return true;
	}
	return false;
}
