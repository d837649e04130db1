// SPDX-License-Identifier: Apache-2.0
// In: directories of seeds. Out: each file of them given to the fuzz target once, as a test. Fails
// when a directory is missing or empty, so that seeds cannot get lost unseen.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "fuzz.h"

enum { SEED_MAX_BYTES = 1 << 20 };

static bool replay_file(int dir_fd, const char *name, struct error *error)
{
	size_t size;
	_cleanup_free_ char *data = NULL;
	if (!file_read_path(dir_fd, name, SEED_MAX_BYTES, &data, &size, error))
		return false;
	// A copy of just that size: a read behind its end is seen by the sanitizer.
	_cleanup_free_ uint8_t *exact = malloc(size + !size);
	memcpy(exact, data, size);
	LLVMFuzzerTestOneInput(exact, size);
	return true;
}

static bool replay_directory(const char *path, size_t *count, struct error *error)
{
	DIR *directory = opendir(path);
	bool ok = directory || error_set_os(error, errno, "cannot open %s", path);
	struct dirent *entry;
	while (ok && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		ok = replay_file(dirfd(directory), entry->d_name, error);
		*count += 1;
	}
	if (directory)
		closedir(directory);
	return ok && (*count || error_set(error, ERROR_NOT_FOUND, "no seeds in %s", path));
}

int main(int count, char **arguments)
{
	struct error error;
	for (int i = 1; i < count; i++) {
		size_t seeds = 0;
		if (!replay_directory(arguments[i], &seeds, &error)) {
			fprintf(stderr, "%s\n", error.message);
			return EXIT_FAILURE;
		}
		printf("%s: %zu seeds\n", arguments[i], seeds);
	}
	return count > 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
