// SPDX-License-Identifier: Apache-2.0
// What container_find says, as lines "KEY VALUE", for the tests on real containers.
#include <stdio.h>
#include <stdlib.h>

#include "system/container.h"

int main(int argc, char **argv)
{
	static struct container_roots roots;
	static struct container found;
	struct error error = {0};
	if (argc != 2 || !container_roots_init(&roots, getenv(CONTAINER_ROOTS_VARIABLE), &error) ||
	    !container_find(&roots, argv[1], &found, &error)) {
		fprintf(stderr, "%s\n%s\n", error.message, error.hint);
		return 1;
	}
	printf("id %s\nruntime %s\nnamespace %s\nname %s\nimage %s\n", found.id,
	       container_runtime_name(found.runtime), found.namespace_name, found.name,
	       found.image);
	printf("missing %s\ncgroup %s\nmain_pid %d\n", found.missing, found.cgroup_path,
	       (int)found.main_pid);
	return 0;
}
