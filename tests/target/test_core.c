// SPDX-License-Identifier: Apache-2.0
// Small cores made by hand; and damaged ones.
#include "system/lab.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "base/random.h"
#include "target/core.h"
#include "target/memory_image.h"

enum { CORE_MAX = 16 << 10, PAGE = 4096, PROGRAM = 0x400000, HEAP = 0x500000 };

struct making {
	uint8_t bytes[CORE_MAX];
	size_t size;
};

static void add(struct making *making, const void *bytes, size_t size)
{
	assert_true(size <= sizeof making->bytes - making->size);
	if (bytes)
		memcpy(making->bytes + making->size, bytes, size);
	making->size += size;
}

static void add_note(struct making *making, const char *name, uint32_t type, const void *data,
		     uint32_t size)
{
	const uint32_t head[] = {(uint32_t)strlen(name) + 1, size, type};
	add(making, head, sizeof head);
	add(making, name, head[0]);
	making->size = (making->size + 3) & ~(size_t)3;
	add(making, data, size);
	making->size = (making->size + 3) & ~(size_t)3;
}

static void add_thread(struct making *making, bool arm, uint32_t id)
{
	uint8_t status[392] = {0};
	memcpy(status + 32, &id, sizeof id);
	for (uint64_t i = 0; i < (arm ? 33 : 27); i++) {
		uint64_t value = id * 1000 + i;
		memcpy(status + 112 + 8 * i, &value, sizeof value);
	}
	add_note(making, "CORE", NT_PRSTATUS, status, arm ? 392 : 336);
}

static void add_notes(struct making *making, bool arm)
{
	const uint64_t auxv[] = {AT_PHDR, PROGRAM + 64, AT_ENTRY, PROGRAM + 0x100, AT_NULL, 0};
	struct {
		uint64_t count, page, rows[6];
		char names[32];
	} files = {2,
		   PAGE,
		   {PROGRAM, PROGRAM + PAGE, 0, HEAP, HEAP + PAGE, 3},
		   "/bin/a\0/b (deleted)"};
	uint8_t info[136] = {0};
	const uint32_t pid = 77;
	memcpy(info + 24, &pid, sizeof pid);
	memcpy(info + 40, "sixteen-letters-", 16);
	memcpy(info + 56, "/bin/a --flag", 14);
	add_thread(making, arm, 77);
	add_note(making, "CORE", NT_PRPSINFO, info, sizeof info);
	add_note(making, "CORE", NT_AUXV, auxv, sizeof auxv);
	add_note(making, "CORE", NT_FILE, &files, sizeof files);
	add_note(making, "LINUX", NT_PRPSINFO, "no such thing", 13); // another owner's number
	add_thread(making, arm, 78);
}

// The page of a program: headers, a segment of that page, and a note with Go's build ID.
static void add_program(struct making *making, uint16_t machine)
{
	static const uint32_t note_head[] = {4, 8, 4};
	size_t start = making->size;
	Elf64_Ehdr header = {.e_ident = ELFMAG "\2\1\1",
			     .e_type = ET_EXEC,
			     .e_machine = machine,
			     .e_entry = PROGRAM + 0x100,
			     .e_phoff = 64,
			     .e_phentsize = sizeof(Elf64_Phdr),
			     .e_phnum = 2};
	const Elf64_Phdr segments[] = {
		{PT_LOAD, PF_R | PF_X, 0, PROGRAM, PROGRAM, PAGE, PAGE, PAGE},
		{PT_NOTE, PF_R, 0x200, PROGRAM + 0x200, 0, 24, 24, 4},
	};
	add(making, &header, sizeof header);
	add(making, segments, sizeof segments);
	making->size = start + 0x200;
	add(making, note_head, sizeof note_head);
	add(making, "Go\0", 4);
	add(making, "build/id", 8);
	making->size = start + PAGE;
}

/*
 * PROGRAM  a page, all of it in the core
 * HEAP     two pages, of which 100 bytes are in the core
 * behind   a page, not in the core
 */
static void make_core(struct making *making, uint16_t machine)
{
	const Elf64_Ehdr header = {.e_ident = ELFMAG "\2\1\1",
				   .e_type = ET_CORE,
				   .e_machine = machine,
				   .e_version = 1,
				   .e_phoff = 64,
				   .e_ehsize = 64,
				   .e_phentsize = sizeof(Elf64_Phdr),
				   .e_phnum = 4};
	Elf64_Phdr segments[] = {
		{PT_NOTE, 0, 64 + 4 * 56, 0, 0, 0, 0, 4},
		{PT_LOAD, PF_R | PF_W, 0, HEAP, 0, 100, 2 * PAGE, PAGE}, // not in order
		{PT_LOAD, PF_R | PF_X, 0, PROGRAM, 0, PAGE, PAGE, PAGE},
		{PT_LOAD, PF_R, 0, HEAP + 2 * PAGE, 0, 0, PAGE, PAGE},
	};
	*making = (struct making){.size = sizeof header + sizeof segments};
	add_notes(making, machine == EM_AARCH64);
	segments[0].p_filesz = making->size - segments[0].p_offset;
	segments[2].p_offset = making->size;
	add_program(making, machine);
	segments[1].p_offset = segments[3].p_offset = making->size;
	for (uint8_t i = 0; i < 100; i++)
		add(making, &i, 1);
	memcpy(making->bytes, &header, sizeof header);
	memcpy(making->bytes + 64, segments, sizeof segments);
}

static int file_of(const uint8_t *bytes, size_t size)
{
	int fd = memfd_create("core", MFD_CLOEXEC);
	assert_int_equal(size, pwrite(fd, bytes, size, 0));
	return fd;
}

static void check_threads(const struct core *core, bool arm)
{
	assert_int_equal(2, core->threads.count);
	for (size_t i = 0; i < 2; i++) {
		const struct target_thread *thread = &core->threads.items[i];
		uint64_t first = (uint64_t)thread->id * 1000;
		assert_int_equal(77 + i, thread->id);
		assert_int_equal(first + (arm ? 32 : 16), thread->pc);
		assert_int_equal(first + (arm ? 31 : 19), thread->sp);
		assert_int_equal(arm ? first + 30 : 0, thread->link);
		assert_int_equal(first + (arm ? 29 : 4), thread->frame_pointer);
	}
}

// The numbers are the same that <sys/procfs.h> and <sys/user.h> have for this machine.
static void registers_stand_where_the_system_says(void **state)
{
	(void)state;
	assert_int_equal(32, offsetof(struct elf_prstatus, pr_pid));
	assert_int_equal(112, offsetof(struct elf_prstatus, pr_reg));
	assert_int_equal(24, offsetof(struct elf_prpsinfo, pr_pid));
	assert_int_equal(40, offsetof(struct elf_prpsinfo, pr_fname));
#ifdef __x86_64__
	assert_int_equal(4 * 8, offsetof(struct user_regs_struct, rbp));
	assert_int_equal(16 * 8, offsetof(struct user_regs_struct, rip));
	assert_int_equal(19 * 8, offsetof(struct user_regs_struct, rsp));
#endif
}

static void cores_are_read(void **state)
{
	(void)state;
	static const uint16_t machines[] = {EM_X86_64, EM_AARCH64};
	for (int i = 0; i < 2; i++) {
		static struct making making;
		struct core core;
		make_core(&making, machines[i]);
		int fd = file_of(making.bytes, making.size);
		assert_ok(core_open(fd, &core, &error));
		check_threads(&core, i == 1);
		assert_int_equal(machines[i], core.machine);
		assert_int_equal(77, core.pid);
		assert_string_equal("sixteen-letters-", core.command);
		assert_string_equal("/bin/a --flag", core.arguments);
		assert_int_equal(PROGRAM + 64, core.program_headers);
		assert_int_equal(PROGRAM + 0x100, core.entry);
		assert_int_equal(0, core.missing_bytes);
		assert_false(core.notes_damaged);
		assert_string_equal("/bin/a", core_find_file(&core, PROGRAM + 64)->path);
		assert_string_equal("/b (deleted)", core_find_file(&core, HEAP)->path);
		assert_int_equal(3 * PAGE, core_find_file(&core, HEAP)->offset);
		assert_null(core_find_file(&core, HEAP + PAGE));
		core_deinit(&core);
		close(fd);
	}
}

static struct target *open_target(const struct core *core, int fd, const struct elf_image *image,
				  int exe_fd)
{
	size_t count;
	struct target_mapping *mappings = core_mappings(core, image, 0, &count);
	for (size_t i = 0; i < count; i++) {
		assert_true(mappings[i].start < mappings[i].end);
		assert_true(i == 0 || mappings[i - 1].end <= mappings[i].start);
	}
	struct target_source source = {.memory_fd = fd,
				       .exe_fd = exe_fd,
				       .mappings = mappings,
				       .mapping_count = count,
				       .memory_first = true};
	struct target *target = target_new(&source);
	free(mappings);
	return target;
}

static void memory_is_what_the_core_holds(void **state)
{
	(void)state;
	static struct making making;
	struct core core;
	uint8_t bytes[PAGE];
	make_core(&making, EM_X86_64);
	int fd = file_of(making.bytes, making.size);
	assert_ok(core_open(fd, &core, &error));
	struct target *target = open_target(&core, fd, NULL, -1);
	assert_ok(target_read(target, PROGRAM, bytes, PAGE, &error));
	assert_memory_equal(ELFMAG, bytes, 4);
	assert_ok(target_read(target, HEAP, bytes, 100, &error));
	for (uint8_t i = 0; i < 100; i++)
		assert_int_equal(i, bytes[i]);
	assert_error(ERROR_FAULT, target_read(target, HEAP, bytes, 101, &error));
	assert_error(ERROR_FAULT, target_read(target, HEAP + 2 * PAGE, bytes, 1, &error));
	assert_error(ERROR_FAULT, target_read(target, HEAP + 3 * PAGE, bytes, 1, &error));
	target_free(target);
	core_deinit(&core);
	close(fd);
}

// A load behind the first four gigabytes of a core, and one of more than that.
static void cores_of_many_gigabytes_are_read(void **state)
{
	(void)state;
	static struct making making;
	static const uint64_t far = (uint64_t)9 << 30, size = (uint64_t)6 << 30;
	struct core core;
	uint32_t value = 0;
	make_core(&making, EM_X86_64);
	memcpy(making.bytes + 64 + 3 * 56 + 8, &far, 8);   // p_offset
	memcpy(making.bytes + 64 + 3 * 56 + 32, &size, 8); // p_filesz
	memcpy(making.bytes + 64 + 3 * 56 + 40, &size, 8); // p_memsz
	int fd = file_of(making.bytes, making.size);
	assert_int_equal(4, pwrite(fd, "\1\2\3\4", 4, (off_t)(far + size - 4)));
	assert_ok(core_open(fd, &core, &error));
	assert_int_equal(0, core.missing_bytes);
	struct target *target = open_target(&core, fd, NULL, -1);
	taddr_t end = HEAP + 2 * PAGE + size;
	assert_ok(target_read_u32(target, end - 4, &value, &error));
	assert_int_equal(0x04030201, value);
	assert_error(ERROR_FAULT, target_read_u32(target, end - 3, &value, &error));
	assert_int_equal(0, ftruncate(fd, (off_t)(far + size - 8)));
	target_forget(target);
	assert_error(ERROR_FAULT, target_read_u32(target, end - 4, &value, &error));
	target_free(target);
	core_deinit(&core);
	assert_ok(core_open(fd, &core, &error));
	assert_int_equal(8, core.missing_bytes);
	core_deinit(&core);
	close(fd);
}

static void the_program_in_memory_is_found_and_written(void **state)
{
	(void)state;
	static struct making making;
	struct core core;
	struct memory_image program;
	struct elf_image *image;
	make_core(&making, EM_X86_64);
	int fd = file_of(making.bytes, making.size), exe = memfd_create("exe", MFD_CLOEXEC);
	assert_ok(core_open(fd, &core, &error));
	struct target *target = open_target(&core, fd, NULL, -1);
	assert_error(ERROR_NOT_FOUND, memory_image_read(target, PROGRAM + 8, &program, &error));
	assert_error(ERROR_FAULT, memory_image_read(target, HEAP + PAGE, &program, &error));
	assert_ok(memory_image_read(target, PROGRAM, &program, &error));
	assert_string_equal("build/id", program.build_ids.go);
	assert_string_equal("", program.build_ids.gnu);
	assert_true(program.bias == 0 && program.entry == PROGRAM + 0x100);
	assert_ok(memory_image_write(target, &program, exe, &error));
	assert_ok(elf_image_open(exe, &image, &error));
	assert_true(memory_image_has_segments_of(&program, image));
	assert_int_equal(BUILD_SAME,
			 build_ids_compare(&program.build_ids, elf_image_build_ids(image)));
	size_t count;
	const struct elf_segment *segment = elf_image_segments(image, &count);
	assert_int_equal(BUILD_SAME, memory_image_compare(target, segment, 0, exe));
	assert_int_equal(1, pwrite(exe, "x", 1, 0x300));
	assert_int_equal(BUILD_OTHER, memory_image_compare(target, segment, 0, exe));
	assert_int_equal(BUILD_UNKNOWN, memory_image_compare(target, segment, 8 * PAGE, exe));
	elf_image_free(image);
	target_free(target);
	core_deinit(&core);
	close(fd);
	close(exe);
}

// A core without the program's page: it comes from the executable.
static void what_the_core_lacks_comes_from_the_executable(void **state)
{
	(void)state;
	static struct making making, file;
	static const uint64_t nothing = 0;
	struct core core;
	struct elf_image *image;
	uint8_t bytes[PAGE];
	make_core(&making, EM_X86_64);
	add_program(&file, EM_X86_64);
	memcpy(making.bytes + 64 + 2 * 56 + 32, &nothing, 8); // p_filesz
	int fd = file_of(making.bytes, making.size), exe = file_of(file.bytes, file.size);
	assert_ok(core_open(fd, &core, &error));
	assert_ok(elf_image_open(exe, &image, &error));
	for (int listed = 1; listed >= 0; listed--) {
		struct target *target = open_target(&core, fd, NULL, -1);
		assert_error(ERROR_FAULT, target_read(target, PROGRAM, bytes, 4, &error));
		target_free(target);
		target = open_target(&core, fd, image, exe);
		assert_ok(target_read(target, PROGRAM, bytes, PAGE, &error));
		assert_memory_equal(file.bytes, bytes, PAGE);
		assert_int_equal(PROGRAM, target_exe_start(target));
		target_free(target);
		// The same where the core does not even list it, as gdb's do.
		memmove(core.loads.items, core.loads.items + 1,
			--core.loads.count * sizeof *core.loads.items);
	}
	elf_image_free(image);
	core_deinit(&core);
	close(fd);
	close(exe);
}

static void try_bytes(const uint8_t *bytes, size_t size)
{
	struct core core;
	struct error error = {0};
	struct memory_image program;
	int fd = file_of(bytes, size);
	if (core_open(fd, &core, &error)) {
		struct target *target = open_target(&core, fd, NULL, -1);
		VEC_FOREACH (load, &core.loads)
			(void)!memory_image_read(target, load->start, &program, &error);
		target_free(target);
		core_deinit(&core);
	} else {
		assert_true(error.code == ERROR_BAD_DATA || error.code == ERROR_UNSUPPORTED ||
			    error.code == ERROR_LIMIT);
		assert_true(error.message[0]);
	}
	close(fd);
}

static void cut_cores_say_what_is_missing(void **state)
{
	(void)state;
	static struct making making;
	make_core(&making, EM_X86_64);
	for (size_t cut = 0; cut < making.size; cut++) {
		struct core core;
		int fd = file_of(making.bytes, cut);
		struct error error = {0};
		try_bytes(making.bytes, cut);
		if (core_open(fd, &core, &error)) {
			assert_true(core.missing_bytes > 0);
			assert_true(core.notes_damaged == (core.threads.count < 2));
			core_deinit(&core);
		}
		close(fd);
	}
}

static void damaged_cores_are_no_danger(void **state)
{
	(void)state;
	static struct making making, damaged;
	uint64_t seed = 11;
	for (int round = 0; round < 20000; round++) {
		make_core(&making, round % 2 ? EM_X86_64 : EM_AARCH64);
		damaged = making;
		for (uint64_t i = random_next(&seed) % 4 + 1; i; i--) {
			static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
			// Mostly in the headers and notes.
			size_t limit = random_next(&seed) % 4 ? 1600 : making.size;
			damaged.bytes[random_next(&seed) % limit] =
				values[random_next(&seed) % sizeof values];
		}
		try_bytes(damaged.bytes, damaged.size);
	}
}

static void other_files_are_named(void **state)
{
	(void)state;
	struct core core;
	struct error error = {0};
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_false(core_open(fd, &core, &error));
	assert_non_null(strstr(error.message, "an ELF executable"));
	close(fd);
	static struct making making;
	make_core(&making, EM_PPC64);
	fd = file_of(making.bytes, making.size);
	assert_false(core_open(fd, &core, &error));
	assert_int_equal(ERROR_UNSUPPORTED, error.code);
	assert_non_null(strstr(error.message, "machine 21"));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_stand_where_the_system_says),
		cmocka_unit_test(cores_are_read),
		cmocka_unit_test(memory_is_what_the_core_holds),
		cmocka_unit_test(cores_of_many_gigabytes_are_read),
		cmocka_unit_test(the_program_in_memory_is_found_and_written),
		cmocka_unit_test(what_the_core_lacks_comes_from_the_executable),
		cmocka_unit_test(cut_cores_say_what_is_missing),
		cmocka_unit_test(damaged_cores_are_no_danger),
		cmocka_unit_test(other_files_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
