// SPDX-License-Identifier: Apache-2.0
// A text that goes to a file as it grows. The first failure sticks. Private to report/.
#pragma once

#include "base/error.h"
#include "base/file.h"
#include "base/strbuf.h"

enum { STREAM_BYTES = 256 << 10 };

struct stream {
	struct strbuf text;
	int fd;
	const char *path;
	bool failed;
	struct error *error;
};

static inline void stream_flush(struct stream *stream)
{
	if (!stream->failed && stream->text.length)
		stream->failed = !file_write(stream->fd, stream->path, stream->text.text,
					     stream->text.length, stream->error);
	strbuf_clear(&stream->text);
}

// Between two pieces.
static inline void stream_step(struct stream *stream)
{
	if (stream->text.length >= STREAM_BYTES)
		stream_flush(stream);
}

static inline bool stream_end(struct stream *stream)
{
	stream_flush(stream);
	strbuf_deinit(&stream->text);
	return !stream->failed;
}
