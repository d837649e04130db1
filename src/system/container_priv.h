// SPDX-License-Identifier: Apache-2.0
// What the parts of container.h share: where the runtimes' files lie, and what stands in them.
#pragma once

#include "base/vec.h"
#include "system/container.h"

enum container_file {
	CONTAINER_FILE_DOCKER,  // config.v2.json
	CONTAINER_FILE_OCI,     // config.json of a bundle
	CONTAINER_FILE_RUNC,    // state.json
	CONTAINER_FILE_STORAGE, // containers.json: of all containers
	CONTAINER_FILE_BOLT,    // meta.db: of all containers
};

// What tells a container from all others: ids that were made up are unique, others only within
// their namespace.
struct container_key {
	char namespace_name[CONTAINER_NAME_MAX];
	char id[CONTAINER_ID_MAX];
};

// One kind of file. The pattern is below the root; its components NS and ID stand for any name.
struct container_place {
	enum container_root root;
	const char *pattern;
	enum container_file file;
	enum container_runtime runtime; // UNKNOWN: several write it
};

struct container_source {
	const struct container_place *place;
	struct container_key key; // empty: of all containers
	int fd;
};

// What else the files claim; to be checked.
struct container_claims {
	char cgroup[PATH_MAX];       // runc's state: the directory of the memory cgroup
	char cgroups_path[PATH_MAX]; // of the bundle: as the runtime was told
};

enum { CONTAINER_SOURCES_MAX = 512 };

struct container_sources {
	struct container known; // what the cgroup's path tells; no id: nothing
	char cgroup_path[PATH_MAX],
		cgroup_name[PATH_MAX]; // of the process; see struct cgroup_place
	VEC(struct container_source) files;
	bool denied; // a directory or a file could not be opened
	bool too_many;
};

// The 64 hex digits in the name of a cgroup that holds a container.
bool container_id_in(const char *name, char id[CONTAINER_ID_LENGTH + 1]);
bool container_id_is_made_up(const char *id);
bool container_key_equal(const struct container_key *a, const struct container_key *b);

// Every container that has a file: `see` is called for each place that it has one in. False where
// there were too many to look at.
bool container_places_list(const struct container_roots *roots,
			   void (*see)(void *context, const struct container_place *place,
				       const struct container_key *key),
			   void *context);
// Opens all files of that container, and those of all containers unless they are open. An empty
// namespace in the key is any.
void container_places_open(const struct container_roots *roots, const struct container_key *key,
			   struct container_sources *sources);
void container_sources_deinit(struct container_sources *sources);

// What the files tell of that container, beside what *container already says. Without privileges.
void container_read(const struct container_sources *sources, const struct container_key *key,
		    struct container *container, struct container_claims *claims);
// Whether that is the process's cgroup, or one above it.
bool container_claims_fit(const struct container_claims *claims, const char *cgroup_path,
			  const char *cgroup_name);

// Calls `see` with each directory of the hierarchy at `top`, parents before children, until it says
// false. False where there were too many, or it said so.
bool container_cgroups_walk(const char *top,
			    bool (*see)(void *context, const char *path, const char *name),
			    void *context);
// The process that a container consists of, or that began it: the first of its pid namespace, else
// the oldest. 0 where there is none. The kernel's numbers only.
pid_t container_main_pid(const struct container_roots *roots, const char *cgroup_path);
