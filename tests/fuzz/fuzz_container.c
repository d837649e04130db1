// SPDX-License-Identifier: Apache-2.0
// The files that container runtimes keep. The first byte says which one it is.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "system/container_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct container_key key = {.namespace_name = "shop", .id = "one"};
	struct container_sources sources = {0};
	struct container container = {0};
	struct container_claims claims;
	if (size == 0)
		return 0;
	struct container_place place = {
		.pattern = "a file",
		.file = data[0] == 'd'   ? CONTAINER_FILE_DOCKER
			: data[0] == 'o' ? CONTAINER_FILE_OCI
			: data[0] == 'r' ? CONTAINER_FILE_RUNC
					 : CONTAINER_FILE_STORAGE,
	};
	int fd = memfd_create("file", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)(size - 1))
		abort();
	vec_push(&sources.files, {.place = &place, .fd = fd});
	if (place.file != CONTAINER_FILE_STORAGE)
		sources.files.items[0].key = key;
	container_read(&sources, &key, &container, &claims);
	(void)container_claims_fit(&claims, "/sys/fs/cgroup/memory/shop/one", "/shop/one");
	if (!container.image[0] == !container.missing[0])
		abort(); // it is known, or it says why not
	container_sources_deinit(&sources);
	return 0;
}
