// SPDX-License-Identifier: Apache-2.0
// In: the files of a cgroup. Out: bytes; and back, from bytes that are checked.
#include "system/file_survey.h"

#include <limits.h>
#include <string.h>

#include "base/reader.h"

enum { TEXT_MAX = PATH_MAX + 256 };

static void pack_u64(struct strbuf *out, uint64_t value)
{
	uint64_t little = htole64(value);
	strbuf_add_bytes(out, &little, sizeof little);
}

static void pack_known(struct strbuf *out, struct known_u64 number)
{
	pack_u64(out, number.known);
	pack_u64(out, number.value);
}

static void pack_text(struct strbuf *out, const char *text)
{
	size_t length = strlen(text);
	length = length < TEXT_MAX ? length : TEXT_MAX;
	pack_u64(out, length);
	strbuf_add_bytes(out, text, length);
}

static void pack_file(struct strbuf *out, const struct cached_file *file)
{
	const bool flags[] = {file->deleted, file->log,     file->rotated,
			      file->shmem,   file->sampled, file->cut};
	pack_text(out, file->path);
	pack_text(out, file->mount);
	pack_u64(out, (uint64_t)file->found);
	pack_u64(out, (uint64_t)file->pid);
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		pack_u64(out, flags[i]);
	pack_u64(out, file->size_bytes);
	pack_u64(out, file->cached_bytes);
	pack_known(out, file->dirty_bytes);
	pack_known(out, file->writeback_bytes);
	pack_known(out, file->evicted_bytes);
	pack_known(out, file->charged_bytes);
}

void file_cache_pack(const struct file_cache *cache, struct strbuf *out)
{
	pack_u64(out, cache->files_seen);
	pack_u64(out, cache->processes_seen);
	pack_u64(out, cache->processes_gone);
	pack_u64(out, cache->remote_files);
	pack_u64(out, cache->unreadable_files);
	pack_u64(out, cache->charge_known);
	pack_u64(out, (uint64_t)cache->charge_absent.code);
	pack_text(out, cache->charge_absent.message);
	pack_u64(out, cache->partial);
	pack_text(out, cache->partial_reason);
	pack_u64(out, cache->list.count);
	VEC_FOREACH (file, &cache->list)
		pack_file(out, file);
}

static struct known_u64 unpack_known(struct reader *reader)
{
	bool is_known = reader_u64(reader) != 0;
	uint64_t value = reader_u64(reader);
	return is_known ? known(value) : (struct known_u64){0};
}

// In the arena; "" after a failure.
static const char *unpack_text(struct reader *reader, struct arena *arena)
{
	uint64_t length = reader_u64(reader);
	if (length > TEXT_MAX)
		reader_fail(reader);
	const uint8_t *text = reader_bytes(reader, length);
	const char *copy = text ? arena_string(arena, (const char *)text, length) : NULL;
	return copy ? copy : "";
}

static void unpack_into(struct reader *reader, char *buffer, size_t capacity)
{
	uint64_t length = reader_u64(reader);
	const uint8_t *text = reader_bytes(reader, length);
	size_t used = length < capacity - 1 ? length : capacity - 1;
	if (text)
		memcpy(buffer, text, used);
	buffer[text ? used : 0] = '\0';
}

static struct cached_file unpack_file(struct reader *reader, struct arena *arena)
{
	struct cached_file file = {.path = unpack_text(reader, arena)};
	bool *const flags[] = {&file.deleted, &file.log,     &file.rotated,
			       &file.shmem,   &file.sampled, &file.cut};
	file.mount = unpack_text(reader, arena);
	uint64_t found = reader_u64(reader);
	file.found = found <= FILE_SYSV ? (enum file_found)found : FILE_BESIDE;
	file.pid = (pid_t)(reader_u64(reader) & INT_MAX);
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		*flags[i] = reader_u64(reader) != 0;
	file.size_bytes = reader_u64(reader);
	file.cached_bytes = reader_u64(reader);
	file.dirty_bytes = unpack_known(reader);
	file.writeback_bytes = unpack_known(reader);
	file.evicted_bytes = unpack_known(reader);
	file.charged_bytes = unpack_known(reader);
	return file;
}

bool file_cache_unpack(const void *data, size_t size, struct file_cache *out, struct error *error)
{
	struct reader reader = reader_over(data, size);
	struct file_cache cache = {0};
	cache.files_seen = reader_u64(&reader);
	cache.processes_seen = reader_u64(&reader);
	cache.processes_gone = reader_u64(&reader);
	cache.remote_files = reader_u64(&reader);
	cache.unreadable_files = reader_u64(&reader);
	cache.charge_known = reader_u64(&reader) != 0;
	uint64_t code = reader_u64(&reader);
	cache.charge_absent.code = code <= ERROR_USAGE ? (enum error_code)code : ERROR_BAD_DATA;
	unpack_into(&reader, cache.charge_absent.message, sizeof cache.charge_absent.message);
	cache.partial = reader_u64(&reader) != 0;
	unpack_into(&reader, cache.partial_reason, sizeof cache.partial_reason);
	uint64_t count = reader_u64(&reader);
	if (count > FILE_CACHE_FILES_MAX)
		reader_fail(&reader);
	for (uint64_t i = 0; i < count && reader_ok(&reader); i++) {
		struct cached_file file = unpack_file(&reader, &cache.texts);
		vec_push(&cache.list, file);
	}
	if (reader_ok(&reader) && !reader_at_end(&reader))
		reader_fail(&reader);
	if (!reader_check(&reader, "the list of files", error)) {
		file_cache_deinit(&cache);
		return false;
	}
	*out = cache;
	return true;
}
