// SPDX-License-Identifier: Apache-2.0
// In: a process, its cgroup and the machine, as the kernel counts them. Out: whether there is room
// for a copy.
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/units.h"
#include "system/frozen.h"
#include "system/inject.h"
#include "system/text_priv.h"

enum {
	ROOM_DIVISOR = 4,      // of what is resident: a service dirties less while it is read
	STRICT_OVERCOMMIT = 2, // of vm.overcommit_memory
	MEMINFO_TEXT_MAX = 8192,
};

// Copying a process copies its page tables, while it is stopped: 64 MiB of them, for 32 GiB, are
// about a second.
#define PAGE_TABLES_MAX ((uint64_t)64 << 20)

struct machine {
	struct known_u64 available_bytes, commit_limit_bytes, committed_bytes;
};

static bool refuse_room(const char *where, uint64_t room, uint64_t need, struct error *error)
{
	error_set(error, ERROR_UNSUPPORTED,
		  "no room for a frozen copy: %s leaves %s, and a copy may come to cost %s", where,
		  human_bytes((int64_t)room).text, human_bytes((int64_t)need).text);
	return error_hint(error, "--mode stop needs no room");
}

static bool check_level(struct cgroup *cgroup, uint64_t need, struct error *error)
{
	struct cgroup_stat stat;
	if (!cgroup_stat(cgroup, &stat, NULL) || !stat.limit.known || stat.limit.unlimited)
		return true;
	uint64_t usage = stat.counts.usage_bytes.value;
	uint64_t cache = stat.file_bytes.value - stat.shmem_bytes.value;
	cache = stat.file_bytes.value < stat.shmem_bytes.value ? 0 : cache;
	uint64_t reclaimable = cache + stat.slab_reclaimable_bytes.value;
	uint64_t used = usage > reclaimable ? usage - reclaimable : 0;
	uint64_t room = stat.limit.bytes > used ? stat.limit.bytes - used : 0;
	char where[PATH_MAX + 64];
	if (room >= need)
		return true;
	snprintf(where, sizeof where, "the limit of %s of cgroup %s",
		 human_bytes((int64_t)stat.limit.bytes).text, cgroup_get_path(cgroup));
	return refuse_room(where, room, need, error);
}

// This one and those above it that can be seen: any of them may be the tightest.
static bool check_cgroups(struct cgroup *cgroup, uint64_t need, struct error *error)
{
	char path[PATH_MAX];
	if (!check_level(cgroup, need, error))
		return false;
	snprintf(path, sizeof path, "%s", cgroup_get_path(cgroup));
	for (int depth = 0; depth < CGROUP_DEPTH_MAX; depth++) {
		struct cgroup *above = NULL;
		char *slash = strrchr(path, '/');
		if (!slash || slash == path)
			return true;
		*slash = '\0';
		if (!cgroup_open(path, &above, NULL))
			return true;
		bool ok = check_level(above, need, error);
		cgroup_close(above);
		if (!ok)
			return false;
	}
	return true;
}

static bool read_machine(struct machine *machine, struct error *error)
{
	static const struct text_row rows[] = {
		{"MemAvailable", offsetof(struct machine, available_bytes)},
		{"CommitLimit", offsetof(struct machine, commit_limit_bytes)},
		{"Committed_AS", offsetof(struct machine, committed_bytes)},
	};
	char text[MEMINFO_TEXT_MAX];
	_cleanup_close_ int fd = -1;
	*machine = (struct machine){0};
	return file_open(AT_FDCWD, "/proc/meminfo", &fd, error) &&
	       file_read_into(fd, "/proc/meminfo", text, sizeof text, error) &&
	       text_assign_all(text_over(text), rows, sizeof rows / sizeof rows[0], machine,
			       "/proc/meminfo", error);
}

static bool overcommits_strictly(void)
{
	char text[16] = "";
	_cleanup_close_ int fd = -1;
	return file_open(AT_FDCWD, "/proc/sys/vm/overcommit_memory", &fd, NULL) &&
	       file_read_into(fd, "overcommit_memory", text, sizeof text, NULL) &&
	       text[0] == '0' + STRICT_OVERCOMMIT;
}

static bool check_machine(const struct process_status *status, uint64_t need, struct error *error)
{
	struct machine machine;
	if (!read_machine(&machine, error))
		return false;
	if (machine.available_bytes.known && machine.available_bytes.value < need)
		return refuse_room("the machine", machine.available_bytes.value, need, error);
	if (!overcommits_strictly())
		return true;
	// The kernel counts all that the copy could ever write.
	uint64_t whole = status->vm_data_bytes.value + need;
	uint64_t limit = machine.commit_limit_bytes.value, used = machine.committed_bytes.value;
	uint64_t room = limit > used ? limit - used : 0;
	return room >= whole ||
	       refuse_room("CommitLimit (vm.overcommit_memory is 2)", room, whole, error);
}

static bool check_kind(const struct process_files *files, const struct process_status *status,
		       struct error *error)
{
	int pid = (int)files->pid;
	if (status->state == 'T') {
		error_set(error, ERROR_UNSUPPORTED,
			  "process %d is stopped by job control and cannot make a copy", pid);
		return error_hint(error, "it stands still already: read it with --mode stop");
	}
	if (!status->seccomp_mode.known || status->seccomp_mode.value) {
		error_set(error, ERROR_UNSUPPORTED,
			  "process %d is under seccomp: making it call clone() might kill it", pid);
		return error_hint(error, "--mode stop makes it call nothing");
	}
	if (status->vm_pte_bytes.value <= PAGE_TABLES_MAX)
		return true;
	error_set(error, ERROR_UNSUPPORTED,
		  "process %d has %s of page tables: to copy them would stop it for too long", pid,
		  human_bytes((int64_t)status->vm_pte_bytes.value).text);
	return error_hint(error, "--mode stop stops it for its metadata only");
}

bool frozen_check(const struct process_files *files, struct cgroup *cgroup, struct error *error)
{
	struct process_status status;
	if (!inject_supported(error) || !tracer_check(files, error) ||
	    !process_status_read(files, &status, error) || !check_kind(files, &status, error))
		return false;
	uint64_t need = status.vm_rss_bytes.value / ROOM_DIVISOR;
	return (!cgroup || check_cgroups(cgroup, need, error)) &&
	       check_machine(&status, need, error);
}
