// SPDX-License-Identifier: Apache-2.0
// What is charged to the cgroup and is not the process's: files, other processes, the kernel.
#include "verdict/rules.h"

#define CHARGE .subject = RULE_PROCESS, .status = VERDICT_CAUSE

static const struct rule rules[] = {
	{
		.name = "tmpfs",
		CHARGE,
		.classes = CLASS_BIT(CLASS_SHMEM),
		.when = {"cgroup.shmem >= 16MiB", "?limit.used >= 50%"},
		.surer = {"cgroup.shmem >= 0.5 memory"},
		.sentence =
			N_("Files in memory (tmpfs, emptyDir with medium Memory, shared memory) "
			   "hold {cgroup.shmem} of {memory}; the process itself {rss}."),
		.proof =
			{N_("they were {cgroup.shmem.before} before"),
			 N_("they stay until they are deleted, also when the process is restarted")},
		.refuted_by = N_("memory that falls when the process ends"),
		.fix = N_("delete the files, give the volume a sizeLimit, clean it at the start"),
		.relief = N_("delete files of it now"),
	},
	{
		.name = "other-process",
		CHARGE,
		.classes = CLASS_BIT(CLASS_OTHERS),
		.when = {"others.anon >= 16MiB", "others.anon >= 0.5 memory"},
		.surer = {"others.anon >= 0.5 memory"},
		.sentence =
			N_("It is another process of the same cgroup: others hold {others.anon} of "
			   "{memory}, this one {rss}."),
		.proof = {N_("they held {others.anon.before} before; the largest holds "
			     "{others.largest} now")},
		.refuted_by = N_("a kill although the others are small"),
		.fix = N_(
			"give the sidecar or child its own limit, or look at why it grows (whyoom "
			"account --cgroup)"),
		.relief = N_("restart the other one"),
	},
	{
		.name = "socket-buffers",
		CHARGE,
		.classes = CLASS_BIT(CLASS_SOCKETS),
		.when = {"cgroup.sock >= 16MiB"},
		.sentence = N_("Socket buffers in the kernel hold {cgroup.sock} of {memory}."),
		.proof = {N_("sockets of this process: {fds.sockets.before} -> {fds.sockets}")},
		.refuted_by = N_("peers that read as fast as is written"),
		.fix = N_("set write deadlines, and limit how much is under way to a slow reader"),
		.relief = N_("close the slow connections"),
	},
	{
		.name = "kernel-memory",
		CHARGE,
		.classes = CLASS_BIT(CLASS_KERNEL),
		.when = {"cgroup.kernel >= 16MiB"},
		.sentence =
			N_("The kernel's own memory for this cgroup is {cgroup.kernel} of {memory} "
			   "(names of files, page tables, stacks of threads)."),
		.proof = {N_("of it reclaimable: {cgroup.kernel.slab.reclaimable}")},
		.refuted_by = N_("a figure that falls when the kernel reclaims"),
		.fix = N_("touch fewer different files, keep fewer threads and mappings"),
		.relief = N_("the kernel takes dentries and inodes back before it kills"),
	},
	{
		.name = "limit-too-small",
		CHARGE,
		.classes = CLASSES_ALL,
		.generic = true,
		.when = {"killed == 1", "memory.before > 0", "memory.grown < 0.15 memory",
			 "killed.above != 1"},
		.sentence =
			N_("{command} was killed, but it did not grow: {memory.before} -> {memory} "
			   "in {interval}. The limit of {limit} is too small for what it always "
			   "needs."),
		.refuted_by = N_("growth over a longer time than that"),
		.fix = N_("raise the limit to a quarter above the largest that it needs, or let it "
			  "hold less"),
		.relief = N_("raise the limit (whyoom relieve --cgroup PATH --limit +25%)"),
	},
};

RULE_FAMILY(cgroup_family, rules);
