// SPDX-License-Identifier: Apache-2.0
// Prints where the runtime's variables are by the symbol table and by the code, for a running Go
// program: `go-symbols PID EXECUTABLE`, a line "NAME TABLE CODE" each, in hexadecimal; 0: not
// found; and "scan", where a scan for buckets finds runtime.mbuckets. For test_symbols.py.
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "golang/bucket_scan.h"
#include "golang/moduledata.h"
#include "golang/runtime.h"
#include "snapshot/convert.h"
#include "system/maps.h"

struct program {
	int memory_fd, exe_fd;
	struct maps maps;
	struct target *target;
	struct elf_image *image;
	struct go_buildinfo info;
};

static void stop(const struct error *error)
{
	fprintf(stderr, "go-symbols: %s\n", error->message);
	exit(1);
}

static int open_file(const char *folder, const char *name)
{
	char path[4096];
	snprintf(path, sizeof path, "%s%s", folder, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static void open_program(struct program *program, const char *pid, const char *exe)
{
	char folder[64];
	struct error error;
	snprintf(folder, sizeof folder, "/proc/%s/", pid);
	int maps_fd = open_file(folder, "maps");
	program->memory_fd = open_file(folder, "mem");
	program->exe_fd = open_file(exe, "");
	if (!maps_read(maps_fd, "maps", &program->maps, &error) ||
	    !elf_image_open(program->exe_fd, &program->image, &error) ||
	    !go_buildinfo_read(program->exe_fd, program->image, &program->info, &error))
		stop(&error);
	close(maps_fd);
	struct mapped_file file = {.path = exe};
	struct target_mapping *mappings = convert_mappings(&program->maps, &file);
	struct target_source source = {program->memory_fd, program->exe_fd, mappings,
				       program->maps.list.count};
	program->target = target_new(&source);
	free(mappings);
}

static void close_program(struct program *program)
{
	target_free(program->target);
	go_buildinfo_deinit(&program->info);
	elf_image_free(program->image);
	maps_deinit(&program->maps);
	close(program->exe_fd);
	close(program->memory_fd);
}

static double now_ms(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void print_scan(const struct go_runtime *runtime)
{
	struct go_moduledata module;
	struct error error;
	taddr_t slot = 0;
	if (!moduledata_read(runtime->target, runtime->symbols[GO_SYMBOL_MODULEDATA], &module,
			     &error))
		stop(&error);
	if (!bucket_scan(&module, runtime, &slot, &error))
		fprintf(stderr, "go-symbols: %s\n", error.message);
	printf("scan 0 %" PRIx64 "\n", slot);
}

int main(int argc, char **argv)
{
	struct program program = {0};
	struct go_runtime opened, code;
	struct error error;
	if (argc != 3)
		return 2;
	open_program(&program, argv[1], argv[2]);
	// Twice: with what the program has, then with its code alone.
	if (!go_runtime_open(program.target, program.image, &program.info, &opened, &error))
		stop(&error);
	code = (struct go_runtime){.target = opened.target,
				   .machine = opened.machine,
				   .layout = opened.layout,
				   .load_bias = opened.load_bias};
	target_forget(program.target);
	double start = now_ms();
	if (!go_symbols_from_code(&code, &error))
		stop(&error);
	fprintf(stderr, "%.1f ms by code, symbols of the program from %s, Go 1.%d.%d\n",
		now_ms() - start, opened.symbols_from == SYMBOLS_FROM_TABLE ? "table" : "code",
		opened.layout.minor, opened.layout.patch);
	for (int i = 0; i < GO_SYMBOL_COUNT; i++)
		printf("%s %" PRIx64 " %" PRIx64 "\n", go_symbol_name(i),
		       opened.symbols_from == SYMBOLS_FROM_TABLE ? opened.symbols[i] : 0,
		       code.symbols[i]);
	print_scan(&code);
	go_runtime_deinit(&opened);
	go_runtime_deinit(&code);
	close_program(&program);
	return 0;
}
