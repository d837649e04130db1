// SPDX-License-Identifier: Apache-2.0
// In: a process with privileges and open descriptors. Out: one that has only the descriptors.
#include "system/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "system/pagemap.h"

#define NOBODY 65534

static void cleanup_seccomp(scmp_filter_ctx *context)
{
	if (*context)
		seccomp_release(*context);
}

// Calls that touch only open descriptors, our own memory, our own signals, or clocks.
static const int allowed_calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(readv),
	SCMP_SYS(preadv),
	SCMP_SYS(write),
	SCMP_SYS(pwrite64),
	SCMP_SYS(writev),
	SCMP_SYS(pwritev),
	SCMP_SYS(lseek),
	SCMP_SYS(fstat),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(ftruncate),
	SCMP_SYS(close),
	SCMP_SYS(dup),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(sched_yield),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(getrandom),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getgroups),
	SCMP_SYS(getrusage),
	SCMP_SYS(capget),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

// What a database on files needs besides.
static const int file_calls[] = {
	SCMP_SYS(openat),     SCMP_SYS(open),      SCMP_SYS(stat),       SCMP_SYS(lstat),
	SCMP_SYS(newfstatat), SCMP_SYS(access),    SCMP_SYS(faccessat),  SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),   SCMP_SYS(getcwd),    SCMP_SYS(unlink),     SCMP_SYS(unlinkat),
	SCMP_SYS(rename),     SCMP_SYS(renameat2), SCMP_SYS(fcntl),      SCMP_SYS(fallocate),
	SCMP_SYS(fchown),     SCMP_SYS(fchmod),    SCMP_SYS(getdents64), SCMP_SYS(umask),
};

// What a client needs once it is connected.
static const int socket_calls[] = {
	SCMP_SYS(sendto),     SCMP_SYS(recvfrom),    SCMP_SYS(sendmsg),     SCMP_SYS(recvmsg),
	SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(shutdown),
};

static bool rule_failed(int result, const char *what, struct error *error)
{
	return error_set_os(error, -result, "seccomp: cannot allow %s", what);
}

static bool allow_plain(scmp_filter_ctx context, struct error *error)
{
	for (size_t i = 0; i < sizeof allowed_calls / sizeof allowed_calls[0]; i++) {
		int result = seccomp_rule_add(context, SCMP_ACT_ALLOW, allowed_calls[i], 0);
		if (result < 0)
			return rule_failed(result, "a system call", error);
	}
	return true;
}

// Memory: never executable, and only private mappings.
static bool allow_memory(scmp_filter_ctx context, struct error *error)
{
	int result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
				      SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_TYPE, MAP_PRIVATE));
	if (result < 0)
		return rule_failed(result, "mmap", error);
	result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return result >= 0 || rule_failed(result, "mprotect", error);
}

static bool allow_first(scmp_filter_ctx context, int call, unsigned int argument,
			const uint64_t *values, size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		int result = seccomp_rule_add(context, SCMP_ACT_ALLOW, call, 1,
					      SCMP_CMP(argument, SCMP_CMP_EQ, values[i]));
		if (result < 0)
			return rule_failed(result, "a system call with an argument", error);
	}
	return true;
}

static bool allow_limited(scmp_filter_ctx context, struct error *error)
{
	const uint64_t fcntl_commands[] = {F_GETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC};
	const uint64_t prctl_options[] = {PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP, PR_GET_DUMPABLE,
					  PR_CAPBSET_READ};
	const uint64_t self[] = {(uint64_t)getpid()};
	const uint64_t pagemap[] = {pagemap_scan_request()};
	if (!allow_first(context, SCMP_SYS(fcntl), 1, fcntl_commands, 4, error) ||
	    !allow_first(context, SCMP_SYS(prctl), 0, prctl_options, 4, error) ||
	    !allow_first(context, SCMP_SYS(tgkill), 0, self, 1, error) ||
	    !allow_first(context, SCMP_SYS(ioctl), 1, pagemap, 1, error))
		return false;
	// fstat of today's C libraries. An absolute path would pass too: sizes and times, no bytes.
	int result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
				      SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
	return result >= 0 || rule_failed(result, "fstat", error);
}

// Shared mappings are what processes that have the same database open agree by.
static bool allow_files(scmp_filter_ctx context, struct error *error)
{
	for (size_t i = 0; i < sizeof file_calls / sizeof file_calls[0]; i++) {
		int result = seccomp_rule_add(context, SCMP_ACT_ALLOW, file_calls[i], 0);
		if (result < 0)
			return rule_failed(result, "a system call on files", error);
	}
	int result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
				      SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_TYPE, MAP_SHARED));
	return result >= 0 || rule_failed(result, "mmap of a file", error);
}

static bool allow_sockets(scmp_filter_ctx context, struct error *error)
{
	for (size_t i = 0; i < sizeof socket_calls / sizeof socket_calls[0]; i++) {
		int result = seccomp_rule_add(context, SCMP_ACT_ALLOW, socket_calls[i], 0);
		if (result < 0)
			return rule_failed(result, "a system call on sockets", error);
	}
	return true;
}

static bool load_filter(enum sandbox_flags flags, struct error *error)
{
	_cleanup_(cleanup_seccomp) scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!context)
		return error_set(error, ERROR_LIMIT, "seccomp: no memory for the filter");
	if (!allow_plain(context, error) || !allow_memory(context, error) ||
	    !allow_limited(context, error) ||
	    ((flags & SANDBOX_FILES) && !allow_files(context, error)) ||
	    ((flags & SANDBOX_SOCKET) && !allow_sockets(context, error)))
		return false;
	int result = seccomp_load(context);
	return result == 0 || error_set_os(error, -result, "seccomp: cannot load the filter");
}

// The bounding set needs CAP_SETPCAP, which a container may lack. Without execve it is no matter.
static void drop_bounding(void)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		(void)prctl(PR_CAPBSET_DROP, capability);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static bool become_nobody(struct error *error)
{
	if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) != 0)
		return error_set_os(error, errno, "cannot become the user nobody");
	return true;
}

static bool drop_capabilities(struct error *error)
{
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return error_set_os(error, errno, "cannot give up the capabilities");
	return true;
}

// Hostile bytes may make the reading long or large, but not endless; and nobody needs it once its
// parent is gone. After the change of user, which would undo the latter.
static bool set_limits(enum sandbox_flags flags, struct error *error)
{
	const struct rlimit time = {SANDBOX_CPU_SECONDS, SANDBOX_CPU_SECONDS};
	bool ok = (flags & SANDBOX_LASTING) ||
		  (setrlimit(RLIMIT_CPU, &time) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
#ifndef __SANITIZE_ADDRESS__ // which maps terabytes of shadow
	const struct rlimit memory = {SANDBOX_MEMORY_BYTES, SANDBOX_MEMORY_BYTES};
	ok = ok && setrlimit(RLIMIT_AS, &memory) == 0;
#endif
	return ok || error_set_os(error, errno, "cannot limit the reading process");
}

bool sandbox_enter(enum sandbox_flags flags, struct error *error)
{
	drop_bounding();
	if (geteuid() == 0 && !(flags & SANDBOX_KEEP_USER) && !become_nobody(error))
		return false;
	if (!drop_capabilities(error))
		return false;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return error_set_os(error, errno, "cannot forbid new privileges");
	if (!set_limits(flags, error))
		return false;
	return load_filter(flags, error);
}

static bool no_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	uint32_t any = 0;
	if (syscall(SYS_capget, &header, data) != 0)
		return false;
	for (size_t i = 0; i < 2; i++)
		any |= data[i].effective | data[i].permitted | data[i].inheritable;
	return any == 0;
}

static bool no_bounding(void)
{
	for (int capability = 0;; capability++) {
		int state = prctl(PR_CAPBSET_READ, capability);
		if (state != 0)
			return state < 0 && capability > 0;
	}
}

struct sandbox_report sandbox_get_report(void)
{
	return (struct sandbox_report){
		.uid = geteuid(),
		.gid = getegid(),
		.group_count = getgroups(0, NULL),
		.capabilities_empty = no_capabilities(),
		.bounding_empty = no_bounding(),
		.no_new_privileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
		.dumpable = prctl(PR_GET_DUMPABLE) == 1,
		.seccomp_mode = prctl(PR_GET_SECCOMP),
	};
}
