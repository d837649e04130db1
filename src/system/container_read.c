// SPDX-License-Identifier: Apache-2.0
// In: the open files of container runtimes. Out: what they tell of one container. The files are
// foreign: this runs without privileges.
#include "system/container_priv.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "system/bolt.h"

enum {
	CONFIG_BYTES_MAX = 2 << 20,
	STORAGE_BYTES_MAX = 8 << 20,
	METADATA_BYTES_MAX = 64 << 10,
	KEY_MAX = 64,
};

// One text in one kind of file: the keys on the way to it, parted by '|'.
struct field {
	enum container_file file;
	const char *path;
	size_t offset, size; // in struct reading
};

struct reading {
	struct container_claims claims;
	char container_type[32], manager[32];
	struct container found;
	bool has_file, has_runc;
	struct error failure; // the last
};

#define FIELD(file, path, member)                                                                 \
	{                                                                                         \
		file, path, offsetof(struct reading, member), sizeof((struct reading *)0)->member \
	}

// Where several name the same member, the first that is there counts.
static const struct field fields[] = {
	FIELD(CONTAINER_FILE_DOCKER, "Config|Labels|io.kubernetes.container.name", found.name),
	FIELD(CONTAINER_FILE_DOCKER, "Name", found.name),
	FIELD(CONTAINER_FILE_DOCKER, "Config|Image", found.image),
	FIELD(CONTAINER_FILE_DOCKER, "Config|Labels|io.kubernetes.pod.name", found.pod_name),
	FIELD(CONTAINER_FILE_DOCKER, "Config|Labels|io.kubernetes.pod.namespace",
	      found.pod_namespace),
	FIELD(CONTAINER_FILE_DOCKER, "Config|Labels|io.kubernetes.pod.uid", found.pod_uid),
	FIELD(CONTAINER_FILE_DOCKER, "Config|Labels|io.kubernetes.docker.type", container_type),
	FIELD(CONTAINER_FILE_OCI, "annotations|io.kubernetes.cri.container-name", found.name),
	FIELD(CONTAINER_FILE_OCI, "annotations|io.kubernetes.container.name", found.name),
	FIELD(CONTAINER_FILE_OCI, "annotations|nerdctl/name", found.name),
	FIELD(CONTAINER_FILE_OCI, "annotations|io.kubernetes.cri.image-name", found.image),
	FIELD(CONTAINER_FILE_OCI, "annotations|io.kubernetes.cri-o.ImageName", found.image),
	FIELD(CONTAINER_FILE_OCI, "annotations|io.kubernetes.cri.sandbox-name", found.pod_name),
	FIELD(CONTAINER_FILE_OCI, "annotations|io.kubernetes.pod.name", found.pod_name),
	FIELD(CONTAINER_FILE_OCI, "annotations|io.kubernetes.cri.sandbox-namespace",
	      found.pod_namespace),
	FIELD(CONTAINER_FILE_OCI, "annotations|io.kubernetes.pod.namespace", found.pod_namespace),
	FIELD(CONTAINER_FILE_OCI, "annotations|io.kubernetes.cri.sandbox-uid", found.pod_uid),
	FIELD(CONTAINER_FILE_OCI, "annotations|io.kubernetes.pod.uid", found.pod_uid),
	FIELD(CONTAINER_FILE_OCI, "annotations|io.kubernetes.cri.container-type", container_type),
	FIELD(CONTAINER_FILE_OCI, "annotations|io.kubernetes.cri-o.ContainerType", container_type),
	FIELD(CONTAINER_FILE_OCI, "annotations|io.container.manager", manager),
	FIELD(CONTAINER_FILE_OCI, "linux|cgroupsPath", claims.cgroups_path),
	FIELD(CONTAINER_FILE_RUNC, "cgroup_paths|memory", claims.cgroup),
	FIELD(CONTAINER_FILE_RUNC, "cgroup_paths|", claims.cgroup), // v2
	FIELD(CONTAINER_FILE_STORAGE, "image-name", found.image),   // of the metadata
	FIELD(CONTAINER_FILE_STORAGE, "metadata-name", found.name),
	FIELD(CONTAINER_FILE_STORAGE, "name", found.name),
	FIELD(CONTAINER_FILE_STORAGE, "pod-name", found.pod_name),
	FIELD(CONTAINER_FILE_STORAGE, "namespace", found.pod_namespace),
};

static const char *text_at(const json_t *object, const char *path)
{
	char key[KEY_MAX];
	for (;;) {
		size_t length = strcspn(path, "|");
		snprintf(key, sizeof key, "%.*s", (int)length, path);
		object = json_object_get(object, key);
		if (!path[length])
			return json_string_value(object);
		path += length + 1;
	}
}

static void take_fields(struct reading *reading, enum container_file file, const json_t *object)
{
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		char *slot = (char *)reading + fields[i].offset;
		const char *text =
			fields[i].file == file && !slot[0] ? text_at(object, fields[i].path) : NULL;
		if (text)
			snprintf(slot, fields[i].size, "%s", text);
	}
}

// Docker begins names with a slash.
static void drop_slash(char *name)
{
	if (name[0] == '/')
		memmove(name, name + 1, strlen(name));
}

static json_t *load(const struct container_source *source, size_t limit_bytes, struct error *error)
{
	_cleanup_free_ char *data = NULL;
	size_t size;
	json_error_t json_error;
	if (!file_read(source->fd, source->place->pattern, limit_bytes, &data, &size, error))
		return NULL;
	json_t *root = json_loadb(data, size, 0, &json_error);
	if (!root)
		error_set(error, ERROR_BAD_DATA, "%s is no JSON", source->place->pattern);
	return root;
}

static void read_json(struct reading *reading, const struct container_source *source)
{
	json_t *root = load(source, CONFIG_BYTES_MAX, &reading->failure);
	if (!root)
		return;
	reading->has_file = true;
	reading->has_runc |= source->place->root == CONTAINER_ROOT_RUNC;
	take_fields(reading, source->place->file, root);
	drop_slash(reading->found.name);
	json_decref(root);
}

// The storage keeps what the runtime says of a container as JSON in a text.
static void read_metadata(struct reading *reading, const json_t *entry)
{
	const char *text = json_string_value(json_object_get(entry, "metadata"));
	json_t *metadata =
		text && strlen(text) <= METADATA_BYTES_MAX ? json_loads(text, 0, NULL) : NULL;
	if (!metadata)
		return;
	if (!reading->manager[0])
		strcpy(reading->manager, json_object_get(metadata, "pod-id") ? "cri-o" : "libpod");
	take_fields(reading, CONTAINER_FILE_STORAGE, metadata);
	json_decref(metadata);
}

static void read_storage(struct reading *reading, const struct container_source *source,
			 const char *id)
{
	size_t index;
	const json_t *entry;
	json_t *root = load(source, STORAGE_BYTES_MAX, &reading->failure);
	json_array_foreach (root, index, entry) {
		const char *own = json_string_value(json_object_get(entry, "id"));
		if (!own || strcmp(own, id) != 0)
			continue;
		reading->has_file = true;
		read_metadata(reading, entry);
		break;
	}
	json_decref(root);
}

static void read_bolt(struct reading *reading, int fd, const struct container_key *key)
{
	const char *image[] = {"v1", key->namespace_name, "containers", key->id, "image"};
	const char *name[] = {"v1",     key->namespace_name, "containers", key->id,
			      "labels", "nerdctl/name"};
	if (!reading->found.image[0])
		(void)!bolt_get(fd, image, sizeof image / sizeof image[0], reading->found.image,
				sizeof reading->found.image, &reading->failure);
	if (!reading->found.name[0])
		(void)!bolt_get(fd, name, sizeof name / sizeof name[0], reading->found.name,
				sizeof reading->found.name, NULL);
}

static void read_source(struct reading *reading, const struct container_source *source,
			const struct container_key *key)
{
	switch (source->place->file) {
	case CONTAINER_FILE_DOCKER:
	case CONTAINER_FILE_OCI:
	case CONTAINER_FILE_RUNC:
		read_json(reading, source);
		break;
	case CONTAINER_FILE_STORAGE:
		read_storage(reading, source, key->id);
		break;
	case CONTAINER_FILE_BOLT:
		if (key->namespace_name[0])
			read_bolt(reading, source->fd, key);
		break;
	}
}

static enum container_runtime runtime_by_manager(const char *manager)
{
	if (strcmp(manager, "cri-o") == 0)
		return CONTAINER_CRIO;
	return strcmp(manager, "libpod") == 0 ? CONTAINER_PODMAN : CONTAINER_RUNTIME_UNKNOWN;
}

// Why the image is not known.
static void say_missing(const struct container_sources *sources, const struct reading *reading,
			struct container *container)
{
	const char *why = "the files of its runtime do not tell";
	if (container->image[0])
		return;
	if (!reading->has_file)
		why = sources->denied
			      ? "no permission to read the files of its runtime"
			      : "its runtime has no files about it in the usual directories; for "
				"others set " CONTAINER_ROOTS_VARIABLE;
	else if (container->runtime == CONTAINER_RUNC)
		why = "runc keeps none";
	else if (reading->failure.code)
		why = reading->failure.message;
	snprintf(container->missing, sizeof container->missing, "image not known: %.200s", why);
}

static void merge_text(char *known, size_t size, const char *found)
{
	if (found[0])
		snprintf(known, size, "%s", found);
}

static void merge(const struct reading *reading, enum container_runtime place_runtime,
		  struct container *container)
{
	const struct container *found = &reading->found;
	merge_text(container->name, sizeof container->name, found->name);
	merge_text(container->image, sizeof container->image, found->image);
	merge_text(container->pod_uid, sizeof container->pod_uid, found->pod_uid);
	merge_text(container->pod_name, sizeof container->pod_name, found->pod_name);
	merge_text(container->pod_namespace, sizeof container->pod_namespace, found->pod_namespace);
	container->is_sandbox = strcmp(reading->container_type, "sandbox") == 0 ||
				strcmp(reading->container_type, "podsandbox") == 0;
	enum container_runtime by_manager = runtime_by_manager(reading->manager);
	if (by_manager != CONTAINER_RUNTIME_UNKNOWN)
		container->runtime = by_manager;
	else if (place_runtime != CONTAINER_RUNTIME_UNKNOWN)
		container->runtime = place_runtime;
	else if (container->runtime == CONTAINER_RUNTIME_UNKNOWN && reading->has_runc)
		container->runtime = CONTAINER_RUNC;
}

// Whether the file is about that container; an empty namespace is any.
static bool is_about(const struct container_source *source, const struct container_key *key)
{
	return strcmp(source->key.id, key->id) == 0 &&
	       (!key->namespace_name[0] ||
		strcmp(source->key.namespace_name, key->namespace_name) == 0 ||
		container_id_is_made_up(key->id));
}

void container_read(const struct container_sources *sources, const struct container_key *key,
		    struct container *container, struct container_claims *claims)
{
	_cleanup_free_ struct reading *reading = alloc_zero(sizeof *reading);
	struct container_key full = *key; // with the namespace, for the files about all containers
	enum container_runtime runtime = CONTAINER_RUNTIME_UNKNOWN;
	VEC_FOREACH (source, &sources->files) {
		bool shared = !source->key.id[0];
		if (!shared && !is_about(source, key))
			continue;
		if (!shared && !full.namespace_name[0])
			strcpy(full.namespace_name, source->key.namespace_name);
		if (!shared && runtime == CONTAINER_RUNTIME_UNKNOWN)
			runtime = source->place->runtime;
		read_source(reading, source, &full);
	}
	strcpy(container->id, full.id);
	strcpy(container->namespace_name, full.namespace_name);
	// Docker runs its containers by a containerd, in a namespace of its own.
	if (runtime == CONTAINER_CONTAINERD && strcmp(full.namespace_name, "moby") == 0)
		runtime = CONTAINER_DOCKER;
	merge(reading, runtime, container);
	say_missing(sources, reading, container);
	*claims = reading->claims;
}

// `path` is `below` or a directory above it.
static bool is_above(const char *path, const char *below)
{
	size_t length = strlen(path);
	return length > 1 && strncmp(path, below, length) == 0 &&
	       (below[length] == '/' || !below[length]);
}

// runc and systemd: "SLICE:PREFIX:NAME" is the scope PREFIX-NAME.scope.
static bool scope_fits(const char *cgroups_path, const char *cgroup_name)
{
	char scope[PATH_MAX];
	const char *prefix = strchr(cgroups_path, ':');
	const char *name = prefix ? strchr(prefix + 1, ':') : NULL;
	if (!name || !name[1])
		return false;
	int length = snprintf(scope, sizeof scope, "/%.*s%s%s.scope", (int)(name - prefix - 1),
			      prefix + 1, name > prefix + 1 ? "-" : "", name + 1);
	const char *found = (size_t)length < sizeof scope ? strstr(cgroup_name, scope) : NULL;
	return found && (!found[length] || found[length] == '/');
}

bool container_claims_fit(const struct container_claims *claims, const char *cgroup_path,
			  const char *cgroup_name)
{
	static const char *const mounts[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
	if (is_above(claims->cgroup, cgroup_path))
		return true;
	// As the runtime saw it, where this process sees the hierarchy elsewhere.
	for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++)
		if (is_above(mounts[i], claims->cgroup) &&
		    is_above(claims->cgroup + strlen(mounts[i]), cgroup_name))
			return true;
	if (claims->cgroup[0] || !claims->cgroups_path[0])
		return false;
	return is_above(claims->cgroups_path, cgroup_name) ||
	       scope_fits(claims->cgroups_path, cgroup_name);
}
