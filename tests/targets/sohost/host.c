// SPDX-License-Identifier: Apache-2.0
// A C program without any Go. It opens the library that lies beside it, under its own name with
// ".so", which is Go, and becomes it.
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	char path[PATH_MAX + 8];
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
	if (length < 0)
		return 1;
	snprintf(path + length, sizeof path - (size_t)length, ".so");
	void *library = dlopen(path, RTLD_NOW);
	void (*run)(void) = NULL;
	if (library)
		*(void **)&run = dlsym(library, "RunMain");
	if (!run) {
		fprintf(stderr, "host: %s\n", dlerror());
		return 1;
	}
	run();
	return 0;
}
