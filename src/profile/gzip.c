// SPDX-License-Identifier: Apache-2.0
// In: bytes. Out: the same compressed or decompressed, within a limit.
#include "profile/gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/cleanup.h"

enum {
	GZIP_WINDOW_BITS = 15 + 16, // zlib's way to say "with a gzip header"
	GZIP_LEVEL = 1,             // the quickest; a capture must not burn the node's CPU
	GZIP_MEMORY_LEVEL = 8,
};
#define GZIP_FIRST_BYTES ((size_t)64 << 10)
#define GZIP_STEP_BYTES  ((size_t)1 << 30) // zlib counts in 32 bits

struct output {
	uint8_t *data;
	size_t used, capacity;
};

bool gzip_is(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

// zlib's 32-bit counter takes what is left in steps.
static uInt step(size_t left)
{
	return (uInt)(left < GZIP_STEP_BYTES ? left : GZIP_STEP_BYTES);
}

// Room for one byte more than `limit_bytes`, so that reaching the limit is seen.
static bool make_room(struct output *output, size_t limit_bytes, struct error *error)
{
	if (output->used > limit_bytes)
		return error_set(error, ERROR_LIMIT, "gzip: more than %zu bytes when decompressed",
				 limit_bytes);
	if (output->used < output->capacity)
		return true;
	size_t wanted = output->capacity ? output->capacity * 2 : GZIP_FIRST_BYTES;
	if (wanted > limit_bytes)
		wanted = limit_bytes + 1;
	uint8_t *grown = realloc(output->data, wanted);
	if (!grown)
		return error_set(error, ERROR_LIMIT, "gzip: no memory for %zu bytes", wanted);
	output->data = grown;
	output->capacity = wanted;
	return true;
}

static int inflate_step(z_stream *stream, const uint8_t *input, size_t size, size_t *consumed,
			struct output *output)
{
	uInt in = step(size - *consumed), out = step(output->capacity - output->used);
	stream->next_in = (z_const Bytef *)(uintptr_t)(input + *consumed);
	stream->avail_in = in;
	stream->next_out = output->data + output->used;
	stream->avail_out = out;
	int status = inflate(stream, Z_NO_FLUSH);
	*consumed += in - stream->avail_in;
	output->used += out - stream->avail_out;
	return status;
}

static bool inflate_all(z_stream *stream, const uint8_t *input, size_t size, size_t limit_bytes,
			struct output *output, struct error *error)
{
	size_t consumed = 0;
	for (;;) {
		if (!make_room(output, limit_bytes, error))
			return false;
		int status = inflate_step(stream, input, size, &consumed, output);
		if (status == Z_STREAM_END && consumed == size)
			return output->used <= limit_bytes || make_room(output, limit_bytes, error);
		if (status == Z_STREAM_END)
			status = inflateReset(stream);
		else if (status == Z_OK && consumed == size && output->used < output->capacity)
			status = Z_BUF_ERROR; // all was given, and more is wanted
		if (status != Z_OK)
			return error_set(error, ERROR_BAD_DATA,
					 "gzip: truncated or damaged at offset %zu of %zu",
					 consumed, size);
	}
}

bool gzip_decompress(const void *data, size_t size, size_t limit_bytes, uint8_t **plain,
		     size_t *plain_size, struct error *error)
{
	z_stream stream = {0};
	struct output output = {0};
	if (inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK)
		return error_set(error, ERROR_LIMIT, "gzip: no memory to decompress");
	bool ok = inflate_all(&stream, data, size, limit_bytes, &output, error);
	inflateEnd(&stream);
	if (!ok) {
		free(output.data);
		return false;
	}
	*plain = output.data;
	*plain_size = output.used;
	return true;
}

// `output` has deflateBound() bytes, so this never waits for room.
static bool deflate_all(z_stream *stream, const uint8_t *plain, size_t size, struct output *output)
{
	size_t consumed = 0;
	int status = Z_OK;
	while (status == Z_OK) {
		uInt in = step(size - consumed), out = step(output->capacity - output->used);
		stream->next_in = (z_const Bytef *)(uintptr_t)(plain + consumed);
		stream->avail_in = in;
		stream->next_out = output->data + output->used;
		stream->avail_out = out;
		status = deflate(stream, consumed + in == size ? Z_FINISH : Z_NO_FLUSH);
		consumed += in - stream->avail_in;
		output->used += out - stream->avail_out;
	}
	return status == Z_STREAM_END;
}

bool gzip_compress(const void *plain, size_t plain_size, uint8_t **data, size_t *size,
		   struct error *error)
{
	z_stream stream = {0};
	struct output output = {0};
	if (deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return error_set(error, ERROR_LIMIT, "gzip: no memory to compress");
	output.capacity = deflateBound(&stream, plain_size);
	output.data = malloc(output.capacity);
	bool ok = output.data && deflate_all(&stream, plain, plain_size, &output);
	deflateEnd(&stream);
	if (!ok) {
		free(output.data);
		return error_set(error, ERROR_LIMIT, "gzip: no memory for %zu bytes",
				 output.capacity);
	}
	*data = output.data;
	*size = output.used;
	return true;
}
