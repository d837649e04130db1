// SPDX-License-Identifier: Apache-2.0
// In: a descriptor of a core file. Out: its loads, mapped files, threads and what names the
// process.
#include "target/core.h"

#include <errno.h>
#include <gelf.h>
#include <inttypes.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/reader.h"

enum {
	LOADS_MAX = 1 << 20,
	FILES_MAX = 1 << 20,
	THREADS_MAX = 1 << 20,
	NOTES_MAX = 16 << 20,            // a thread has about ten
	FILES_NOTE_BYTES_MAX = 64 << 20, // the kernel's own limit is 4 MiB
	SMALL_NOTE_BYTES_MAX = 4096,
	NOTE_NAME_MAX = 64,
	PATH_BYTES_MAX = 4096,
};

// Where things stand in the notes' structures, the same on both machines up to the registers.
enum {
	PRSTATUS_PID = 32,
	PRSTATUS_REGISTERS = 112,
	PRPSINFO_PID = 24,
	PRPSINFO_NAME = 40,
	PRPSINFO_NAME_BYTES = 16,
	PRPSINFO_ARGUMENTS_BYTES = 80,
};

// Places of registers in elf_gregset_t.
enum {
	AMD64_RBP = 4,
	AMD64_RIP = 16,
	AMD64_RSP = 19,
	ARM64_X29 = 29,
	ARM64_X30 = 30,
	ARM64_SP = 31,
	ARM64_PC = 32,
};

struct opening {
	int fd;
	uint64_t file_size;
	struct core *core;
	int64_t notes_left;
};

static void cleanup_elf(Elf **elf)
{
	elf_end(*elf);
}

void core_deinit(struct core *core)
{
	vec_deinit(&core->loads);
	vec_deinit(&core->files);
	vec_deinit(&core->threads);
	arena_deinit(&core->arena);
}

const struct core_file *core_find_file(const struct core *core, taddr_t address)
{
	VEC_FOREACH (file, &core->files)
		if (address >= file->start && address < file->end)
			return file;
	return NULL;
}

static bool read_at(const struct opening *opening, void *buffer, size_t size, uint64_t offset)
{
	if (offset > opening->file_size || size > opening->file_size - offset)
		return false;
	for (size_t used = 0; used < size;) {
		ssize_t got = pread(opening->fd, (char *)buffer + used, size - used,
				    (off_t)(offset + used));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		used += (size_t)got;
	}
	return true;
}

// struct elf_prstatus: one of each thread.
static void parse_prstatus(struct opening *opening, struct reader *reader)
{
	struct core *core = opening->core;
	bool arm = core->machine == ELF_MACHINE_ARM64;
	uint64_t registers[33];
	reader_seek(reader, PRSTATUS_PID);
	struct target_thread thread = {.id = (int32_t)reader_u32(reader)};
	reader_seek(reader, PRSTATUS_REGISTERS);
	for (int i = 0; i <= (arm ? ARM64_PC : AMD64_RSP); i++)
		registers[i] = reader_u64(reader);
	if (!reader_ok(reader) || core->threads.count == THREADS_MAX)
		return;
	thread.pc = registers[arm ? ARM64_PC : AMD64_RIP];
	thread.sp = registers[arm ? ARM64_SP : AMD64_RSP];
	thread.link = arm ? registers[ARM64_X30] : 0;
	thread.frame_pointer = registers[arm ? ARM64_X29 : AMD64_RBP];
	vec_push(&core->threads, thread);
}

// struct elf_prpsinfo.
static void parse_prpsinfo(struct opening *opening, struct reader *reader)
{
	struct core *core = opening->core;
	reader_seek(reader, PRPSINFO_PID);
	int32_t pid = (int32_t)reader_u32(reader);
	reader_seek(reader, PRPSINFO_NAME);
	const uint8_t *name = reader_bytes(reader, PRPSINFO_NAME_BYTES);
	const uint8_t *arguments = reader_bytes(reader, PRPSINFO_ARGUMENTS_BYTES);
	if (!reader_ok(reader))
		return;
	core->pid = pid;
	memcpy(core->command, name, PRPSINFO_NAME_BYTES);
	core->command[PRPSINFO_NAME_BYTES] = '\0';
	memcpy(core->arguments, arguments, PRPSINFO_ARGUMENTS_BYTES);
	core->arguments[PRPSINFO_ARGUMENTS_BYTES] = '\0';
}

static void parse_auxv(struct opening *opening, struct reader *reader)
{
	while (!reader_at_end(reader)) {
		uint64_t type = reader_u64(reader), value = reader_u64(reader);
		if (type == AT_NULL || !reader_ok(reader))
			return;
		if (type == AT_PHDR)
			opening->core->program_headers = value;
		if (type == AT_ENTRY)
			opening->core->entry = value;
	}
}

// NT_FILE: a count and the size of a page; then start, end and page of the file, for each; then the
// paths, for each.
static void parse_files(struct opening *opening, struct reader *reader)
{
	struct core *core = opening->core;
	uint64_t count = reader_u64(reader), page_bytes = reader_u64(reader);
	if (core->files.count || count > FILES_MAX || page_bytes > 1 << 20 ||
	    count > (reader->size - reader->offset) / 24)
		return;
	for (uint64_t i = 0; i < count; i++) {
		struct core_file file = {.start = reader_u64(reader), .end = reader_u64(reader)};
		uint64_t pages = reader_u64(reader);
		if (__builtin_mul_overflow(pages, page_bytes, &file.offset))
			file.offset = UINT64_MAX;
		vec_push(&core->files, file);
	}
	for (uint64_t i = 0; i < count; i++) {
		const char *path = reader_cstring(reader, PATH_BYTES_MAX);
		const char *copy = path ? arena_string(&core->arena, path, strlen(path)) : NULL;
		core->files.items[i].path = copy ? copy : "";
	}
}

struct note_parser {
	uint32_t type;
	size_t limit_bytes;
	void (*parse)(struct opening *opening, struct reader *reader);
};

static const struct note_parser *find_parser(const char *name, uint32_t type)
{
	static const struct note_parser parsers[] = {
		{NT_PRSTATUS, SMALL_NOTE_BYTES_MAX, parse_prstatus},
		{NT_PRPSINFO, SMALL_NOTE_BYTES_MAX, parse_prpsinfo},
		{NT_AUXV, SMALL_NOTE_BYTES_MAX, parse_auxv},
		{NT_FILE, FILES_NOTE_BYTES_MAX, parse_files},
	};
	if (strcmp(name, "CORE") != 0)
		return NULL;
	for (size_t i = 0; i < sizeof parsers / sizeof *parsers; i++)
		if (parsers[i].type == type)
			return &parsers[i];
	return NULL;
}

static bool read_note(struct opening *opening, const struct note_parser *parser, uint64_t offset,
		      size_t size)
{
	_cleanup_free_ uint8_t *bytes = alloc_try_array(size + 1, 1);
	if (!bytes || !read_at(opening, bytes, size, offset))
		return false;
	struct reader reader = reader_over(bytes, size);
	parser->parse(opening, &reader);
	return reader_ok(&reader);
}

static uint64_t padded(uint64_t size)
{
	return (size + 3) & ~(uint64_t)3;
}

// False where the notes break off.
static bool read_notes(struct opening *opening, uint64_t offset, uint64_t size)
{
	uint64_t end;
	if (__builtin_add_overflow(offset, size, &end))
		return false;
	while (offset < end) {
		uint8_t head[12];
		char name[NOTE_NAME_MAX + 1] = "";
		if (end - offset < sizeof head || !read_at(opening, head, sizeof head, offset) ||
		    opening->notes_left-- <= 0)
			return false;
		struct reader reader = reader_over(head, sizeof head);
		uint32_t name_size = reader_u32(&reader), data_size = reader_u32(&reader);
		uint32_t type = reader_u32(&reader);
		uint64_t data = offset + sizeof head + padded(name_size);
		if (name_size <= NOTE_NAME_MAX &&
		    !read_at(opening, name, name_size, offset + sizeof head))
			return false;
		const struct note_parser *parser = find_parser(name, type);
		if (data > end || data_size > end - data)
			return false;
		if (parser && (data_size > parser->limit_bytes ||
			       !read_note(opening, parser, data, data_size)))
			return false;
		offset = data + padded(data_size);
	}
	return true;
}

static bool add_load(struct opening *opening, const GElf_Phdr *header, struct error *error)
{
	struct core *core = opening->core;
	struct core_load load = {.start = header->p_vaddr,
				 .data_offset = header->p_offset,
				 .writable = header->p_flags & PF_W};
	if (__builtin_add_overflow(header->p_vaddr, header->p_memsz, &load.end))
		return error_set(error, ERROR_BAD_DATA,
				 "damaged core: %" PRIu64 " bytes at address 0x%" PRIx64,
				 header->p_memsz, header->p_vaddr);
	if (core->loads.count == LOADS_MAX)
		return error_set(error, ERROR_LIMIT, "more than %d mappings in a core", LOADS_MAX);
	uint64_t stated = header->p_filesz < header->p_memsz ? header->p_filesz : header->p_memsz;
	uint64_t left =
		header->p_offset < opening->file_size ? opening->file_size - header->p_offset : 0;
	load.data_size = stated < left ? stated : left;
	core->missing_bytes += stated - load.data_size;
	if (load.end > load.start)
		vec_push(&core->loads, load);
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct core_load *left = a, *right = b;
	return (left->start > right->start) - (left->start < right->start);
}

static bool sort_loads(struct core *core, struct error *error)
{
	if (!core->loads.count)
		return error_set(error, ERROR_BAD_DATA, "damaged core: it holds no memory");
	qsort(core->loads.items, core->loads.count, sizeof *core->loads.items, by_start);
	for (size_t i = 1; i < core->loads.count; i++)
		if (core->loads.items[i].start < core->loads.items[i - 1].end)
			return error_set(error, ERROR_BAD_DATA,
					 "damaged core: two mappings at address 0x%" PRIx64,
					 core->loads.items[i].start);
	return true;
}

static bool check_kind(Elf *elf, struct core *core, struct error *error)
{
	GElf_Ehdr header;
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header))
		return error_set(error, ERROR_BAD_DATA, "not a core file: not an ELF file");
	if (header.e_type != ET_CORE)
		return error_set(error, ERROR_BAD_DATA, "not a core file: %s",
				 header.e_type == ET_EXEC || header.e_type == ET_DYN
					 ? "an ELF executable or library"
					 : "an ELF file of another kind");
	core->machine = header.e_machine;
	if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
	    (core->machine != ELF_MACHINE_AMD64 && core->machine != ELF_MACHINE_ARM64))
		return error_set(error, ERROR_UNSUPPORTED,
				 "a core of ELF machine %u: whyoom reads cores of amd64 and arm64",
				 header.e_machine);
	return true;
}

static bool read_program_headers(struct opening *opening, Elf *elf, struct error *error)
{
	size_t count;
	if (elf_getphdrnum(elf, &count) != 0)
		return error_set(error, ERROR_BAD_DATA, "damaged core: %s", elf_errmsg(-1));
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr header;
		if (i > INT32_MAX || !gelf_getphdr(elf, (int)i, &header))
			return error_set(error, ERROR_BAD_DATA,
					 "damaged core: program header %zu: %s", i, elf_errmsg(-1));
		if (header.p_type == PT_LOAD && !add_load(opening, &header, error))
			return false;
		if (header.p_type == PT_NOTE &&
		    !read_notes(opening, header.p_offset, header.p_filesz))
			opening->core->notes_damaged = true;
	}
	return sort_loads(opening->core, error);
}

bool core_open(int fd, struct core *out, struct error *error)
{
	elf_version(EV_CURRENT);
	struct core core = {0};
	struct opening opening = {.fd = fd, .core = &core, .notes_left = NOTES_MAX};
	struct stat stat;
	if (fstat(fd, &stat) == 0)
		opening.file_size = (uint64_t)stat.st_size;
	_cleanup_(cleanup_elf) Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!check_kind(elf, &core, error) || !read_program_headers(&opening, elf, error)) {
		core_deinit(&core);
		return false;
	}
	*out = core;
	return true;
}
