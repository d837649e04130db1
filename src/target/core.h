// SPDX-License-Identifier: Apache-2.0
/*
 * A core file: what memory it holds, of which program, and where its threads stood. From the Linux
 * kernel, from gcore (gdb) or from qemu-user; 64-bit little-endian, amd64 and arm64.
 *
 * Everything in it is untrusted, and a core is often cut short: what lies behind the end of the
 * file is counted and is not there. The program headers are read by libelf; notes are read one by
 * one, because those of a thousand threads are many megabytes and few of them matter here.
 *
 * Formats: elf(5), core(5); Linux fs/binfmt_elf.c (elf_core_dump, fill_files_note),
 * include/linux/elfcore.h, arch/{x86,arm64}/include/asm/elf.h; qemu linux-user/elfload.c.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/vec.h"
#include "target/elf_image.h"
#include "target/target.h"

// A stretch of the process's memory, as the core has it.
struct core_load {
	taddr_t start, end;   // end is exclusive
	uint64_t data_offset; // in the core
	uint64_t data_size;   // bytes of it that are in the core, from `start` on
	bool writable;
};

// A file that was mapped.
struct core_file {
	taddr_t start, end;
	uint64_t offset;  // in that file, in bytes
	const char *path; // as the process's kernel named it; untrusted
};

struct core {
	struct arena arena;
	enum elf_machine machine;
	VEC(struct core_load) loads; // sorted by start, not overlapping
	VEC(struct core_file) files; // in the core's order; gdb and the kernel write them, qemu not
	VEC(struct target_thread) threads;
	int64_t pid;             // 0: the core does not tell
	char command[17];        // as the kernel knew it; "" when the core does not tell
	char arguments[81];      // the start of the command line, with spaces between; or ""
	taddr_t program_headers; // in memory: AT_PHDR; 0 when the core does not tell
	taddr_t entry;           // AT_ENTRY; 0 when the core does not tell
	uint64_t missing_bytes;  // what the core says it holds and lies behind the file's end
	bool notes_damaged;      // the notes end before their end: threads and files may be missing
};

// ERROR_BAD_DATA where it is no core. Borrows `fd` only for the call.
bool core_open(int fd, struct core *core, struct error *error) must_check;
void core_deinit(struct core *core);
// The mapped file that holds `address`, or NULL. Borrowed.
const struct core_file *core_find_file(const struct core *core, taddr_t address);

/*
 * The table of mappings of a target whose memory is this core; the caller frees it. `image`, NULL
 * when there is none, is the executable, loaded at its linked addresses plus `bias`: its read-only
 * segments are there even where the core has left them out.
 */
struct target_mapping *core_mappings(const struct core *core, const struct elf_image *image,
				     uint64_t bias, size_t *count);
