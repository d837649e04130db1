// SPDX-License-Identifier: Apache-2.0
// The test's own program as an ELF file; and damaged copies of a small part of it.
#include "system/lab.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/random.h"
#include "target/elf_image.h"

// Symbols to look for.
int elf_test_symbol_variable(void);
int elf_test_symbol_variable(void)
{
	return 7;
}
int elf_test_symbol_other(void);
int elf_test_symbol_other(void)
{
	return 8;
}

static int open_self(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void ones_own_program_is_read(void **state)
{
	(void)state;
	struct elf_image *image;
	int fd = open_self();
	assert_ok(elf_image_open(fd, &image, &error));
	size_t count, executable = 0, writable = 0;
	const struct elf_segment *segments = elf_image_segments(image, &count);
	for (size_t i = 0; i < count; i++) {
		executable += segments[i].executable;
		writable += segments[i].writable;
		assert_true(segments[i].file_size <= segments[i].memory_size);
	}
	assert_true(count >= 2 && executable >= 1 && writable >= 1);
	uint64_t offset, size;
	assert_true(elf_image_section(image, ".text", &offset, &size));
	assert_true(size > 1000);
	assert_false(elf_image_section(image, ".bss", &offset, &size)); // nothing in the file
	assert_false(elf_image_section(image, ".go.buildinfo", &offset, &size));
	size_t digits = strlen(elf_image_build_id(image));
	assert_int_equal(digits, strspn(elf_image_build_id(image), "0123456789abcdef"));
	elf_image_free(image);
	elf_image_free(NULL);
	close(fd);
}

static void symbols_are_found(void **state)
{
	(void)state;
	struct elf_image *image;
	int fd = open_self();
	assert_ok(elf_image_open(fd, &image, &error));
	struct elf_symbol_query queries[] = {
		{"elf_test_symbol_variable", false, 0},
		{"elf_test_symbol", false, 0}, // only the start of a name
		{"elf_test_symbol_variable_no", false, 0},
		{"elf_test_symbol_other", false, 0},
	};
	assert_ok(elf_image_symbols(image, queries, 4, &error));
	assert_true(queries[0].found && queries[3].found);
	assert_false(queries[1].found || queries[2].found);
	// The distance of two functions is the same in the file and in memory.
	assert_true(queries[0].address - queries[3].address ==
		    (uintptr_t)elf_test_symbol_variable - (uintptr_t)elf_test_symbol_other);
	assert_ok(elf_image_symbols(image, queries, 0, &error));
	elf_image_free(image);
	close(fd);
}

// Everything that can be asked of an image that could be opened.
static void ask_all(struct elf_image *image, struct error *error)
{
	uint64_t offset, size;
	size_t count;
	struct elf_symbol_query queries[] = {{"main", false, 0}, {"runtime.mheap_", false, 0}};
	elf_image_machine(image);
	elf_image_is_relocatable(image);
	elf_image_segments(image, &count);
	assert_non_null(elf_image_build_id(image));
	(void)elf_image_section(image, ".go.buildinfo", &offset, &size);
	(void)elf_image_section(image, ".text", &offset, &size);
	if (!elf_image_symbols(image, queries, 2, error))
		assert_true(error->code != ERROR_NONE && error->message[0]);
}

static int copy_of(const uint8_t *bytes, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(size, write(fd, bytes, size));
	return fd;
}

static void try_bytes(const uint8_t *bytes, size_t size)
{
	struct elf_image *image = NULL;
	struct error error = {0};
	int fd = copy_of(bytes, size);
	if (elf_image_open(fd, &image, &error)) {
		ask_all(image, &error);
		elf_image_free(image);
	} else {
		assert_null(image);
		assert_true(error.code == ERROR_BAD_DATA || error.code == ERROR_UNSUPPORTED ||
			    error.code == ERROR_LIMIT);
		assert_true(error.message[0]);
	}
	close(fd);
}

static uint8_t *read_self(size_t *size)
{
	char *bytes;
	assert_ok(file_read_path(AT_FDCWD, "/proc/self/exe", 64 << 20, &bytes, size, &error));
	return (uint8_t *)bytes;
}

static void cut_programs_are_no_danger(void **state)
{
	(void)state;
	size_t size;
	uint8_t *bytes = read_self(&size);
	for (size_t cut = 0; cut < 1200; cut++) // both headers
		try_bytes(bytes, cut);
	uint64_t seed = 2;
	for (int i = 0; i < 100; i++)
		try_bytes(bytes, random_next(&seed) % size);
	free(bytes);
}

static void damage_at(uint8_t *bytes, size_t size, size_t start, size_t length, uint64_t *seed)
{
	uint8_t saved[1024];
	length = length > sizeof saved ? sizeof saved : length;
	if (start > size || length > size - start)
		return;
	memcpy(saved, bytes + start, length);
	random_damage(seed, bytes + start, length, 1 + random_next(seed) % 8);
	try_bytes(bytes, size);
	memcpy(bytes + start, saved, length);
}

static void damaged_programs_are_no_danger(void **state)
{
	(void)state;
	size_t size;
	uint64_t seed = 3;
	uint8_t *bytes = read_self(&size);
	Elf64_Ehdr header;
	memcpy(&header, bytes, sizeof header);
	for (int i = 0; i < 1000; i++) {
		damage_at(bytes, size, 0, sizeof header, &seed);
		damage_at(bytes, size, header.e_phoff, header.e_phnum * 56u, &seed);
		damage_at(bytes, size, header.e_shoff, 1024, &seed);
		damage_at(bytes, size, header.e_shoff + 1024, header.e_shnum * 64u - 1024, &seed);
	}
	free(bytes);
}

static void other_files_are_refused(void **state)
{
	(void)state;
	struct elf_image *image;
	static const uint8_t text[] = "#!/bin/sh\nexit 0\n";
	int fd = copy_of(text, sizeof text);
	assert_error(ERROR_BAD_DATA, elf_image_open(fd, &image, &error));
	close(fd);
	size_t size;
	uint8_t *bytes = read_self(&size);
	bytes[EI_CLASS] = ELFCLASS32;
	fd = copy_of(bytes, size);
	assert_error(ERROR_UNSUPPORTED, elf_image_open(fd, &image, &error));
	close(fd);
	bytes[EI_CLASS] = ELFCLASS64;
	bytes[EI_DATA] = ELFDATA2MSB;
	fd = copy_of(bytes, size);
	assert_error(ERROR_UNSUPPORTED, elf_image_open(fd, &image, &error));
	close(fd);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ones_own_program_is_read),
		cmocka_unit_test(symbols_are_found),
		cmocka_unit_test(cut_programs_are_no_danger),
		cmocka_unit_test(damaged_programs_are_no_danger),
		cmocka_unit_test(other_files_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
