// SPDX-License-Identifier: Apache-2.0
// In: an open bbolt database and the path of a key. Out: its value.
#include "system/bolt.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/reader.h"

enum {
	MAGIC = 0xed0cdaed,
	VERSION = 2,
	PAGE_HEADER_BYTES = 16,
	ELEMENT_BYTES = 16, // of branches and of leaves
	META_BYTES = 64,    // with its checksum, the last 8
	PAGE_BYTES_MIN = 512,
	PAGE_BYTES_MAX = 64 << 10,
	PAGE_WITH_OVERFLOW_MAX = 16 << 20,
	LOOK_UP_BYTES_MAX = 64 << 20,
	DEPTH_MAX = 64,
	TRIES = 5,
};

enum page_flags { PAGE_BRANCH = 1, PAGE_LEAF = 2 };
enum leaf_flags { LEAF_BUCKET = 1 };

struct meta {
	uint32_t page_bytes;
	uint64_t root, page_count, transaction;
};

struct bolt {
	int fd;
	struct meta meta;
	uint64_t bytes_left; // how much one look-up may read
};

// A page in memory, or one that lies inside of a value.
struct page {
	uint8_t *owned; // NULL: borrowed
	const uint8_t *data;
	size_t size;
	uint16_t flags, count;
};

struct slice {
	const uint8_t *data;
	size_t size;
};

struct element {
	uint32_t flags; // of a leaf
	uint64_t page;  // of a branch
	struct slice key, value;
};

static bool bad(struct error *error, const char *what)
{
	return error_set(error, ERROR_BAD_DATA, "bolt database: %s", what);
}

static bool read_at(int fd, void *buffer, size_t size, uint64_t offset)
{
	for (size_t used = 0; used < size;) {
		ssize_t got = pread(fd, (char *)buffer + used, size - used, (off_t)(offset + used));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		used += (size_t)got;
	}
	return true;
}

// FNV-1a, 64 bits.
static uint64_t checksum(const uint8_t *data, size_t size)
{
	uint64_t sum = 0xcbf29ce484222325;
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ data[i]) * 0x100000001b3;
	return sum;
}

static bool read_meta(int fd, uint64_t offset, struct meta *meta)
{
	uint8_t data[META_BYTES];
	if (!read_at(fd, data, sizeof data, offset + PAGE_HEADER_BYTES))
		return false;
	struct reader reader = reader_over(data, sizeof data);
	bool ours = reader_u32(&reader) == MAGIC && reader_u32(&reader) == VERSION;
	meta->page_bytes = reader_u32(&reader);
	reader_skip(&reader, 4); // flags
	meta->root = reader_u64(&reader);
	reader_skip(&reader, 16); // the root's sequence, the free list
	meta->page_count = reader_u64(&reader);
	meta->transaction = reader_u64(&reader);
	return ours && reader_u64(&reader) == checksum(data, META_BYTES - 8) &&
	       meta->page_bytes >= PAGE_BYTES_MIN && meta->page_bytes <= PAGE_BYTES_MAX;
}

// There are two, written in turns: the newer whole one counts.
static bool find_meta(int fd, struct meta *meta)
{
	struct meta first, second;
	bool has_first = read_meta(fd, 0, &first), has_second = false;
	if (has_first)
		has_second = read_meta(fd, first.page_bytes, &second);
	for (uint32_t size = PAGE_BYTES_MIN; !has_first && !has_second && size <= PAGE_BYTES_MAX;
	     size *= 2)
		has_second = read_meta(fd, size, &second) && second.page_bytes == size;
	if (!has_first && !has_second)
		return false;
	*meta = has_second && (!has_first || second.transaction > first.transaction) ? second
										     : first;
	return true;
}

static void page_deinit(struct page *page)
{
	free(page->owned);
}

static bool page_over(const uint8_t *data, size_t size, uint64_t id, struct page *page,
		      struct error *error)
{
	struct reader reader = reader_over(data, size);
	uint64_t own_id = reader_u64(&reader);
	page->flags = reader_u16(&reader);
	page->count = reader_u16(&reader);
	page->data = data;
	page->size = size;
	reader_skip(&reader, 4); // overflow
	if (!reader_ok(&reader) || own_id != id)
		return bad(error, "a page is not the one that it should be");
	if (page->flags != PAGE_BRANCH && page->flags != PAGE_LEAF)
		return bad(error, "a page is neither a branch nor a leaf");
	if ((uint64_t)page->count * ELEMENT_BYTES > size - PAGE_HEADER_BYTES)
		return bad(error, "a page holds more than fits in it");
	return true;
}

static bool page_read(struct bolt *bolt, uint64_t id, struct page *page, struct error *error)
{
	uint8_t header[PAGE_HEADER_BYTES];
	uint64_t size = bolt->meta.page_bytes, offset;
	if (id < 2 || id >= bolt->meta.page_count || __builtin_mul_overflow(id, size, &offset) ||
	    offset > INT64_MAX - PAGE_WITH_OVERFLOW_MAX)
		return bad(error, "a page lies outside of it");
	if (!read_at(bolt->fd, header, sizeof header, offset))
		return bad(error, "it is cut");
	struct reader reader = reader_over(header, sizeof header);
	reader_skip(&reader, 12);
	size *= (uint64_t)reader_u32(&reader) + 1;
	if (size > PAGE_WITH_OVERFLOW_MAX || size > bolt->bytes_left)
		return error_set(error, ERROR_LIMIT, "bolt database: pages of more than %d MiB",
				 PAGE_WITH_OVERFLOW_MAX >> 20);
	bolt->bytes_left -= size;
	_cleanup_free_ uint8_t *data = alloc_try_array(size, 1);
	if (!data || !read_at(bolt->fd, data, size, offset))
		return bad(error, "it is cut");
	if (!page_over(data, size, id, page, error))
		return false;
	page->owned = take_ptr(data);
	return true;
}

static struct slice take_slice(struct reader *reader, uint64_t size)
{
	const uint8_t *data = reader_bytes(reader, size);
	return (struct slice){data, data ? size : 0};
}

static bool get_element(const struct page *page, size_t index, struct element *element,
			struct error *error)
{
	struct reader reader = reader_over(page->data, page->size);
	uint64_t at = PAGE_HEADER_BYTES + index * ELEMENT_BYTES, value_bytes = 0;
	*element = (struct element){0};
	reader_seek(&reader, at);
	if (page->flags == PAGE_LEAF)
		element->flags = reader_u32(&reader);
	uint64_t position = reader_u32(&reader), key_bytes = reader_u32(&reader);
	if (page->flags == PAGE_LEAF)
		value_bytes = reader_u32(&reader);
	else
		element->page = reader_u64(&reader);
	reader_seek(&reader, at + position);
	element->key = take_slice(&reader, key_bytes);
	element->value = take_slice(&reader, value_bytes);
	return reader_ok(&reader) || bad(error, "a key lies outside of its page");
}

static int compare(struct slice key, const char *wanted)
{
	size_t length = strlen(wanted), common = key.size < length ? key.size : length;
	int order = common ? memcmp(key.data, wanted, common) : 0;
	return order ? order : (key.size > length) - (key.size < length);
}

// The last element whose key is not above `wanted`; *exact when it is that key.
static bool search(const struct page *page, const char *wanted, struct element *found, bool *exact,
		   struct error *error)
{
	size_t low = 0, high = page->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (!get_element(page, middle, found, error))
			return false;
		if (compare(found->key, wanted) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (!page->count)
		return bad(error, "an empty page");
	// What lies below the first key of a branch would still belong to its first page.
	if (!get_element(page, low ? low - 1 : 0, found, error))
		return false;
	*exact = compare(found->key, wanted) == 0;
	return true;
}

static bool not_there(const char *name, struct error *error)
{
	return error_set(error, ERROR_NOT_FOUND, "bolt database: no %.200s", name);
}

// From the root page of a bucket down to the leaf that may hold the key. *page stays open: the
// element borrows from it.
static bool descend(struct bolt *bolt, const char *key, struct page *page, struct element *found,
		    struct error *error)
{
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		bool exact = false;
		if (page->flags == PAGE_LEAF && !page->count)
			return not_there(key, error);
		if (!search(page, key, found, &exact, error))
			return false;
		if (page->flags == PAGE_LEAF)
			return exact || not_there(key, error);
		struct page next = {0};
		if (!page_read(bolt, found->page, &next, error))
			return false;
		page_deinit(page);
		*page = next;
	}
	return bad(error, "its tree is too deep");
}

// Replaces the page that holds the element of a bucket by the bucket's root page.
static bool enter_bucket(struct bolt *bolt, const struct element *element, struct page *page,
			 struct error *error)
{
	struct reader reader = reader_over(element->value.data, element->value.size);
	uint64_t root = reader_u64(&reader);
	struct page next = {0};
	reader_skip(&reader, 8); // sequence
	if (!reader_ok(&reader))
		return bad(error, "a bucket is cut");
	if (root) {
		if (!page_read(bolt, root, &next, error))
			return false;
	} else {
		size_t size = element->value.size - reader.offset;
		next.owned = alloc_try_array(size + 1, 1);
		if (!next.owned)
			return error_set(error, ERROR_LIMIT, "no memory for a bucket");
		memcpy(next.owned, element->value.data + reader.offset, size);
		if (!page_over(next.owned, size, 0, &next, error)) {
			page_deinit(&next);
			return false;
		}
	}
	page_deinit(page);
	*page = next;
	return true;
}

static bool look_up(struct bolt *bolt, const char *const *path, size_t path_count, char *value,
		    size_t capacity, struct error *error)
{
	_cleanup_(page_deinit) struct page page = {0};
	struct element found = {0};
	if (!page_read(bolt, bolt->meta.root, &page, error))
		return false;
	for (size_t i = 0; i < path_count; i++) {
		bool last = i + 1 == path_count;
		if (!descend(bolt, path[i], &page, &found, error))
			return false;
		if (!(found.flags & LEAF_BUCKET) != last)
			return not_there(path[i], error);
		if (!last && !enter_bucket(bolt, &found, &page, error))
			return false;
	}
	size_t length = found.value.size < capacity - 1 ? found.value.size : capacity - 1;
	if (length)
		memcpy(value, found.value.data, length);
	value[length] = '\0';
	return true;
}

bool bolt_get(int fd, const char *const *path, size_t path_count, char *value, size_t capacity,
	      struct error *error)
{
	for (int try = 0; try < TRIES; try++) {
		struct bolt bolt = {.fd = fd, .bytes_left = LOOK_UP_BYTES_MAX};
		struct meta after;
		struct error failure = {0};
		if (!find_meta(fd, &bolt.meta))
			return bad(error, "no whole meta page");
		_cleanup_free_ char *copy = alloc_zero(capacity);
		bool ok = look_up(&bolt, path, path_count, copy, capacity, &failure);
		if (!find_meta(fd, &after) || after.transaction != bolt.meta.transaction)
			continue;
		if (ok)
			memcpy(value, copy, capacity);
		else if (error)
			*error = failure;
		return ok;
	}
	return error_set(error, ERROR_LIMIT, "bolt database: it changes faster than it is read");
}
