// SPDX-License-Identifier: Apache-2.0
// In: an id, the beginning of one, or a name. Out: the running container, its cgroup and process.
#include "system/container_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "system/cgroup.h"
#include "system/scout.h"

enum {
	CANDIDATES_MAX = 5000,
	BATCH = 32, // containers whose files are open at a time
	SHOWN_MAX = 6,
	SHORT_ID = 12,
};

struct candidate {
	struct container_key key;
	char *cgroup; // of an id that was made up: NULL where it does not run
};

struct search {
	const struct container_roots *roots;
	const char *wanted;
	struct cgroup_place *top;
	VEC(struct candidate) list;
	bool denied, too_many;
};

// What a scout tells of a batch.
struct answer {
	bool fits;
	struct container container;
	struct container_claims claims;
};

struct batch {
	const struct search *search;
	const struct container_sources *sources;
	struct container_key keys[BATCH];
	size_t indexes[BATCH], count;
};

// What fits, to be listed where it is not one.
struct matches {
	size_t count, first;
	int shown; // digits of an id
	struct strbuf list;
};

static void search_deinit(struct search *search)
{
	VEC_FOREACH (candidate, &search->list)
		free(candidate->cgroup);
	vec_deinit(&search->list);
	free(search->top);
}

static struct candidate *add_candidate(struct search *search, const struct container_key *key)
{
	VEC_FOREACH (candidate, &search->list)
		if (container_key_equal(&candidate->key, key))
			return candidate;
	if (search->list.count >= CANDIDATES_MAX) {
		search->too_many = true;
		return NULL;
	}
	return vec_push(&search->list, {.key = *key});
}

static bool see_cgroup(void *context, const char *path, const char *name)
{
	struct container_key key = {0};
	if (!container_id_in(name, key.id))
		return true;
	struct candidate *candidate = add_candidate(context, &key);
	if (candidate && !candidate->cgroup)
		candidate->cgroup = alloc_string(path);
	return true;
}

static void see_place(void *context, const struct container_place *place,
		      const struct container_key *key)
{
	(void)place;
	(void)add_candidate(context, key);
}

static bool is_running(const struct candidate *candidate)
{
	return candidate->cgroup || !container_id_is_made_up(candidate->key.id);
}

static bool id_is(const struct container_key *key, const char *wanted)
{
	size_t length = strlen(key->namespace_name);
	return strcmp(key->id, wanted) == 0 ||
	       (length && strncmp(wanted, key->namespace_name, length) == 0 &&
		wanted[length] == '/' && strcmp(wanted + length + 1, key->id) == 0);
}

static bool id_begins(const struct container_key *key, const char *wanted)
{
	return strncmp(key->id, wanted, strlen(wanted)) == 0;
}

// As the runtimes' lists show ids, and more where that is what fits.
static int shown_length(const char *wanted)
{
	size_t length = strlen(wanted) + 4;
	return length < SHORT_ID              ? SHORT_ID
	       : length > CONTAINER_ID_LENGTH ? CONTAINER_ID_LENGTH
					      : (int)length;
}

static void add_match(struct matches *matches, size_t index, const struct container_key *key,
		      const struct container *container)
{
	struct strbuf *list = &matches->list;
	if (!matches->count)
		matches->first = index;
	if (matches->count++ >= SHOWN_MAX)
		return;
	strbuf_add(list, list->length ? ", " : "");
	if (container && container->pod_name[0])
		strbuf_addf(list, "%.64s/%.64s/", container->pod_namespace, container->pod_name);
	if (container && container->name[0])
		strbuf_addf(list, "%.40s=", container->name);
	if (container_id_is_made_up(key->id))
		strbuf_addf(list, "%.*s", matches->shown, key->id);
	else
		strbuf_addf(list, "%.40s%s%.40s", key->namespace_name,
			    key->namespace_name[0] ? "/" : "", key->id);
}

static void match_ids(const struct search *search,
		      bool (*fits)(const struct container_key *key, const char *wanted),
		      struct matches *matches)
{
	for (size_t i = 0; i < search->list.count; i++)
		if (is_running(&search->list.items[i]) &&
		    fits(&search->list.items[i].key, search->wanted))
			add_match(matches, i, &search->list.items[i].key, NULL);
}

// NAME, POD/NAME or NAMESPACE/POD/NAME.
static bool name_is(const struct container *container, const char *wanted)
{
	char name[3 * CONTAINER_NAME_MAX + 3];
	if (!container->name[0] || container->is_sandbox)
		return false;
	snprintf(name, sizeof name, "%s/%s/%s", container->pod_namespace, container->pod_name,
		 container->name);
	return strcmp(wanted, container->name) == 0 ||
	       (container->pod_name[0] &&
		(strcmp(wanted, name) == 0 ||
		 strcmp(wanted, name + strlen(container->pod_namespace) + 1) == 0));
}

// In a scout.
static bool read_batch(void *context, void *output, struct error *error)
{
	const struct batch *batch = context;
	struct answer *answers = output;
	(void)error;
	for (size_t i = 0; i < batch->count; i++) {
		container_read(batch->sources, &batch->keys[i], &answers[i].container,
			       &answers[i].claims);
		answers[i].fits = name_is(&answers[i].container, batch->search->wanted);
	}
	return true;
}

// What a scout tells is foreign: end its texts and keep what we know ourselves.
static void tame(struct answer *answer, const struct container_key *key)
{
	struct container *container = &answer->container;
	char *const texts[] = {container->name,          container->image,
			       container->pod_uid,       container->pod_name,
			       container->missing,       container->pod_namespace,
			       answer->claims.cgroup,    answer->claims.cgroups_path,
			       container->namespace_name};
	const size_t sizes[] = {sizeof container->name,          sizeof container->image,
				sizeof container->pod_uid,       sizeof container->pod_name,
				sizeof container->missing,       sizeof container->pod_namespace,
				sizeof answer->claims.cgroup,    sizeof answer->claims.cgroups_path,
				sizeof container->namespace_name};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		texts[i][sizes[i] - 1] = '\0';
	strcpy(container->id, key->id);
	container->cgroup_path[0] = '\0';
	container->main_pid = 0;
}

static bool ask_batch(struct search *search, struct batch *batch, struct answer *answers,
		      struct error *error)
{
	struct container_sources *sources = alloc_zero(sizeof *sources);
	for (size_t i = 0; i < batch->count; i++)
		container_places_open(search->roots, &batch->keys[i], sources);
	batch->search = search;
	batch->sources = sources;
	search->denied = search->denied || sources->denied;
	bool ok = scout_run(read_batch, batch, answers, batch->count * sizeof *answers, error);
	for (size_t i = 0; ok && i < batch->count; i++)
		tame(&answers[i], &batch->keys[i]);
	container_sources_close(sources);
	return ok;
}

// A container whose files end the scout that reads them has no name; the others keep theirs.
static void ask_one_by_one(struct search *search, const struct batch *batch, struct answer *answers)
{
	_cleanup_free_ struct batch *one = alloc_zero(sizeof *one);
	memset(answers, 0, batch->count * sizeof *answers);
	for (size_t i = 0; i < batch->count; i++) {
		one->keys[0] = batch->keys[i];
		one->count = 1;
		(void)!ask_batch(search, one, &answers[i], NULL);
	}
}

static void match_names(struct search *search, struct matches *matches)
{
	_cleanup_free_ struct answer *answers = alloc_array(BATCH, sizeof *answers);
	_cleanup_free_ struct batch *batch = alloc_zero(sizeof *batch);
	for (size_t i = 0; i < search->list.count;) {
		for (batch->count = 0; i < search->list.count && batch->count < BATCH; i++) {
			if (!is_running(&search->list.items[i]))
				continue;
			batch->keys[batch->count] = search->list.items[i].key;
			batch->indexes[batch->count++] = i;
		}
		if (batch->count && !ask_batch(search, batch, answers, NULL))
			ask_one_by_one(search, batch, answers);
		for (size_t j = 0; j < batch->count; j++)
			if (answers[j].fits)
				add_match(matches, batch->indexes[j], &batch->keys[j],
					  &answers[j].container);
	}
}

static bool is_short_id(const char *wanted)
{
	return strspn(wanted, "0123456789abcdef") == strlen(wanted) && strlen(wanted) >= SHORT_ID;
}

static bool not_found(const struct search *search, struct error *error)
{
	for (size_t i = 0; i < search->list.count; i++)
		if (id_begins(&search->list.items[i].key, search->wanted))
			return error_set(error, ERROR_NOT_FOUND,
					 "container %.128s does not run: no memory cgroup bears "
					 "its id",
					 search->list.items[i].key.id);
	error_set(error, ERROR_NOT_FOUND, "there is no running container %.128s", search->wanted);
	if (search->too_many)
		return error_hint(error, "there are too many containers here to look at all of "
					 "them; give the whole id, or --cgroup PATH");
	if (search->denied)
		return error_hint(error, "names stand in files of the container runtime that only "
					 "root may read; run as root, or give the id");
	return error_hint(error,
			  "names are known of docker, containerd, cri-o and podman in their usual "
			  "directories; for others set %s",
			  CONTAINER_ROOTS_VARIABLE);
}

// An id, then a name, then the beginning of an id; what looks like a short id is one first.
static bool choose(struct search *search, struct matches *matches, struct error *error)
{
	match_ids(search, id_is, matches);
	bool ids_first = is_short_id(search->wanted);
	for (int i = 0; i < 2 && !matches->count; i++)
		if ((i == 0) == ids_first)
			match_ids(search, id_begins, matches);
		else
			match_names(search, matches);
	if (!matches->count)
		return not_found(search, error);
	if (matches->count == 1)
		return true;
	size_t more = matches->count > SHOWN_MAX ? matches->count - SHOWN_MAX : 0;
	char rest[32] = "";
	if (more)
		snprintf(rest, sizeof rest, " and %zu more", more);
	return error_set(error, ERROR_USAGE, "%zu containers fit %.64s: %.360s%s", matches->count,
			 search->wanted, matches->list.text, rest);
}

struct scope {
	char name[CONTAINER_NAME_MAX];
	char *path;
};

static bool see_scope(void *context, const char *path, const char *name)
{
	struct scope *scope = context;
	if (strcmp(name, scope->name) == 0)
		scope->path = alloc_string(path);
	return !scope->path;
}

// "SLICE:PREFIX:NAME" is PREFIX-NAME.scope somewhere below the slice.
static bool find_scope(const struct search *search, const char *cgroups_path, char *path)
{
	struct scope scope = {0};
	const char *prefix = strchr(cgroups_path, ':');
	const char *name = prefix ? strchr(prefix + 1, ':') : NULL;
	if (!name || !name[1])
		return false;
	snprintf(scope.name, sizeof scope.name, "%.*s%s%s.scope", (int)(name - prefix - 1),
		 prefix + 1, name > prefix + 1 ? "-" : "", name + 1);
	(void)!container_cgroups_walk(search->top->path, see_scope, &scope);
	if (scope.path)
		snprintf(path, PATH_MAX, "%s", scope.path);
	free(scope.path);
	return path[0];
}

// What is left of a claimed directory below the top of the hierarchy, as we see it or as runtimes
// usually do; NULL when it is not below.
static const char *below_top(const struct search *search, const char *claim)
{
	const char *const tops[] = {search->top->path, "/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
	for (size_t i = 0; i < sizeof tops / sizeof tops[0]; i++) {
		size_t length = strlen(tops[i]);
		if (strncmp(claim, tops[i], length) == 0 && claim[length] == '/')
			return claim + length;
	}
	return NULL;
}

// The claimed cgroup, if it lies in the hierarchy that we see, below its top.
static bool check_claims(const struct search *search, const struct container_claims *claims,
			 char *path)
{
	const char *below =
		claims->cgroup[0] ? below_top(search, claims->cgroup) : claims->cgroups_path;
	if (!below)
		return false;
	if (below[0] != '/')
		return find_scope(search, below, path);
	if (strspn(below, "/") == strlen(below) || strstr(below, "/..") ||
	    strlen(search->top->path) + strlen(below) >= PATH_MAX)
		return false;
	strcpy(path, search->top->path);
	strcat(path, below);
	return true;
}

static bool describe(struct search *search, const struct candidate *chosen,
		     struct container *container, struct error *error)
{
	_cleanup_free_ struct answer *answer = alloc_zero(sizeof *answer);
	_cleanup_free_ struct batch *batch = alloc_zero(sizeof *batch);
	batch->keys[0] = chosen->key;
	batch->count = 1;
	struct container *found = &answer->container;
	struct error failure = {0};
	if (!ask_batch(search, batch, answer, &failure)) {
		memset(answer, 0, sizeof *answer);
		strcpy(found->id, chosen->key.id);
		snprintf(found->missing, sizeof found->missing, "image not known: %.200s",
			 failure.message);
	}
	if (chosen->cgroup)
		snprintf(found->cgroup_path, sizeof found->cgroup_path, "%s", chosen->cgroup);
	else if (!check_claims(search, &answer->claims, found->cgroup_path))
		return error_set(error, ERROR_NOT_FOUND,
				 "the memory cgroup of container %.128s is not known: the files of "
				 "its runtime do not tell",
				 found->id);
	struct cgroup *cgroup;
	if (!cgroup_open(found->cgroup_path, &cgroup, error))
		return error_wrap(error, "container %.128s", found->id);
	cgroup_close(cgroup);
	found->main_pid = container_main_pid(search->roots, found->cgroup_path);
	*container = *found;
	return true;
}

// "docker://ID", as Kubernetes writes ids.
static const char *without_scheme(const char *wanted)
{
	const char *scheme = strstr(wanted, "://");
	return scheme ? scheme + 3 : wanted;
}

bool container_find(const struct container_roots *roots, const char *wanted,
		    struct container *container, struct error *error)
{
	_cleanup_(search_deinit) struct search search = {
		.roots = roots,
		.wanted = without_scheme(wanted),
		.top = alloc_zero(sizeof *search.top),
	};
	struct matches matches = {.shown = shown_length(search.wanted)};
	if (!search.wanted[0])
		return error_set(error, ERROR_USAGE, "give the id or the name of a container");
	if (!cgroup_find_top(roots->proc, roots->mountinfo, search.top, error))
		return false;
	if (!container_cgroups_walk(search.top->path, see_cgroup, &search) ||
	    !container_places_list(roots, see_place, &search))
		search.too_many = true;
	bool ok = choose(&search, &matches, error) &&
		  describe(&search, &search.list.items[matches.first], container, error);
	strbuf_deinit(&matches.list);
	return ok;
}
