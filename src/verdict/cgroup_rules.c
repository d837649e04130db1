// SPDX-License-Identifier: Apache-2.0
// What is charged to the cgroup and is not the process's: files, other processes, the kernel.
#include "verdict/rules.h"

#define CHARGE .subject = RULE_PROCESS, .status = VERDICT_CAUSE

#define MACHINE_FULL                                                                        \
	.proof = {N_("who used the most when the kernel looked: {killed.consumer}")},       \
	.refuted_by = N_("a machine with room when it was killed"),                         \
	.fix = N_("give each program on the machine a limit, so that who grows is killed, " \
		  "and request as much memory as is needed (Kubernetes: requests equal to " \
		  "limits)"),                                                               \
	.relief = N_("restart who holds the most on the machine")

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
		.name = "page-tables",
		CHARGE,
		.classes = CLASS_BIT(CLASS_KERNEL),
		.explains = "cgroup.kernel.pagetables",
		.when = {"cgroup.kernel.pagetables >= 16MiB",
			 "cgroup.kernel.pagetables >= 0.5 cgroup.kernel"},
		.surer = {"cgroup.kernel.pagetables.grown >= 8MiB"},
		.sentence = N_("{command}: the kernel's page tables for it are "
			       "{cgroup.kernel.pagetables} of {memory}, while what they map and "
			       "is there is {rss}."),
		.proof = {N_("they were {cgroup.kernel.pagetables.before} before; each 4 KiB of "
			     "them is for 2 MiB of addresses, touched but for a little")},
		.refuted_by = N_("a mapping that is as dense as it is large"),
		.fix = N_("map less at once, unmap what was used, or keep what is used together "
			  "close together; of files shared by many processes each has page tables "
			  "of its own"),
		.relief = N_("none from outside: only unmapping gives page tables back"),
	},
	{
		.name = "kernel-memory",
		CHARGE,
		.generic = true,
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
			 "rss.grown < 0.15 rss", "?killed.above != 1", "killed.global != 1"},
		.sentence = N_("{command}: it did not grow, {memory.before} -> {memory} "
			       "in {interval}. The limit of {limit} is too small for what "
			       "it always needs."),
		.refuted_by = N_("growth over a longer time than that"),
		.fix = N_("raise the limit to a quarter above the largest that it needs, or let it "
			  "hold less"),
		.relief = N_("raise the limit (whyoom relieve --cgroup PATH --limit +25%)"),
	},
	{
		.name = "limit-above",
		CHARGE,
		.classes = CLASSES_ALL,
		.generic = true,
		.when = {"killed == 1", "killed.above == 1", "rss.before > 0",
			 "rss.grown < 0.15 rss"},
		.surer = {"rss < 0.7 limit"},
		.sentence = N_("{command}: that limit, {limit}, is of a cgroup above its "
			       "own, and it did not grow: it holds {rss}, {rss.before} "
			       "before. The rest belongs to others below the same limit."),
		.proof = {N_("who used the most when the kernel looked: {killed.consumer}")},
		.refuted_by = N_("a kill although nobody else below that limit holds much"),
		.fix = N_("look at what else runs below that limit (whyoom account --cgroup of the "
			  "cgroup above); give each its own limit, so that who grows is killed"),
		.relief = N_("restart who holds the rest, or raise the limit above"),
	},
	{
		.name = "machine-full",
		CHARGE,
		.classes = CLASSES_ALL,
		.generic = true,
		.when = {"killed == 1", "killed.global == 1", "rss.before > 0",
			 "rss.grown < 0.15 rss"},
		.sentence = N_("{command}: the machine had no memory left, but it did not "
			       "grow: it holds {rss}, {rss.before} before."),
		MACHINE_FULL,
	},
	{
		.name = "machine-full", // who does not grow may have no earlier capture
		CHARGE,
		.classes = CLASSES_ALL,
		.when = {"killed == 1", "killed.global == 1", "growing.memory == 0",
			 "?rss.grown < 0.15 rss"},
		.sentence = N_("{command}: the machine had no memory left, but its own "
			       "{rss} did not grow while it was watched."),
		MACHINE_FULL,
	},
};

RULE_FAMILY(cgroup_family, rules);
