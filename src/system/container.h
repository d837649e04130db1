// SPDX-License-Identifier: Apache-2.0
// Which container a process belongs to, as its cgroup path tells: runtimes put the container's
// 64 hex digits there (docker, containerd, CRI-O, podman, Kubernetes).
#pragma once

#include <stdbool.h>

#define CONTAINER_ID_LENGTH 64

struct container {
	char id[CONTAINER_ID_LENGTH + 1];
	const char *runtime; // "docker", "containerd", "cri-o", "podman" or "unknown"
	char pod_uid[37];    // with dashes; empty outside Kubernetes
};

// `cgroup_text` is /proc/PID/cgroup. False when no container shows; *container is then untouched.
bool container_parse(const char *cgroup_text, struct container *container);
