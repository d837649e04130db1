// SPDX-License-Identifier: Apache-2.0
// In: a descriptor. Out: the bytes of a text, whatever they were packed in.
#include "crash/input.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"

enum { RAW_BYTES = 64 << 10, GZIP_WINDOW_BITS = 15 + 16, ZSTD_WINDOW_LOG_MAX = 25 };

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_ZSTD, PACKING_UTF16_LE, PACKING_UTF16_BE };

struct crash_input {
	int fd;
	const char *path;
	enum packing packing;
	uint8_t *raw;
	size_t raw_start, raw_end;
	bool at_end, cut;
	bool open; // in the middle of a compressed member
	z_stream gzip;
	ZSTD_DCtx *zstd;
};

// Fills `raw`, which is empty.
static bool refill(struct crash_input *input, size_t keep, struct error *error)
{
	ssize_t got;
	do
		got = read(input->fd, input->raw + keep, RAW_BYTES - keep);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_set_os(error, errno, "cannot read %s", input->path);
	input->at_end = got == 0;
	input->raw_start = 0;
	input->raw_end = keep + (size_t)got;
	return true;
}

static bool fill_start(struct crash_input *input, struct error *error)
{
	while (input->raw_end < 4 && !input->at_end)
		if (!refill(input, input->raw_end, error))
			return false;
	return true;
}

static enum packing find_packing(const uint8_t *data, size_t size)
{
	static const struct {
		uint8_t magic[4];
		size_t size;
		enum packing packing;
	} rows[] = {
		{{0x1f, 0x8b}, 2, PACKING_GZIP},
		{{0x28, 0xb5, 0x2f, 0xfd}, 4, PACKING_ZSTD},
		{{0xff, 0xfe}, 2, PACKING_UTF16_LE},
		{{0xfe, 0xff}, 2, PACKING_UTF16_BE},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (size >= rows[i].size && memcmp(data, rows[i].magic, rows[i].size) == 0)
			return rows[i].packing;
	return PACKING_NONE;
}

static bool open_packing(struct crash_input *input, struct error *error)
{
	if (input->packing == PACKING_GZIP && inflateInit2(&input->gzip, GZIP_WINDOW_BITS) != Z_OK)
		return error_set(error, ERROR_LIMIT, "no memory to decompress");
	if (input->packing == PACKING_ZSTD) {
		input->zstd = ZSTD_createDCtx();
		if (!input->zstd)
			return error_set(error, ERROR_LIMIT, "no memory to decompress");
		ZSTD_DCtx_setParameter(input->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
	}
	if (input->packing == PACKING_UTF16_LE || input->packing == PACKING_UTF16_BE)
		input->raw_start = 2;
	return true;
}

bool crash_input_open(int fd, const char *path, struct crash_input **input, struct error *error)
{
	struct crash_input *made = alloc_zero(sizeof *made);
	made->fd = fd;
	made->path = path;
	made->raw = alloc_zero(RAW_BYTES);
	if (fill_start(made, error)) {
		made->packing = find_packing(made->raw, made->raw_end);
		if (open_packing(made, error)) {
			*input = made;
			return true;
		}
	}
	made->packing = PACKING_NONE;
	crash_input_free(made);
	return false;
}

void crash_input_free(struct crash_input *input)
{
	if (!input)
		return;
	if (input->packing == PACKING_GZIP)
		inflateEnd(&input->gzip);
	ZSTD_freeDCtx(input->zstd);
	free(input->raw);
	free(input);
}

bool crash_input_is_cut(const struct crash_input *input)
{
	return input->cut;
}

static size_t take_plain(struct crash_input *input, uint8_t *buffer, size_t capacity)
{
	size_t size = input->raw_end - input->raw_start;
	size = size < capacity ? size : capacity;
	memcpy(buffer, input->raw + input->raw_start, size);
	input->raw_start += size;
	return size;
}

static void damage(struct crash_input *input)
{
	input->cut = input->at_end = true;
	input->raw_start = input->raw_end;
}

// Members one behind the other are one text.
static size_t take_gzip(struct crash_input *input, uint8_t *buffer, size_t capacity)
{
	z_stream *stream = &input->gzip;
	if (input->raw_start == input->raw_end)
		return 0;
	stream->next_in = input->raw + input->raw_start;
	stream->avail_in = (uInt)(input->raw_end - input->raw_start);
	stream->next_out = buffer;
	stream->avail_out = (uInt)capacity;
	int status = inflate(stream, Z_NO_FLUSH);
	input->raw_start = input->raw_end - stream->avail_in;
	input->open = status != Z_STREAM_END;
	if (status == Z_STREAM_END)
		status = inflateReset(stream);
	if (status != Z_OK && status != Z_BUF_ERROR)
		damage(input);
	return capacity - stream->avail_out;
}

static size_t take_zstd(struct crash_input *input, uint8_t *buffer, size_t capacity)
{
	if (input->raw_start == input->raw_end && !input->open)
		return 0;
	ZSTD_inBuffer in = {input->raw + input->raw_start, input->raw_end - input->raw_start, 0};
	ZSTD_outBuffer out = {buffer, capacity, 0};
	size_t status = ZSTD_decompressStream(input->zstd, &out, &in);
	input->raw_start += in.pos;
	input->open = status != 0;
	if (ZSTD_isError(status))
		damage(input);
	return out.pos;
}

// What is beyond the first 2048 characters of Unicode plays no role in a crash: '?'.
static size_t take_utf16(struct crash_input *input, uint8_t *buffer, size_t capacity)
{
	size_t used = 0;
	int low = input->packing == PACKING_UTF16_LE ? 0 : 1;
	for (; input->raw_end - input->raw_start >= 2 && used + 2 <= capacity;
	     input->raw_start += 2) {
		const uint8_t *pair = input->raw + input->raw_start;
		unsigned int unit = pair[low] | (unsigned int)pair[1 - low] << 8;
		if (unit < 0x80) {
			buffer[used++] = (uint8_t)unit;
		} else if (unit < 0x800) {
			buffer[used++] = (uint8_t)(0xc0 | unit >> 6);
			buffer[used++] = (uint8_t)(0x80 | (unit & 0x3f));
		} else {
			buffer[used++] = '?';
		}
	}
	return used;
}

static size_t take(struct crash_input *input, uint8_t *buffer, size_t capacity)
{
	switch (input->packing) {
	case PACKING_GZIP:
		return take_gzip(input, buffer, capacity);
	case PACKING_ZSTD:
		return take_zstd(input, buffer, capacity);
	case PACKING_UTF16_LE:
	case PACKING_UTF16_BE:
		return take_utf16(input, buffer, capacity);
	default:
		return take_plain(input, buffer, capacity);
	}
}

// What is left over and does not suffice moves to the front.
static bool more(struct crash_input *input, struct error *error)
{
	size_t left = input->raw_end - input->raw_start;
	if (left == RAW_BYTES) {
		damage(input); // a decompressor that takes nothing
		return true;
	}
	memmove(input->raw, input->raw + input->raw_start, left);
	return refill(input, left, error);
}

bool crash_input_read(struct crash_input *input, void *buffer, size_t capacity, size_t *size,
		      struct error *error)
{
	*size = 0;
	for (;;) {
		*size = take(input, buffer, capacity);
		input->cut = input->cut || (input->at_end && !*size && input->open);
		if (*size || input->at_end)
			return true;
		if (!more(input, error))
			return false;
	}
}
