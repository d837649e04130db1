// SPDX-License-Identifier: Apache-2.0
// In: a descriptor of an ELF file. Out: its segments, sections, symbols and build ID.
#include "target/elf_image.h"

#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/reader.h"

enum { SEGMENTS_MAX = 64, SYMBOL_BYTES = 24, NOTES_BYTES_MAX = 1 << 20 };

struct elf_image {
	int fd;
	Elf *elf;
	GElf_Ehdr header;
	uint64_t file_size;
	struct elf_segment segments[SEGMENTS_MAX];
	size_t segment_count;
	struct build_ids build_ids;
};

static void cleanup_image(struct elf_image **image)
{
	elf_image_free(*image);
}

static void read_notes(struct elf_image *image, uint64_t file_offset, uint64_t size)
{
	if (size > NOTES_BYTES_MAX || file_offset > INT64_MAX)
		return;
	Elf_Data *data = elf_getdata_rawchunk(image->elf, (int64_t)file_offset, size, ELF_T_BYTE);
	if (data)
		build_ids_parse(data->d_buf, data->d_size, &image->build_ids);
}

// Go's own linker has a section for the GNU build ID, but no program header that covers it.
static void read_note_sections(struct elf_image *image)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	while ((section = elf_nextscn(image->elf, section)))
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_NOTE)
			read_notes(image, header.sh_offset, header.sh_size);
}

static bool read_program_headers(struct elf_image *image, struct error *error)
{
	size_t count;
	if (elf_getphdrnum(image->elf, &count) != 0)
		return error_set(error, ERROR_BAD_DATA, "damaged ELF program headers: %s",
				 elf_errmsg(-1));
	for (size_t i = 0; i < count && i < 4 * SEGMENTS_MAX; i++) {
		GElf_Phdr header;
		if (!gelf_getphdr(image->elf, (int)i, &header))
			return error_set(error, ERROR_BAD_DATA,
					 "damaged ELF program header %zu: %s", i, elf_errmsg(-1));
		if (header.p_type == PT_NOTE)
			read_notes(image, header.p_offset, header.p_filesz);
		if (header.p_type != PT_LOAD)
			continue;
		if (image->segment_count == SEGMENTS_MAX)
			return error_set(error, ERROR_LIMIT, "more than %d loaded ELF segments",
					 SEGMENTS_MAX);
		image->segments[image->segment_count++] = (struct elf_segment){
			.address = header.p_vaddr,
			.file_offset = header.p_offset,
			.file_size = header.p_filesz,
			.memory_size = header.p_memsz,
			.writable = header.p_flags & PF_W,
			.executable = header.p_flags & PF_X,
		};
	}
	return true;
}

bool elf_image_open(int fd, struct elf_image **out, struct error *error)
{
	elf_version(EV_CURRENT);
	_cleanup_(cleanup_image) struct elf_image *image = alloc_zero(sizeof *image);
	struct stat stat;
	if (fstat(fd, &stat) == 0)
		image->file_size = (uint64_t)stat.st_size;
	image->fd = fd;
	image->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!image->elf || elf_kind(image->elf) != ELF_K_ELF ||
	    !gelf_getehdr(image->elf, &image->header))
		return error_set(error, ERROR_BAD_DATA, "the executable is not an ELF file");
	if (image->header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    image->header.e_ident[EI_DATA] != ELFDATA2LSB)
		return error_set(error, ERROR_UNSUPPORTED,
				 "the executable is not 64-bit little-endian ELF");
	if (!read_program_headers(image, error))
		return false;
	read_note_sections(image);
	*out = take_ptr(image);
	return true;
}

void elf_image_free(struct elf_image *image)
{
	if (!image)
		return;
	elf_end(image->elf);
	free(image);
}

int elf_image_fd(const struct elf_image *image)
{
	return image->fd;
}

unsigned int elf_image_machine(const struct elf_image *image)
{
	return image->header.e_machine;
}

bool elf_image_is_relocatable(const struct elf_image *image)
{
	return image->header.e_type == ET_DYN;
}

const char *elf_image_build_id(struct elf_image *image)
{
	return image->build_ids.gnu;
}

const struct build_ids *elf_image_build_ids(const struct elf_image *image)
{
	return &image->build_ids;
}

uint64_t elf_image_entry(const struct elf_image *image)
{
	return image->header.e_entry;
}

const struct elf_segment *elf_image_segments(const struct elf_image *image, size_t *count)
{
	*count = image->segment_count;
	return image->segments;
}

static Elf_Scn *find_section(const struct elf_image *image, const char *name, GElf_Shdr *header)
{
	size_t names;
	if (elf_getshdrstrndx(image->elf, &names) != 0)
		return NULL;
	for (Elf_Scn *section = NULL; (section = elf_nextscn(image->elf, section));) {
		const char *found = gelf_getshdr(section, header)
					    ? elf_strptr(image->elf, names, header->sh_name)
					    : NULL;
		if (found && strcmp(found, name) == 0)
			return section;
	}
	return NULL;
}

bool elf_image_section(const struct elf_image *image, const char *name, uint64_t *file_offset,
		       uint64_t *size)
{
	GElf_Shdr header;
	if (!find_section(image, name, &header) || header.sh_type == SHT_NOBITS ||
	    header.sh_offset > image->file_size ||
	    header.sh_size > image->file_size - header.sh_offset)
		return false;
	*file_offset = header.sh_offset;
	*size = header.sh_size;
	return true;
}

static Elf_Data *section_data(const struct elf_image *image, const char *name)
{
	GElf_Shdr header;
	Elf_Scn *section = find_section(image, name, &header);
	return section ? elf_rawdata(section, NULL) : NULL;
}

// `text` may run to the end of the string table: compare within it.
static void match_symbol(struct elf_symbol_query *queries, size_t count, struct reader *names,
			 uint32_t name_offset, uint64_t address)
{
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(queries[i].name) + 1;
		if (queries[i].found || length > names->size - name_offset ||
		    memcmp(names->data + name_offset, queries[i].name, length) != 0)
			continue;
		queries[i].found = true;
		queries[i].address = address;
	}
}

// Most symbols are of packages other than the ones asked for: one comparison rejects them.
static size_t common_prefix(const struct elf_symbol_query *queries, size_t count)
{
	size_t length = count ? strlen(queries[0].name) : 0;
	for (size_t i = 1; i < count; i++)
		for (size_t k = 0; k < length; k++)
			if (queries[i].name[k] != queries[0].name[k])
				length = k;
	return length;
}

bool elf_image_symbols(struct elf_image *image, struct elf_symbol_query *queries, size_t count,
		       struct error *error)
{
	if (!count)
		return true;
	Elf_Data *symbols = section_data(image, ".symtab");
	Elf_Data *strings = section_data(image, ".strtab");
	if (!symbols || !strings || !symbols->d_buf || !strings->d_buf)
		return error_set(error, ERROR_UNSUPPORTED,
				 "the executable is stripped: it has no symbol table");
	struct reader reader = reader_over(symbols->d_buf, symbols->d_size);
	struct reader names = reader_over(strings->d_buf, strings->d_size);
	size_t prefix = common_prefix(queries, count);
	while (reader.size - reader.offset >= SYMBOL_BYTES) {
		uint32_t name = reader_u32(&reader);
		reader_skip(&reader, 4); // info, other, section
		uint64_t address = reader_u64(&reader);
		reader_skip(&reader, 8); // size
		if (name < names.size && names.size - name > prefix &&
		    memcmp(names.data + name, queries[0].name, prefix) == 0)
			match_symbol(queries, count, &names, name, address);
	}
	return true;
}
