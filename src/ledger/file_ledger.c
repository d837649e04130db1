// SPDX-License-Identifier: Apache-2.0
// In: files with what they have in memory. Out: rows that sum to the cgroup's page cache, and to
// its shared memory.
#include "ledger/file_ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/strbuf.h"
#include "base/units.h"

enum { FILES_SHOWN = 20, MOUNTS_SHOWN = 20, MOUNT_FILES_SHOWN = 10 };

// As many files as there may be sum up in bounds, whatever a file system says.
static int64_t bytes_of(struct known_u64 number)
{
	const uint64_t most = INT64_MAX / FILE_CACHE_FILES_MAX / 4;
	if (!number.known)
		return 0;
	return (int64_t)(number.value < most ? number.value : most);
}

static int64_t file_bytes(const struct file_cache *files, const struct cached_file *file)
{
	// Where others are told, one that is not told has just gone.
	return files->charge_known ? bytes_of(file->charged_bytes)
				   : bytes_of(known(file->cached_bytes));
}

static void add_part(struct strbuf *note, const char *text)
{
	if (note->length)
		strbuf_add(note, _(", "));
	strbuf_add(note, text);
}

static bool never_had_a_name(const struct cached_file *file)
{
	return file->shmem && file->mount[0] != '/';
}

static void describe_place(const struct cached_file *file, struct strbuf *note)
{
	if (file->deleted && !never_had_a_name(file))
		add_part(note, _("deleted"));
	if (file->found == FILE_SYSV)
		add_part(note, _("nobody is attached"));
	if (file->found != FILE_OPEN && file->found != FILE_MAPPED)
		return;
	add_part(note, "");
	strbuf_addf(note,
		    file->found == FILE_OPEN ? _("open by process %d") : _("mapped by process %d"),
		    (int)file->pid);
}

static void describe(const struct file_cache *files, const struct cached_file *file,
		     struct strbuf *note)
{
	int64_t elsewhere = bytes_of(known(file->cached_bytes)) - file_bytes(files, file);
	if (file->rotated)
		add_part(note, _("rotated log"));
	else if (file->log)
		add_part(note, _("log"));
	describe_place(file, note);
	if (file->dirty_bytes.known && file->dirty_bytes.value) {
		add_part(note, "");
		strbuf_addf(note, _("%s of it to be written first"),
			    human_bytes(bytes_of(file->dirty_bytes)).text);
	}
	if (!files->charge_known)
		add_part(note, _("in memory, may be charged elsewhere"));
	else if (elsewhere > 0) {
		add_part(note, "");
		strbuf_addf(note, _("%s more is charged elsewhere"), human_bytes(elsewhere).text);
	}
	if (file->cut)
		add_part(note, _("only its head was looked at"));
	if (file->sampled)
		add_part(note, _("by a sample of its pages"));
}

struct writer {
	const struct file_cache *files;
	struct ledger *ledger;
	bool shmem;
	bool beside; // nothing that is known of the files fits into the sum
	unsigned int flags;
};

static void add_row(struct writer *writer, int depth, const char *key, const char *label,
		    int64_t bytes, unsigned int flags, const char *note)
{
	flags |= writer->flags;
	if (writer->beside)
		ledger_add_beside(writer->ledger, key, label, bytes, flags, note);
	else
		ledger_add(writer->ledger, depth, key, label, bytes, flags, note);
}

static void add_file(struct writer *writer, int depth, const char *key,
		     const struct cached_file *file)
{
	struct strbuf note = {0};
	describe(writer->files, file, &note);
	add_row(writer, depth, key, file->path, file_bytes(writer->files, file),
		file->sampled ? LEDGER_ESTIMATED : 0, note.text);
	strbuf_deinit(&note);
}

static void begin(struct writer *writer, const char *key, const char *label, int64_t total)
{
	int64_t sum = 0;
	writer->ledger->total_key = key;
	writer->ledger->total_label = label;
	writer->ledger->total_bytes = total;
	writer->flags |= writer->files->charge_known ? 0 : LEDGER_ESTIMATED;
	VEC_FOREACH (file, &writer->files->list)
		if (file->shmem == writer->shmem)
			sum += file_bytes(writer->files, file);
	writer->beside = !writer->files->charge_known && sum > total;
}

// ---- page cache ----

static void add_other_files(struct writer *writer, size_t count, int64_t bytes)
{
	char label[64];
	snprintf(label, sizeof label, "%zu other files", count);
	add_row(writer, 0, "cache.files", label, bytes, 0, "");
}

static void add_logs(const struct writer *writer)
{
	int64_t logs = 0, rotated = 0;
	VEC_FOREACH (file, &writer->files->list) {
		int64_t bytes = file->shmem ? 0 : file_bytes(writer->files, file);
		logs += file->log ? bytes : 0;
		rotated += file->rotated ? bytes : 0;
	}
	ledger_add_beside(writer->ledger, "cache.logs", "logs among these files", logs,
			  writer->flags, "");
	ledger_add_beside(writer->ledger, "cache.logs.rotated", "rotated logs among these files",
			  rotated, writer->flags, "");
}

static const char *unnamed_note(const struct file_cache *files)
{
	return files->partial ? files->partial_reason
			      : "files that are closed or deleted, blocks of file systems";
}

void cache_ledger_build(const struct file_cache *files, const struct cgroup_stat *stat,
			struct ledger *out)
{
	struct ledger ledger = {0};
	struct writer writer = {.files = files, .ledger = &ledger, .flags = LEDGER_RECLAIMABLE};
	int64_t total = bytes_of(stat->file_bytes) - bytes_of(stat->shmem_bytes);
	int64_t others = 0, left = total;
	size_t shown = 0, other_count = 0;
	begin(&writer, "cache", "page cache of files", total);
	VEC_FOREACH (file, &files->list) {
		int64_t bytes = file->shmem ? 0 : file_bytes(files, file);
		char key[32];
		if (!bytes)
			continue;
		left -= bytes;
		if (shown == FILES_SHOWN) {
			others += bytes;
			other_count++;
			continue;
		}
		snprintf(key, sizeof key, "cache.file.%zu", ++shown);
		add_file(&writer, 0, key, file);
	}
	add_other_files(&writer, other_count, others);
	if (writer.beside)
		left = total;
	ledger_add(&ledger, 0, "cache.unnamed",
		   left < 0 ? "moved while it was looked at" : "no name was found for it", left,
		   LEDGER_UNEXPLAINED | (left > 0 ? LEDGER_RECLAIMABLE : 0), unnamed_note(files));
	add_logs(&writer);
	*out = ledger;
}

// ---- shared memory ----

struct mount_sum {
	const char *mount;
	int64_t bytes;
};

static int by_bytes(const void *a, const void *b)
{
	const struct mount_sum *left = a, *right = b;
	return (left->bytes < right->bytes) - (left->bytes > right->bytes);
}

typedef VEC(struct mount_sum) mount_sums;

// Mount points are few; the last place takes what is beyond.
static void add_to_mount(mount_sums *mounts, const char *mount, int64_t bytes)
{
	enum { MOUNTS_MAX = 1024 };
	VEC_FOREACH (sum, mounts)
		if (strcmp(sum->mount, mount) == 0) {
			sum->bytes += bytes;
			return;
		}
	if (mounts->count < MOUNTS_MAX)
		vec_push(mounts, {mount, bytes});
}

static void add_mount(struct writer *writer, size_t number, const struct mount_sum *sum)
{
	char key[64], label[64];
	int64_t others = 0;
	size_t shown = 0, other_count = 0;
	snprintf(key, sizeof key, "shmem.mount.%zu", number);
	add_row(writer, 0, key, sum->mount, sum->bytes, 0, "");
	VEC_FOREACH (file, &writer->files->list) {
		int64_t bytes = file_bytes(writer->files, file);
		if (!file->shmem || !bytes || strcmp(file->mount, sum->mount) != 0)
			continue;
		if (shown == MOUNT_FILES_SHOWN) {
			others += bytes;
			other_count++;
			continue;
		}
		snprintf(key, sizeof key, "shmem.mount.%zu.file.%zu", number, ++shown);
		add_file(writer, 1, key, file);
	}
	snprintf(key, sizeof key, "shmem.mount.%zu.files", number);
	snprintf(label, sizeof label, "%zu other files", other_count);
	add_row(writer, 1, key, label, others, 0, "");
}

// Those whose owner the kernel does not tell stand beside.
static void add_unattached(const struct writer *writer)
{
	int64_t bytes = 0;
	VEC_FOREACH (file, &writer->files->list)
		if (file->found == FILE_SYSV)
			bytes += bytes_of(known(file->cached_bytes));
	if (writer->files->charge_known)
		ledger_add_beside(writer->ledger, "shmem.unattached",
				  "SysV segments that nobody is attached to", bytes,
				  LEDGER_ESTIMATED, "may be charged elsewhere");
}

void shmem_ledger_build(const struct file_cache *files, const struct cgroup_stat *stat,
			struct ledger *out)
{
	struct ledger ledger = {0};
	struct writer writer = {.files = files, .ledger = &ledger, .shmem = true};
	int64_t total = bytes_of(stat->shmem_bytes), left = total, others = 0;
	mount_sums mounts = {0};
	begin(&writer, "shmem", "shared memory and tmpfs", total);
	VEC_FOREACH (file, &files->list)
		if (file->shmem && file_bytes(files, file))
			add_to_mount(&mounts, file->mount, file_bytes(files, file));
	if (mounts.count)
		qsort(mounts.items, mounts.count, sizeof *mounts.items, by_bytes);
	for (size_t i = 0; i < mounts.count; i++) {
		left -= mounts.items[i].bytes;
		if (i < MOUNTS_SHOWN)
			add_mount(&writer, i + 1, &mounts.items[i]);
		else
			others += mounts.items[i].bytes;
	}
	vec_deinit(&mounts);
	add_row(&writer, 0, "shmem.mounts", "other mounts", others, 0, "");
	if (writer.beside)
		left = total;
	ledger_add(&ledger, 0, "shmem.unnamed",
		   left < 0 ? "moved while it was looked at" : "no name was found for it", left,
		   LEDGER_UNEXPLAINED,
		   files->partial ? files->partial_reason
				  : "unseen mounts, segments that nobody is attached to");
	add_unattached(&writer);
	*out = ledger;
}
