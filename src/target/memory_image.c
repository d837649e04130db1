// SPDX-License-Identifier: Apache-2.0
// In: a target, the address of an ELF header. Out: which program it is, and its file again.
#include "target/memory_image.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/reader.h"

enum {
	HEADER_BYTES = 64,
	PROGRAM_HEADER_BYTES = 56,
	PROGRAM_HEADERS_MAX = 128,
	NOTES_BYTES_MAX = 64 << 10,
	GNU_BUILD_ID_NOTE_BYTES = 36,
	CHUNK_BYTES = 1 << 20,
	SECTION_FIELDS = 40, // where e_shoff is, and from 58 on the rest about sections
	SECTION_COUNTS = 58,
};

static const uint64_t FILE_BYTES_MAX = (uint64_t)1 << 30;

struct program_header {
	uint32_t type, flags;
	uint64_t offset, address, file_size, memory_size;
};

static struct program_header parse_program_header(struct reader *reader)
{
	struct program_header header = {.type = reader_u32(reader), .flags = reader_u32(reader)};
	header.offset = reader_u64(reader);
	header.address = reader_u64(reader);
	reader_skip(reader, 8); // physical address
	header.file_size = reader_u64(reader);
	header.memory_size = reader_u64(reader);
	reader_skip(reader, 8); // alignment
	return header;
}

static bool no_program(taddr_t base, struct error *error)
{
	return error_set(error, ERROR_NOT_FOUND, "no ELF program at 0x%" PRIx64, base);
}

// The ELF header. Fills what *image has of it; *count program headers are at *table.
static bool read_header(struct target *target, struct memory_image *image, taddr_t *table,
			size_t *count, struct error *error)
{
	uint8_t bytes[HEADER_BYTES];
	if (!target_read_bulk(target, image->base, bytes, sizeof bytes, error))
		return false;
	struct reader reader = reader_over(bytes, sizeof bytes);
	reader_seek(&reader, EI_NIDENT);
	uint16_t type = reader_u16(&reader);
	image->machine = reader_u16(&reader);
	reader_skip(&reader, 4); // version
	image->entry = reader_u64(&reader);
	uint64_t offset = reader_u64(&reader);
	reader_seek(&reader, 54);
	uint16_t entry_bytes = reader_u16(&reader);
	*count = reader_u16(&reader);
	if (memcmp(bytes, ELFMAG, SELFMAG) != 0 || bytes[EI_CLASS] != ELFCLASS64 ||
	    bytes[EI_DATA] != ELFDATA2LSB || (type != ET_EXEC && type != ET_DYN) ||
	    entry_bytes != PROGRAM_HEADER_BYTES || !*count || *count > PROGRAM_HEADERS_MAX ||
	    offset > FILE_BYTES_MAX)
		return no_program(image->base, error);
	*table = image->base + offset;
	return true;
}

static void add_segment(struct memory_image *image, const struct program_header *header)
{
	if (image->segment_count == MEMORY_IMAGE_SEGMENTS_MAX)
		return;
	image->segments[image->segment_count++] = (struct elf_segment){
		.address = header->address,
		.file_offset = header->offset,
		.file_size = header->file_size,
		.memory_size = header->memory_size,
		.writable = header->flags & PF_W,
		.executable = header->flags & PF_X,
	};
}

// Go's linker puts the GNU build ID behind its own, where no program header covers it.
static void read_notes(struct target *target, struct memory_image *image,
		       const struct program_header *header)
{
	if (header->type != PT_NOTE || header->file_size > NOTES_BYTES_MAX)
		return;
	size_t size = header->file_size, more = size + GNU_BUILD_ID_NOTE_BYTES;
	taddr_t address = header->address + image->bias;
	_cleanup_free_ uint8_t *notes = alloc_array(more, 1);
	if (target_read_bulk(target, address, notes, more, NULL))
		build_ids_parse(notes, more, &image->build_ids);
	else if (target_read_bulk(target, address, notes, size, NULL))
		build_ids_parse(notes, size, &image->build_ids);
}

bool memory_image_read(struct target *target, taddr_t base, struct memory_image *out,
		       struct error *error)
{
	struct memory_image image = {.base = base};
	struct program_header headers[PROGRAM_HEADERS_MAX];
	uint8_t bytes[PROGRAM_HEADERS_MAX * PROGRAM_HEADER_BYTES];
	taddr_t table = 0;
	size_t count = 0;
	bool placed = false;
	if (!read_header(target, &image, &table, &count, error) ||
	    !target_read_bulk(target, table, bytes, count * PROGRAM_HEADER_BYTES, error))
		return false;
	struct reader reader = reader_over(bytes, count * PROGRAM_HEADER_BYTES);
	for (size_t i = 0; i < count; i++) {
		headers[i] = parse_program_header(&reader);
		if (headers[i].type != PT_LOAD)
			continue;
		add_segment(&image, &headers[i]);
		if (headers[i].offset == 0 && !placed) {
			image.bias = base - headers[i].address;
			placed = true;
		}
	}
	if (!placed)
		return no_program(base, error);
	for (size_t i = 0; i < count; i++)
		read_notes(target, &image, &headers[i]);
	*out = image;
	return true;
}

bool memory_image_has_segments_of(const struct memory_image *image, const struct elf_image *file)
{
	size_t count;
	const struct elf_segment *segments = elf_image_segments(file, &count);
	if (count != image->segment_count || elf_image_entry(file) != image->entry)
		return false;
	for (size_t i = 0; i < count; i++)
		if (segments[i].address != image->segments[i].address ||
		    segments[i].file_offset != image->segments[i].file_offset ||
		    segments[i].file_size != image->segments[i].file_size ||
		    segments[i].memory_size != image->segments[i].memory_size)
			return false;
	return true;
}

enum build_match memory_image_compare(struct target *target, const struct elf_segment *segment,
				      uint64_t bias, int fd)
{
	size_t size = segment->file_size < CHUNK_BYTES ? (size_t)segment->file_size : CHUNK_BYTES;
	_cleanup_free_ uint8_t *here = alloc_array(size + 1, 1), *there = alloc_array(size + 1, 1);
	if (!size || !target_read_bulk(target, segment->address + bias, here, size, NULL))
		return BUILD_UNKNOWN;
	ssize_t got = pread(fd, there, size, (off_t)segment->file_offset);
	return got == (ssize_t)size && memcmp(here, there, size) == 0 ? BUILD_SAME : BUILD_OTHER;
}

static bool write_segment(struct target *target, const struct elf_segment *segment, uint64_t bias,
			  int fd, uint8_t *chunk, struct error *error)
{
	if (segment->file_size > FILE_BYTES_MAX || segment->file_offset > FILE_BYTES_MAX)
		return error_set(error, ERROR_LIMIT, "an executable of more than %" PRIu64 " bytes",
				 FILE_BYTES_MAX);
	for (uint64_t done = 0; done < segment->file_size;) {
		uint64_t left = segment->file_size - done;
		size_t size = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
		if (!target_read_bulk(target, segment->address + bias + done, chunk, size, error))
			return false;
		if (pwrite(fd, chunk, size, (off_t)(segment->file_offset + done)) != (ssize_t)size)
			return error_set(error, ERROR_LIMIT, "no memory for the executable");
		done += size;
	}
	return true;
}

bool memory_image_write(struct target *target, const struct memory_image *image, int fd,
			struct error *error)
{
	static const uint8_t zeros[8];
	_cleanup_free_ uint8_t *chunk = alloc_array(CHUNK_BYTES, 1);
	for (size_t i = 0; i < image->segment_count; i++)
		if (!write_segment(target, &image->segments[i], image->bias, fd, chunk, error))
			return false;
	// The section headers are no part of memory.
	if (pwrite(fd, zeros, 8, SECTION_FIELDS) != 8 || pwrite(fd, zeros, 6, SECTION_COUNTS) != 6)
		return error_set(error, ERROR_LIMIT, "no memory for the executable");
	return true;
}
