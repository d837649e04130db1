// SPDX-License-Identifier: Apache-2.0
#include "lab.h"

#include <string.h>

#include "system/container.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void expect(const char *text, const char *runtime, const char *pod)
{
	struct container container;
	assert_true(container_parse(text, &container));
	assert_string_equal(ID, container.id);
	assert_string_equal(runtime, container_runtime_name(container.runtime));
	assert_string_equal(pod, container.pod_uid);
}

static void known_patterns_are_found(void **state)
{
	(void)state;
	const char *pod = "11111111-2222-3333-4444-555555555555";
	expect("4:memory:/docker/" ID "\n", "docker", "");
	expect("0::/system.slice/docker-" ID ".scope\n", "docker", "");
	expect("0::/machine.slice/libpod-" ID ".scope/container\n", "podman", "");
	expect("9:cpu:/\n4:memory:/kubepods/burstable/pod11111111-2222-3333-4444-555555555555/" ID
	       "\n",
	       "unknown", pod);
	expect("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-"
	       "pod11111111_2222_3333_4444_555555555555.slice/cri-containerd-" ID ".scope\n",
	       "containerd", pod);
	expect("0::/kubepods.slice/crio-" ID ".scope\n", "cri-o", "");
}

static void others_are_not(void **state)
{
	(void)state;
	struct container container;
	assert_false(container_parse("0::/user.slice/user-0.slice\n", &container));
	assert_false(container_parse("0::/docker/" ID "0\n", &container)); // 65 digits
	assert_false(container_parse("0::/docker/0123\n", &container));
	assert_false(container_parse("", &container));
}

static bool parse(const char *text, struct error *error)
{
	struct container container;
	return container_parse(text, &container) || error_set(error, ERROR_NOT_FOUND, "none");
}

static void a_cut_line_counts_for_nothing(void **state)
{
	(void)state;
	lab_cut("0::/kubepods/pod11111111-2222-3333-4444-555555555555/" ID "\n", parse);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_patterns_are_found),
		cmocka_unit_test(others_are_not),
		cmocka_unit_test(a_cut_line_counts_for_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
