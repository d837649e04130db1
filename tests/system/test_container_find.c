// SPDX-License-Identifier: Apache-2.0
// On trees of files as the runtimes write them. Real runtimes: e2e/test_containers.py.
#include "lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "system/container.h"

#define DOCKER  "d0c0000000000000000000000000000000000000000000000000000000000001"
#define TWIN    "d0c0000000000000000000000000000000000000000000000000000000000002"
#define STOPPED "d0cdead000000000000000000000000000000000000000000000000000000003"
#define CRI     "c410000000000000000000000000000000000000000000000000000000000001"
#define SANDBOX "c410000000000000000000000000000000000000000000000000000000000002"
#define CRIO    "c410ff0000000000000000000000000000000000000000000000000000000001"
#define PODMAN  "90d0000000000000000000000000000000000000000000000000000000000001"
#define POD_UID "11111111-2222-3333-4444-555555555555"

enum { PID = 77, OTHER_PID = 78 };

struct host {
	struct lab_dir dir;
	struct container_roots roots;
	char proc[128], mountinfo[128];
	struct container found;
};

__attribute__((format(printf, 3, 4))) static void put(const struct host *host, const char *name,
						      const char *format, ...)
{
	char text[4096];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	lab_dir_write(&host->dir, name, text);
}

static void put_cgroup(const struct host *host, const char *name, const char *pids)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "cg/%s/memory.usage_in_bytes", name);
	put(host, path, "1\n");
	snprintf(path, sizeof path, "cg/%s/memory.limit_in_bytes", name);
	put(host, path, "2\n");
	snprintf(path, sizeof path, "cg/%s/cgroup.procs", name);
	put(host, path, "%s", pids);
}

static void put_process(const struct host *host, pid_t pid, const char *cgroup)
{
	char path[64];
	snprintf(path, sizeof path, "proc/%d/cgroup", (int)pid);
	put(host, path, "5:cpu:/\n4:memory:%s\n", cgroup);
}

// The files of one status and stat that container_main_pid looks at.
static void put_status(const struct host *host, pid_t pid, const char *ns_pids, int start)
{
	char path[64];
	snprintf(path, sizeof path, "proc/%d/status", (int)pid);
	put(host, path, "Name:\ta\nState:\tS (sleeping)\nNSpid:\t%s\n", ns_pids);
	snprintf(path, sizeof path, "proc/%d/stat", (int)pid);
	put(host, path,
	    "%d (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 "
	    "0 0 0 0 0 0 0 0 0 0 0 0 0\n",
	    (int)pid, start);
}

static int setup(void **state)
{
	static const char *const names[CONTAINER_ROOT_COUNT] = {
		"docker", "docker-run", "containerd", "containerd-state",
		"runc",   "storage",    "storage-run"};
	struct host *host = alloc_zero(sizeof *host);
	lab_dir_make(&host->dir);
	for (int i = 0; i < CONTAINER_ROOT_COUNT; i++)
		snprintf(host->roots.paths[i][0], sizeof host->roots.paths[i][0], "%s/%s",
			 host->dir.path, names[i]);
	snprintf(host->proc, sizeof host->proc, "%s/proc", host->dir.path);
	snprintf(host->mountinfo, sizeof host->mountinfo, "%s/mountinfo", host->dir.path);
	host->roots.proc = host->proc;
	host->roots.mountinfo = host->mountinfo;
	put(host, "mountinfo", "36 35 98:0 / %s/cg rw - cgroup cgroup rw,memory\n", host->dir.path);
	put_process(host, getpid(), "/");
	put_cgroup(host, ".", "");
	*state = host;
	return 0;
}

static int teardown(void **state)
{
	struct host *host = *state;
	lab_dir_remove(&host->dir);
	free(host);
	return 0;
}

static bool of_process(struct host *host, pid_t pid)
{
	memset(&host->found, 0, sizeof host->found);
	struct container_sources *sources = container_sources_open(&host->roots, pid);
	bool found = sources && container_sources_read(sources, &host->found);
	container_sources_close(sources);
	return found;
}

static bool find(struct host *host, const char *wanted, struct error *error)
{
	memset(&host->found, 0, sizeof host->found);
	return container_find(&host->roots, wanted, &host->found, error);
}

static void expect_cgroup(const struct host *host, const char *name)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/cg/%s", host->dir.path, name);
	assert_string_equal(path, host->found.cgroup_path);
}

static void put_docker(const struct host *host, const char *id, const char *name)
{
	char path[256];
	snprintf(path, sizeof path, "docker/containers/%s/config.v2.json", id);
	put(host, path,
	    "{\"ID\":\"%s\",\"Name\":\"/%s\",\"State\":{\"Pid\":1},\"Config\":{\"Image\":"
	    "\"example.com/%s:1.2\"}}",
	    id, name, name);
}

static void docker_is_read(void **state)
{
	struct host *host = *state;
	put_docker(host, DOCKER, "shop");
	put_docker(host, TWIN, "desk");
	put_docker(host, STOPPED, "gone");
	put_cgroup(host, "docker/" DOCKER, "");
	put_cgroup(host, "docker/" TWIN, "");
	put_process(host, PID, "/docker/" DOCKER);
	assert_true(of_process(host, PID));
	assert_string_equal(DOCKER, host->found.id);
	assert_string_equal("shop", host->found.name);
	assert_string_equal("example.com/shop:1.2", host->found.image);
	assert_string_equal("", host->found.missing);
	assert_int_equal(CONTAINER_DOCKER, host->found.runtime);
	for (size_t i = 0; i < 3; i++) {
		const char *wanted[] = {DOCKER, "shop", "docker://" DOCKER};
		assert_ok(find(host, wanted[i], &error));
		assert_string_equal(DOCKER, host->found.id);
		assert_string_equal("example.com/shop:1.2", host->found.image);
		expect_cgroup(host, "docker/" DOCKER);
	}
}

static void what_fits_twice_is_listed(void **state)
{
	struct host *host = *state;
	struct error failure = {0};
	put_docker(host, DOCKER, "shop");
	put_docker(host, STOPPED, "gone");
	put_cgroup(host, "docker/" DOCKER, "");
	put_cgroup(host, "docker/" TWIN, "");
	assert_false(find(host, "d0c", &failure));
	assert_int_equal(ERROR_USAGE, failure.code);
	assert_non_null(
		strstr(failure.message, "2 containers fit d0c: d0c000000000, d0c000000000"));
	assert_false(find(host, "d0cdead", &failure)); // does not run
	assert_int_equal(ERROR_NOT_FOUND, failure.code);
	assert_non_null(strstr(failure.message, STOPPED " does not run"));
	assert_error(ERROR_NOT_FOUND, find(host, "nothing", &error));
	assert_error(ERROR_USAGE, find(host, "", &error));
	for (int i = 0; i < 20; i++) {
		char name[128];
		snprintf(name, sizeof name, "docker/d1%062d", i);
		put_cgroup(host, name, "");
	}
	assert_false(find(host, "d1", &failure));
	assert_non_null(strstr(failure.message, "20 containers fit d1"));
	assert_non_null(strstr(failure.message, "and 14 more"));
}

static void put_task(const struct host *host, const char *space, const char *id,
		     const char *annotations)
{
	char path[512];
	snprintf(path, sizeof path,
		 "containerd-state/io.containerd.runtime.v2.task/%s/%s/config.json", space, id);
	put(host, path, "{\"ociVersion\":\"1.0\",\"annotations\":{%s}}", annotations);
}

static void pods_of_containerd_are_read(void **state)
{
	struct host *host = *state;
	const char *pod = "kubepods.slice/kubepods-pod11111111_2222_3333_4444_555555555555.slice/";
	char name[512];
#define IN_POD                                            \
	"\"io.kubernetes.cri.sandbox-name\":\"shop-7f\"," \
	"\"io.kubernetes.cri.sandbox-namespace\":\"prod\","
	put_task(host, "k8s.io", CRI,
		 IN_POD "\"io.kubernetes.cri.image-name\":\"example.com/shop:1.2\","
			"\"io.kubernetes.cri.container-name\":\"app\","
			"\"io.kubernetes.cri.container-type\":\"container\"");
	put_task(host, "k8s.io", SANDBOX,
		 IN_POD "\"io.kubernetes.cri.container-name\":\"app\","
			"\"io.kubernetes.cri.container-type\":\"sandbox\"");
	snprintf(name, sizeof name, "%scri-containerd-" CRI ".scope", pod);
	put_cgroup(host, name, "");
	snprintf(name, sizeof name, "/%scri-containerd-" CRI ".scope", pod);
	put_process(host, PID, name);
	snprintf(name, sizeof name, "%scri-containerd-" SANDBOX ".scope", pod);
	put_cgroup(host, name, "");
	assert_true(of_process(host, PID));
	assert_string_equal("shop-7f", host->found.pod_name);
	assert_string_equal("prod", host->found.pod_namespace);
	assert_string_equal(POD_UID, host->found.pod_uid);
	assert_string_equal("k8s.io", host->found.namespace_name);
	assert_int_equal(CONTAINER_CONTAINERD, host->found.runtime);
	const char *wanted[] = {"app", "shop-7f/app", "prod/shop-7f/app", CRI};
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		assert_ok(find(host, wanted[i], &error));
		assert_string_equal(CRI, host->found.id);
		assert_string_equal("app", host->found.name);
		assert_string_equal("example.com/shop:1.2", host->found.image);
	}
	assert_error(ERROR_NOT_FOUND, find(host, "other/shop-7f/app", &error));
}

static void crio_and_podman_are_read(void **state)
{
	struct host *host = *state;
	put(host, "storage-run/overlay-containers/" CRIO "/userdata/config.json",
	    "{\"annotations\":{\"io.container.manager\":\"cri-o\",\"io.kubernetes.cri-o.ImageName\":"
	    "\"quay.io/shop:3\",\"io.kubernetes.container.name\":\"web\",\"io.kubernetes.pod.name\":"
	    "\"web-0\",\"io.kubernetes.pod.namespace\":\"prod\",\"io.kubernetes.pod.uid\":\"" POD_UID
	    "\"}}");
	put(host, "storage/overlay-containers/containers.json",
	    "[{\"id\":\"%s\"},{\"id\":\"%s\",\"names\":[\"box\"],\"image\":\"5e0f\",\"metadata\":"
	    "\"{\\\"image-name\\\":\\\"docker.io/busybox:1\\\",\\\"name\\\":\\\"box\\\"}\"}]",
	    TWIN, PODMAN);
	put_cgroup(host, "kubepods/crio-" CRIO ".scope", "");
	put_cgroup(host, "kubepods/crio-conmon-" CRIO ".scope", "");
	put_cgroup(host, "machine.slice/libpod-conmon-" PODMAN ".scope", "");
	put_cgroup(host, "machine.slice/libpod-" PODMAN ".scope/container", "");
	put_cgroup(host, "machine.slice/libpod-" PODMAN ".scope", "");
	assert_ok(find(host, "web", &error));
	assert_int_equal(CONTAINER_CRIO, host->found.runtime);
	assert_string_equal("quay.io/shop:3", host->found.image);
	assert_string_equal(POD_UID, host->found.pod_uid);
	expect_cgroup(host, "kubepods/crio-" CRIO ".scope");
	assert_ok(find(host, "box", &error));
	assert_int_equal(CONTAINER_PODMAN, host->found.runtime);
	assert_string_equal("docker.io/busybox:1", host->found.image);
	expect_cgroup(host, "machine.slice/libpod-" PODMAN ".scope");
	put_process(host, PID, "/machine.slice/libpod-" PODMAN ".scope/container");
	assert_true(of_process(host, PID));
	assert_string_equal("box", host->found.name);
	put_process(host, PID, "/machine.slice/libpod-conmon-" PODMAN ".scope");
	assert_false(of_process(host, PID)); // its monitor is outside
}

static void runc_takes_any_cgroup(void **state)
{
	struct host *host = *state;
	put(host, "runc/job/state.json",
	    "{\"cgroup_paths\":{\"cpu\":\"/x\",\"memory\":\"%s/cg/batch/one\"}}", host->dir.path);
	put(host, "runc/far/state.json",
	    "{\"cgroup_paths\":{\"memory\":\"/sys/fs/cgroup/memory/batch/two\"}}");
	put_cgroup(host, "batch/one", "77\n78\n79\n");
	put_cgroup(host, "batch/two", "");
	put_process(host, PID, "/batch/one");
	put_process(host, OTHER_PID, "/batch");
	put_status(host, 77, "77\t5", 10);
	put_status(host, 78, "78\t1", 30);
	put_status(host, 79, "79", 5);
	assert_true(of_process(host, PID));
	assert_string_equal("job", host->found.id);
	assert_int_equal(CONTAINER_RUNC, host->found.runtime);
	assert_string_equal("image not known: runc keeps none", host->found.missing);
	assert_false(of_process(host, OTHER_PID));
	put_process(host, OTHER_PID, "/batch/two/below");
	assert_true(of_process(host, OTHER_PID));
	assert_string_equal("far", host->found.id);
	assert_ok(find(host, "job", &error));
	expect_cgroup(host, "batch/one");
	assert_int_equal(78, host->found.main_pid); // the first of its pid namespace
	put_status(host, 78, "78", 30);
	assert_ok(find(host, "jo", &error));
	assert_int_equal(79, host->found.main_pid); // the oldest
	assert_ok(find(host, "far", &error));
	expect_cgroup(host, "batch/two");
	assert_int_equal(0, host->found.main_pid);
}

static void scopes_of_systemd_are_found(void **state)
{
	struct host *host = *state;
	put(host, "containerd-state/io.containerd.runtime.v2.task/shop/one/config.json",
	    "{\"linux\":{\"cgroupsPath\":\"system.slice:nerdctl:one\"}}");
	put_cgroup(host, "system.slice/nerdctl-one.scope", "");
	put_process(host, PID, "/system.slice/nerdctl-one.scope");
	put_process(host, OTHER_PID, "/system.slice/nerdctl-one.scope.d");
	assert_true(of_process(host, PID));
	assert_string_equal("one", host->found.id);
	assert_string_equal("image not known: the files of its runtime do not tell",
			    host->found.missing);
	assert_false(of_process(host, OTHER_PID));
	assert_ok(find(host, "shop/one", &error));
	expect_cgroup(host, "system.slice/nerdctl-one.scope");
}

static void one_id_in_two_namespaces_is_two(void **state)
{
	struct host *host = *state;
	struct error failure = {0};
	put_cgroup(host, "a/web", "");
	put_cgroup(host, "b/web", "");
	put(host, "containerd-state/io.containerd.runtime.v2.task/a/web/config.json",
	    "{\"linux\":{\"cgroupsPath\":\"/a/web\"}}");
	put(host, "containerd-state/io.containerd.runtime.v2.task/b/web/config.json",
	    "{\"linux\":{\"cgroupsPath\":\"/b/web\"}}");
	put_process(host, PID, "/b/web");
	assert_true(of_process(host, PID));
	assert_string_equal("b", host->found.namespace_name);
	assert_false(find(host, "web", &failure));
	assert_non_null(strstr(failure.message, "a/web"));
	assert_non_null(strstr(failure.message, "b/web"));
	assert_ok(find(host, "b/web", &error));
	expect_cgroup(host, "b/web");
}

static void cgroup_v2_is_walked(void **state)
{
	struct host *host = *state;
	char path[PATH_MAX];
	put(host, "mountinfo", "36 35 0:30 / %s/cg rw - cgroup2 cgroup2 rw\n", host->dir.path);
	snprintf(path, sizeof path, "proc/%d/cgroup", (int)getpid());
	put(host, path, "0::/\n");
	put(host, "proc/77/cgroup", "0::/batch/one\n");
	put(host, "runc/job/state.json", "{\"cgroup_paths\":{\"\":\"/sys/fs/cgroup/batch/one\"}}");
	put_docker(host, DOCKER, "shop");
	const char *names[] = {".", "batch", "batch/one", "system.slice/docker-" DOCKER ".scope"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "cg/%s/memory.stat", names[i]);
		put(host, path, "anon 1\n");
		snprintf(path, sizeof path, "cg/%s/cgroup.procs", names[i]);
		put(host, path, "%s", "");
	}
	snprintf(path, sizeof path, "%s/cg/memory.limit_in_bytes", host->dir.path);
	assert_int_equal(0, unlink(path));
	assert_true(of_process(host, PID));
	assert_string_equal("job", host->found.id);
	assert_ok(find(host, "job", &error));
	expect_cgroup(host, "batch/one");
	assert_ok(find(host, "shop", &error));
	expect_cgroup(host, "system.slice/docker-" DOCKER ".scope");
}

static void claims_are_checked(void **state)
{
	static const char *const claims[] = {"/etc",
					     "/sys/fs/cgroup/memory",
					     "/sys/fs/cgroup/memory/",
					     "/sys/fs/cgroup/memory/../../../../etc",
					     "relative",
					     "",
					     "/sys/fs/cgroup/memory/not-there"};
	struct host *host = *state;
	put_cgroup(host, "etc", "");
	for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
		put(host, "runc/job/state.json", "{\"cgroup_paths\":{\"memory\":\"%s\"}}",
		    claims[i]);
		assert_error(ERROR_NOT_FOUND, find(host, "job", &error));
	}
}

static void bad_files_leave_the_id(void **state)
{
	static const char *const texts[] = {
		"",         "{",
		"[]",       "{\"Name\":7,\"Config\":[]}",
		"\xff\xfe", "{\"Name\":null,\"Config\":{\"Image\":{}}}"};
	struct host *host = *state;
	char path[PATH_MAX];
	put_process(host, PID, "/docker/" DOCKER);
	assert_true(of_process(host, PID));
	assert_non_null(strstr(host->found.missing, "no files about it"));
	assert_int_equal(CONTAINER_DOCKER, host->found.runtime);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		put(host, "docker/containers/" DOCKER "/config.v2.json", "%s", texts[i]);
		assert_true(of_process(host, PID));
		assert_string_equal(DOCKER, host->found.id);
		assert_string_equal("", host->found.image);
		assert_non_null(strstr(host->found.missing, "image not known: "));
	}
	// Nothing that blocks, and no link to elsewhere.
	snprintf(path, sizeof path, "%s/docker/containers/" DOCKER "/config.v2.json",
		 host->dir.path);
	assert_int_equal(0, unlink(path));
	assert_int_equal(0, mkfifo(path, 0644));
	assert_true(of_process(host, PID));
	assert_int_equal(0, unlink(path));
	put_docker(host, TWIN, "desk");
	assert_int_equal(0, symlink("../" TWIN "/config.v2.json", path));
	assert_true(of_process(host, PID));
	assert_string_equal("", host->found.name);
}

static void long_texts_are_cut(void **state)
{
	struct host *host = *state;
	char text[2000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	put(host, "docker/containers/" DOCKER "/config.v2.json",
	    "{\"Name\":\"%.1500s\",\"Config\":{\"Image\":\"%s\"}}", text, text);
	put_process(host, PID, "/docker/" DOCKER);
	assert_true(of_process(host, PID));
	assert_int_equal(sizeof host->found.name - 1, strlen(host->found.name));
	assert_int_equal(sizeof host->found.image - 1, strlen(host->found.image));
}

static void the_environment_names_directories(void **state)
{
	static struct container_roots roots;
	(void)state;
	assert_ok(container_roots_init(&roots, "docker=/a:runc=/b::docker=/c", &error));
	assert_string_equal("/a", roots.paths[CONTAINER_ROOT_DOCKER][0]);
	assert_string_equal("/c", roots.paths[CONTAINER_ROOT_DOCKER][1]);
	assert_string_equal("/var/lib/docker", roots.paths[CONTAINER_ROOT_DOCKER][2]);
	assert_string_equal("/b", roots.paths[CONTAINER_ROOT_RUNC][0]);
	const char *bad[] = {"docker", "docker=", "docker=a", "podman=/a", "=/a", "docker-=/a"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_error(ERROR_USAGE, container_roots_init(&roots, bad[i], &error));
}

int main(void)
{
#define ON_A_HOST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ON_A_HOST(docker_is_read),
		ON_A_HOST(what_fits_twice_is_listed),
		ON_A_HOST(pods_of_containerd_are_read),
		ON_A_HOST(crio_and_podman_are_read),
		ON_A_HOST(runc_takes_any_cgroup),
		ON_A_HOST(scopes_of_systemd_are_found),
		ON_A_HOST(one_id_in_two_namespaces_is_two),
		ON_A_HOST(cgroup_v2_is_walked),
		ON_A_HOST(claims_are_checked),
		ON_A_HOST(bad_files_leave_the_id),
		ON_A_HOST(long_texts_are_cut),
		cmocka_unit_test(the_environment_names_directories),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
