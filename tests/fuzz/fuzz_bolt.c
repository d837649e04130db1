// SPDX-License-Identifier: Apache-2.0
// The database of containerd. The checksum of the first meta page is put right, so that an input
// gets as far as the pages.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "system/bolt.h"

enum { META = 16, SUM = META + 56, SIZE_MAX_TRIED = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const path[] = {"v1", "shop", "containers", "one", "image"};
	struct error error = {0};
	char value[64];
	uint64_t sum = 0xcbf29ce484222325;
	if (size < SUM + 8 || size > SIZE_MAX_TRIED)
		return 0;
	_cleanup_free_ uint8_t *copy = malloc(size);
	_cleanup_close_ int fd = memfd_create("bolt", MFD_CLOEXEC);
	memcpy(copy, data, size);
	for (size_t i = META; i < SUM; i++)
		sum = (sum ^ copy[i]) * 0x100000001b3;
	memcpy(copy + SUM, &sum, sizeof sum);
	if (fd < 0 || write(fd, copy, size) != (ssize_t)size)
		abort();
	for (size_t count = 1; count <= sizeof path / sizeof path[0]; count++)
		if (!bolt_get(fd, path, count, value, sizeof value, &error) &&
		    (!error.code || !error.message[0]))
			abort();
	return 0;
}
