// SPDX-License-Identifier: Apache-2.0
/*
 * Containers: which one a process belongs to, what it is called and which image it runs; and where
 * the container is that a person names.
 *
 * The kernel tells the id: runtimes put it into the cgroup's path. The rest stands in the files in
 * which the runtimes keep their state: written by daemons, but full of what users chose. So they
 * are opened with privileges and parsed without. For a process: container_sources_open, then
 * sandbox_enter(), then container_sources_read. For a name: container_find opens the files of some
 * containers at a time and has them read by children without privileges (scout.h). What the files
 * claim about cgroups is checked against the kernel; what they do not tell is not guessed:
 * `missing` says so.
 *
 * Read are: docker's config.v2.json; containerd's tasks (config.json of the bundle) and, for the
 * image of containers that are not of Kubernetes, its metadata (bolt.h); the storage of podman and
 * CRI-O (containers.json, userdata/config.json); runc's state.json.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

#define CONTAINER_ID_LENGTH 64  // of the ids that runtimes make up: hex digits
#define CONTAINER_ID_MAX    128 // ctr and runc take other names as ids
#define CONTAINER_NAME_MAX  256

enum container_runtime {
	CONTAINER_RUNTIME_UNKNOWN,
	CONTAINER_DOCKER,
	CONTAINER_CONTAINERD,
	CONTAINER_CRIO,
	CONTAINER_PODMAN,
	CONTAINER_RUNC,
};

// "docker", "containerd", "cri-o", "podman", "runc" or "unknown"; any value is allowed.
const char *container_runtime_name(enum container_runtime runtime);

// Plain data. Texts are foreign (print them with strbuf_add_safe) and "" where not known.
struct container {
	char id[CONTAINER_ID_MAX];
	enum container_runtime runtime;
	char namespace_name[CONTAINER_NAME_MAX]; // of containerd
	char name[CONTAINER_NAME_MAX];           // in a pod: of the container there
	char image[512];
	char pod_uid[37]; // with dashes
	char pod_name[CONTAINER_NAME_MAX], pod_namespace[CONTAINER_NAME_MAX];
	bool is_sandbox;   // the one that holds a pod's namespaces
	char missing[256]; // "" or what is not known, and why
	// Only of container_find: the directory of its memory cgroup, and the process that it
	// consists of or that began it; 0 where there is none.
	char cgroup_path[PATH_MAX];
	pid_t main_pid;
};

// `cgroup_text` is /proc/PID/cgroup. Fills the id, the runtime where the path names it, and the
// pod's uid. False when no container shows; *container is then untouched.
bool container_parse(const char *cgroup_text, struct container *container);

enum container_root {
	CONTAINER_ROOT_DOCKER,           // /var/lib/docker
	CONTAINER_ROOT_DOCKER_RUN,       // /run/docker
	CONTAINER_ROOT_CONTAINERD,       // /var/lib/containerd: its "root"
	CONTAINER_ROOT_CONTAINERD_STATE, // /run/containerd: its "state"
	CONTAINER_ROOT_RUNC,             // /run/runc
	CONTAINER_ROOT_STORAGE,          // /var/lib/containers/storage: podman, CRI-O
	CONTAINER_ROOT_STORAGE_RUN,      // /run/containers/storage
	CONTAINER_ROOT_COUNT,
};

enum { CONTAINER_ROOTS_MAX = 4, CONTAINER_ROOT_PATH_MAX = 256 };

// Where the host shows itself and its runtimes keep their state.
struct container_roots {
	const char *proc, *mountinfo; // "/proc", "/proc/self/mountinfo"
	char paths[CONTAINER_ROOT_COUNT][CONTAINER_ROOTS_MAX][CONTAINER_ROOT_PATH_MAX]; // or ""
};

// The environment variable that names more directories, for installs out of the ordinary:
// "docker=/data/docker:containerd=/x/root:containerd-state=/x/state", with the keys docker,
// docker-run, containerd, containerd-state, runc, storage and storage-run.
#define CONTAINER_ROOTS_VARIABLE "WHYOOM_CONTAINER_ROOTS"

// The usual directories, after those that `more` names in the form above; NULL: none.
bool container_roots_init(struct container_roots *roots, const char *more,
			  struct error *error) must_check;

// The open files that may tell something about one process's container.
struct container_sources;

// With privileges. NULL when the process is in no container that shows.
struct container_sources *container_sources_open(const struct container_roots *roots, pid_t pid);
// Without. False when it turns out that the process is in none.
bool container_sources_read(const struct container_sources *sources, struct container *container);
void container_sources_close(struct container_sources *sources); // NULL is allowed

// With privileges: the running container with that id, name or beginning of an id. In pods names
// are NAME, POD/NAME or NAMESPACE/POD/NAME; ids of containerd's other clients may be given as
// NAMESPACE/ID. "docker://ID" and the like are taken, too. ERROR_USAGE where several fit: the
// message lists them.
bool container_find(const struct container_roots *roots, const char *wanted,
		    struct container *container, struct error *error) must_check;
