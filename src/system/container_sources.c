// SPDX-License-Identifier: Apache-2.0
// In: a process. Out: the open files that may tell about its container, and what they tell.
#include "system/container_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "system/cgroup.h"

enum { CGROUP_TEXT_MAX = 64 << 10, RUNC_STATES_MAX = 256 };

// The candidates for a process whose cgroup has a name that was not made up.
struct guesses {
	const struct container_sources *sources;
	const struct container_roots *roots;
	VEC(struct container_key) named, others;
};

// The name of one cgroup on the way to the process: ID, or PREFIX-ID.scope.
static bool names(const char *part, size_t length, const char *id)
{
	static const char scope[] = ".scope";
	size_t id_length = strlen(id);
	if (length > sizeof scope - 1 &&
	    memcmp(part + length - (sizeof scope - 1), scope, sizeof scope - 1) == 0)
		length -= sizeof scope - 1;
	return length >= id_length && memcmp(part + length - id_length, id, id_length) == 0 &&
	       (length == id_length || part[length - id_length - 1] == '-');
}

static bool path_names(const char *path, const char *id)
{
	while (*path) {
		size_t length = strcspn(path, "/");
		if (names(path, length, id))
			return true;
		path += length + (path[length] == '/');
	}
	return false;
}

static void guess(void *context, const struct container_place *place,
		  const struct container_key *key)
{
	struct guesses *guesses = context;
	if (path_names(guesses->sources->cgroup_name, key->id))
		vec_push(&guesses->named, *key);
	else if (place->root == CONTAINER_ROOT_RUNC && guesses->others.count < RUNC_STATES_MAX)
		vec_push(&guesses->others, *key); // runc takes any path for any id
}

// A process that is in no cgroup of its own is in no container either.
static void open_guesses(const struct container_roots *roots, struct container_sources *sources)
{
	struct guesses guesses = {.sources = sources, .roots = roots};
	if (strcmp(sources->cgroup_name, "/") == 0 || !sources->cgroup_name[0])
		return;
	if (!container_places_list(roots, guess, &guesses))
		sources->too_many = true;
	VEC_FOREACH (key, &guesses.named)
		container_places_open(roots, key, sources);
	if (!guesses.named.count)
		VEC_FOREACH (key, &guesses.others)
			container_places_open(roots, key, sources);
	vec_deinit(&guesses.named);
	vec_deinit(&guesses.others);
}

static void find_place(const struct container_roots *roots, pid_t pid,
		       struct container_sources *sources)
{
	_cleanup_free_ struct cgroup_place *place = alloc_zero(sizeof *place);
	if (!cgroup_find(roots->proc, roots->mountinfo, pid, place, NULL))
		return;
	strcpy(sources->cgroup_path, place->path);
	strcpy(sources->cgroup_name, place->name);
}

struct container_sources *container_sources_open(const struct container_roots *roots, pid_t pid)
{
	char path[PATH_MAX];
	_cleanup_free_ char *text = NULL;
	size_t size;
	struct container_sources *sources = alloc_zero(sizeof *sources);
	snprintf(path, sizeof path, "%.4000s/%d/cgroup", roots->proc, (int)pid);
	if (file_read_path(AT_FDCWD, path, CGROUP_TEXT_MAX, &text, &size, NULL) &&
	    container_parse(text, &sources->known)) {
		struct container_key key = {0};
		strcpy(key.id, sources->known.id);
		container_places_open(roots, &key, sources);
		return sources;
	}
	find_place(roots, pid, sources);
	open_guesses(roots, sources);
	if (sources->files.count)
		return sources;
	container_sources_close(sources);
	return NULL;
}

void container_sources_close(struct container_sources *sources)
{
	if (!sources)
		return;
	container_sources_deinit(sources);
	free(sources);
}

bool container_sources_read(const struct container_sources *sources, struct container *container)
{
	_cleanup_free_ struct container_claims *claims = alloc_zero(sizeof *claims);
	_cleanup_free_ struct container *found = alloc_zero(sizeof *found);
	struct container_key key = {0};
	if (sources->known.id[0]) {
		*container = sources->known;
		strcpy(key.id, sources->known.id);
		container_read(sources, &key, container, claims);
		return true;
	}
	VEC_FOREACH (file, &sources->files) {
		if (!file->key.id[0] || container_key_equal(&file->key, &key))
			continue;
		key = file->key;
		*found = (struct container){0};
		container_read(sources, &key, found, claims);
		if (!container_claims_fit(claims, sources->cgroup_path, sources->cgroup_name))
			continue;
		*container = *found;
		return true;
	}
	return false;
}
