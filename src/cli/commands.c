// SPDX-License-Identifier: Apache-2.0
// The commands, as data.
#include "base/i18n.h"
#include "cli/cli.h"

const struct cli_option no_options[] = {{0}};

// For commands that read a process or a core.
#define TARGET_OPTIONS                                                                             \
	{"exe", 0, "FILE", N_("the executable, where a core or an emulator does not lead to it")}, \
	{                                                                                          \
		"mode", 0, "MODE",                                                                 \
			N_("live (default): the target is not stopped; stop: its threads are, "    \
			   "for its metadata; frozen: a copy of it is read")                       \
	}

#define DB_OPTION                                                                      \
	{                                                                              \
		"db", 0, "FILE",                                                       \
			N_("the timeline (default: whyoom.db in $STATE_DIRECTORY, in " \
			   "/var/lib/whyoom for root, else in ~/.local/state/whyoom)") \
	}

const struct cli_option why_options[] = {
	{"for", 0, "TIME",
	 N_("look twice, so far apart, and say what grew: 30s; waits as long again at most while nothing was collected")},
	{"facts", 0, NULL, N_("print the facts that the rules see instead of the report")},
	{"json", 0, NULL, N_("print the whole report as JSON")},
	{"html", 0, "FILE", N_("write it as one HTML file, with charts, that needs no network")},
	{"md", 0, NULL, N_("print it as Markdown, for a ticket")},
	DB_OPTION,
	TARGET_OPTIONS,
	{0},
};

const struct cli_option heap_options[] = {
	{"output", 'o', "FILE", N_("write a profile for `go tool pprof` (- for standard output)")},
	{"diff", 0, NULL, N_("compare two saved profiles or incidents: what grew")},
	{"type", 0, "TYPE", N_("the sample type of --diff (default: now_space, else inuse_space)")},
	TARGET_OPTIONS,
	{"rows", 'n', "N", N_("how many rows to print (default 20)")},
	{"json", 0, NULL, N_("print JSON")},
	{"all", 0, NULL, N_("with --json: every bucket with its whole stack, unscaled")},
	{0},
};

const struct cli_option account_options[] = {
	{"cgroup", 'c', "PATH", N_("of this memory cgroup, with the processes in it")},
	{"container", 0, "ID",
	 N_("of this container: its id, a unique beginning of it, or its name")},
	{"diff", 0, NULL, N_("compare two saved accounts or incidents: which line grew")},
	TARGET_OPTIONS,
	{"json", 0, NULL, N_("print JSON")},
	{0},
};

const struct cli_option runtime_options[] = {
	{"json", 0, NULL, N_("print JSON")},
	{"classes", 0, NULL, N_("every size class, not only those with most free slots")},
	TARGET_OPTIONS,
	{0},
};

const struct cli_option goroutines_options[] = {
	{"stacks", 0, NULL, N_("every goroutine by itself, in the form of the runtime's own dump")},
	{"output", 'o', "FILE", N_("write to a file; FILE.pb.gz is a profile for `go tool pprof`")},
	{"rows", 'n', "N", N_("how many groups to print (default 20)")},
	{"by", 'b', "WHAT",
	 N_("group by stack (default), creator, state, label or function (own code)")},
	{"diff", 0, NULL, N_("two sources: which groups grew, appeared and vanished")},
	{"who", 0, NULL,
	 N_("find out whether anything can wake those that wait: follows the whole heap (about a second "
	    "a GiB, and that much memory)")},
	{"flame", 0, NULL, N_("folded stacks, for flame graphs")},
	{"pprof", 0, "FILE",
	 N_("write a goroutine profile for `go tool pprof` (- for standard output)")},
	TARGET_OPTIONS,
	{"json", 0, NULL,
	 N_("print JSON: groups; of a process or a core stacks and every goroutine, too")},
	{0},
};

const struct cli_option profile_options[] = {
	{"output", 'o', "FILE", N_("write a profile for `go tool pprof` (- for standard output)")},
	{"rows", 'n', "N", N_("how many stacks to print (default 10)")},
	{"json", 0, NULL, N_("print JSON: all stacks")},
	TARGET_OPTIONS,
	{0},
};

// For commands that change something.
#define CHANGE_OPTIONS                                                                        \
	{"undo", 0, NULL,                                                                     \
	 N_("bring back what was there before, where it is still what was written")},         \
		{"dry-run", 0, NULL, N_("look and say, write nothing")},                      \
	{                                                                                     \
		"state", 0, "DIR", N_("where it is noted how to undo (default: /run/whyoom)") \
	}

const struct cli_option relieve_options[] = {
	{"memory-limit", 0, "SIZE",
	 N_("the runtime's memory limit (GOMEMLIMIT): 900MiB; auto: what the cgroup's limit leaves; off")},
	{"gogc", 0, "N", N_("GOGC, or off")},
	{"cgroup", 'c', "PATH", N_("raise the limit of this memory cgroup instead")},
	{"limit", 0, "SIZE", N_("with --cgroup: to 2GiB, by +512MiB or by +25%")},
	{"force", 0, NULL, N_("although it cannot help")},
	CHANGE_OPTIONS,
	{"json", 0, NULL, N_("print JSON")},
	{0},
};

const struct cli_option profiler_options[] = {
	CHANGE_OPTIONS,
	{"json", 0, NULL, N_("print JSON")},
	{0},
};

const struct cli_option crash_options[] = {
	{"json", 0, NULL, N_("print JSON")},
	{"goroutine", 'g', "ID", N_("print this goroutine as the log has it")},
	{"raw", 0, NULL, N_("print the restored log and nothing else")},
	{"exe", 0, "BINARY", N_("the program: lines for what the log has only as addresses")},
	{"rows", 'n', "N", N_("how many groups of goroutines to print (default 10)")},
	{0},
};

const struct cli_option watch_options[] = {
	{"pid", 'p', "PID", N_("watch this process and the memory cgroup it is in")},
	{"cgroup", 'c', "PATH", N_("watch this memory cgroup; its largest process is the target")},
	{"container", 0, "ID",
	 N_("watch this container: its id, a unique beginning of it, or its name")},
	{"all", 'a', NULL, N_("watch every Go program of this host")},
	{"name", 'n', "PATTERN", N_("watch those whose name matches, such as 'api-*'")},
	{"out", 'o', "DIR", N_("where incidents go (default: the current directory)")},
	{"config", 0, "FILE", N_("triggers, what is kept, its budget: docs/watch.md has all keys")},
	{"check", 0, "FILE",
	 N_("say in words what a watch with that configuration will do, and end")},
	{"when", 0, "CONDITION",
	 N_("take an incident when this holds, such as 'goroutines > 50000'; may be given again")},
	{"keep", 0, "WHAT",
	 N_("remove older incidents beyond a number, an age or a size: 50,30d,5GiB")},
	{"hold", 0, NULL,
	 N_("hold the kernel's kill until the evidence is taken: writes memory.oom_control on cgroup v1, "
	    "memory.high and cgroup.freeze on v2, and always puts back what was there")},
	{"hold-limit", 0, "TIME", N_("never hold longer than this (default 2s)")},
	{"state", 0, "DIR", N_("where it is noted what is held (default: /run/whyoom)")},
	DB_OPTION,
	{"db-size", 0, "SIZE", N_("the most that the timeline may take on disk (default 256MiB)")},
	{"json", 0, NULL, N_("print the final report as JSON")},
	{0},
};

const struct cli_option timeline_options[] = {
	{"since", 0, "TIME", N_("how far back: 90s, 30m, 2h, 7d (default 2h)")},
	DB_OPTION,
	{"json", 0, NULL, N_("print JSON: targets, events, every sample")},
	{"csv", 0, NULL, N_("print the samples as CSV")},
	{0},
};

const struct cli_option mark_options[] = {
	DB_OPTION,
	{0},
};

const struct cli_option report_options[] = {
	{"html", 0, "FILE", N_("write it as one HTML file, with charts, that needs no network")},
	{"md", 0, NULL, N_("print it as Markdown, for a ticket")},
	{"bundle", 0, "FILE", N_("write the incident with all its captures as one FILE.tar.zst")},
	DB_OPTION,
	{"json", 0, NULL, N_("print JSON")},
	{0},
};

const struct cli_option diff_options[] = {
	DB_OPTION,
	{"json", 0, NULL, N_("print JSON")},
	{0},
};

const struct cli_option incidents_options[] = {
	DB_OPTION,
	{"json", 0, NULL, N_("print JSON")},
	{0},
};

const struct cli_command cli_commands[] = {
	{
		"why",
		"whyoom [why] PID | CORE [--exe FILE] [--mode MODE] [--json | --md | --html FILE]\n"
		"       whyoom why PID | CGROUP | CONTAINER [--for TIME] [--facts] [--json]\n"
		"       whyoom why PID | INCIDENT | BUNDLE | CRASHLOG | PROFILE [BASELINE] [--facts] [--json]",
		N_("why does this Go process use so much memory: one snapshot, one screen"),
		N_("The target is not stopped and nothing is written to it, but for --mode. Of a CORE file, the executable is\n"
		   "the one that the core names, if it is the same build, else the core's own copy.\n"),
		"  whyoom 4711\n"
		"  whyoom ./core --exe ./service\n"
		"  whyoom why 4711 --json | jq .verdict.sentence\n",
		why_options,
		cli_why,
	},
	{
		"account",
		"whyoom account PID [--mode MODE] | --cgroup PATH | --container ID | --diff A B [--json]",
		N_("where every byte is: ledgers that sum to the kernel's own figures"),
		N_("The process's ledger sums to its resident memory, the cgroup's to its charge; what is not\n"
		   "explained is a line of its own. Then one table of the same process as top, docker stats,\n"
		   "kubectl top, MemStats and pprof show it, and what lies between their numbers.\n"),
		"  whyoom account 4711\n"
		"  whyoom account --container checkout\n"
		"  whyoom account 4711 --json > A.json; sleep 600; whyoom account 4711 --json > B.json\n"
		"  whyoom account --diff A.json B.json\n",
		account_options,
		cli_account,
	},
	{
		"heap",
		"whyoom heap PID | CORE [--exe FILE] [--mode MODE] [-o FILE] [--json [--all]]\n"
		"       whyoom heap --diff BEFORE AFTER [--type TYPE] [--json]",
		N_("the heap profile, read from outside; or what grew between two"),
		N_("Two views: `published` is what /debug/pprof/heap would show, up to two collections\n"
		   "old; `now` includes what was allocated since, and garbage not swept yet.\n"
		   "BEFORE and AFTER are profiles (.pb.gz) or incident directories.\n"),
		"  whyoom heap 4711\n"
		"  whyoom heap ./core -o heap.pb.gz\n"
		"  whyoom heap 4711 -o heap.pb.gz && go tool pprof -top heap.pb.gz\n"
		"  whyoom heap --diff before.pb.gz after.pb.gz\n",
		heap_options,
		cli_heap,
	},
	{
		"profile",
		"whyoom profile PID | CORE KIND [--exe FILE] [-o FILE] [--json]",
		N_("any profile of net/http/pprof: heap, allocs, block, mutex, goroutine, goroutineleak"),
		N_("Stacks with what they took, the largest first. block and mutex need the program to have\n"
		   "called runtime.SetBlockProfileRate or SetMutexProfileFraction. goroutineleak shows what\n"
		   "the runtime found when it was last asked for that profile (Go 1.27; 1.26 as experiment).\n"),
		"  whyoom profile 4711 mutex\n"
		"  whyoom profile 4711 block -o block.pb.gz && go tool pprof -top block.pb.gz\n"
		"  whyoom profile 4711 allocs --json | jq '.stacks[0]'\n",
		profile_options,
		cli_profile,
	},
	{
		"runtime",
		"whyoom runtime PID | CORE [--exe FILE] [--mode MODE] [--json] [--classes]",
		N_("the runtime's own statistics: memory, collector, spans, scheduler, settings"),
		N_("Every field of runtime.MemStats as the process would get it, without stopping it; the\n"
		   "memory numbers of runtime/metrics; heap goal, pauses and CPU share of the collector;\n"
		   "free slots by size class; threads, processors, timers, finalizers and cleanups.\n"),
		"  whyoom runtime 4711\n"
		"  whyoom runtime 4711 --json | jq .memstats.HeapAlloc\n"
		"  whyoom runtime 4711 --json | jq '.spans.classes | max_by(.free_bytes)'\n",
		runtime_options,
		cli_runtime,
	},
	{
		"goroutines",
		"whyoom goroutines PID | CORE | FILE | URL | INCIDENT [--by WHAT] [--stacks] [--json] [-o FILE]\n"
		"       whyoom goroutines --diff BEFORE AFTER [--by WHAT] [--json]",
		N_("all goroutines: in groups, one by one, or as a profile"),
		N_("Goroutines that wait at the same place, made by the same code, are one group. FILE is a dump\n"
		   "(debug=1, debug=2, SIGQUIT, a crash log) or a goroutine profile, compressed or not; URL is\n"
		   "http://HOST:PORT/debug/pprof/goroutine?debug=2 of a program (which stops while it answers);\n"
		   "INCIDENT is a directory or bundle that whyoom wrote. A process is not stopped: a goroutine\n"
		   "that runs while it is read has no stack.\n"),
		"  whyoom goroutines 4711\n"
		"  whyoom goroutines 4711 --stacks -o goroutines.txt\n"
		"  whyoom goroutines 4711 --by creator\n"
		"  whyoom goroutines --diff before.txt http://127.0.0.1:6060/debug/pprof/goroutine?debug=2\n"
		"  whyoom goroutines 4711 -o goroutine.pb.gz && go tool pprof -top goroutine.pb.gz\n",
		goroutines_options,
		cli_goroutines,
	},
	{
		"relieve",
		"whyoom relieve PID [--memory-limit SIZE|auto] [--gogc N] [--force] [--dry-run] [--json]\n"
		"       whyoom relieve --cgroup PATH --limit SIZE|+SIZE|+25% [--dry-run] [--json]\n"
		"       whyoom relieve [PID | --cgroup PATH] --undo [--json]",
		N_("stop the bleeding: a memory limit for a running Go process, or a higher one for its cgroup"),
		N_("With a PID alone: says whether it can help, and writes nothing. A limit helps where garbage\n"
		   "and idle memory are the trouble; a true leak it does not, and that is said beforehand. auto is\n"
		   "the cgroup's limit less a reserve (a memory limit is soft), and less what is not Go's.\n"
		   "What is written is printed before and after, read back, and noted for --undo. Go 1.19 and\n"
		   "later; --gogc from Go 1.18 on; not for a Go version that whyoom was not measured with.\n"
		   "--undo alone lets go what `whyoom watch --hold` left held when it was killed with its guard.\n"),
		"  whyoom relieve 4711\n"
		"  whyoom relieve 4711 --memory-limit auto\n"
		"  whyoom relieve 4711 --memory-limit 900MiB --gogc 50\n"
		"  whyoom relieve 4711 --undo\n"
		"  whyoom relieve --cgroup /sys/fs/cgroup/memory/docker/ID --limit +25%\n",
		relieve_options,
		cli_relieve,
	},
	{
		"profiler",
		"whyoom profiler on|off|RATE PID [--dry-run] [--json]\n"
		"       whyoom profiler PID --undo [--json]",
		N_("the heap profiler of a running Go process on or off, also where it was linked out"),
		N_("Writes runtime.MemProfileRate: what is allocated from then on is in the profile that\n"
		   "`whyoom heap` reads. RATE is the bytes that are allocated for each sample; on is 512 KiB, what\n"
		   "Go has by default. Samples that were taken at another rate are scaled by the new one.\n"),
		"  whyoom profiler on 4711\n"
		"  whyoom profiler 64KiB 4711 && sleep 60 && whyoom heap 4711\n"
		"  whyoom profiler 4711 --undo\n",
		profiler_options,
		cli_profiler,
	},
	{
		"crash",
		"whyoom crash [FILE | -] [--json] [--goroutine ID] [--raw] [--exe BINARY]",
		N_("what a crash log says: what happened, who asked, whose code, which goroutines"),
		N_("Reads what Go programs print when they die (any version), goroutine dumps and profiles,\n"
		   "race reports and the kernel's out-of-memory blocks; out of docker, CRI, syslog,\n"
		   "journald, compose and kubectl logs, JSON, HTML, gzip and zstd. A log may be of any size.\n"),
		"  whyoom crash app.log\n"
		"  kubectl logs --previous POD | whyoom crash\n"
		"  whyoom crash app.log.gz --json | jq '.crashes[0].findings[].text'\n",
		crash_options,
		cli_crash,
	},
	{
		"watch",
		"whyoom watch --pid PID | --cgroup PATH | --container ID | --all | --name PATTERN [--config FILE] [--when CONDITION] [--hold] [--out DIR] [--json]\n"
		"       whyoom watch --check FILE",
		N_("wait for the kill, with the evidence on disk before it"),
		N_("Samples the cgroup, captures as its limit comes near, recognises the kill, writes the\n"
		   "incident and prints its report. Without --hold nothing is written to the cgroup.\n"
		   "The last line of output is `incident: DIRECTORY`.\n"),
		"  whyoom watch --pid 4711 --out /var/lib/whyoom\n"
		"  whyoom watch --cgroup /sys/fs/cgroup/memory/docker/ID --hold\n"
		"  whyoom watch --all --hold --out /var/lib/whyoom\n"
		"  whyoom watch --pid 4711 --when 'heap_live > baseline 10m + 50% for 30s'\n"
		"  whyoom watch --all --config /etc/whyoom/watch.yaml --keep 50,30d,5GiB\n",
		watch_options,
		cli_watch,
	},
	{
		"timeline",
		"whyoom timeline [PID | NAME] [--since TIME] [--json | --csv]",
		N_("growth over time, with marks, captures and kills, as a watch stored it"),
		N_("Without PID or NAME: a line for each process. Letters on the line of events: K kill,\n"
		   "I incident, M mark by hand, R restart, B another binary, L another limit, E end,\n"
		   "C clock, . capture. Numbers are kept by the second for an hour, by ten seconds for a\n"
		   "day, by the minute for a month, as far as the size of the file allows.\n"),
		"  whyoom timeline\n"
		"  whyoom timeline exportd --since 30m\n"
		"  whyoom timeline 4711 --csv > growth.csv\n",
		timeline_options,
		cli_timeline,
	},
	{
		"mark",
		"whyoom mark TEXT",
		N_("put a mark on the timeline: a deployment, a load test"),
		N_("Restarts, other binaries and other limits are marked by the watch itself.\n"),
		"  whyoom mark \"deploy v1.4\"\n",
		mark_options,
		cli_mark,
	},
	{
		"incidents",
		"whyoom incidents [--json]",
		N_("the incidents that were stored, the newest first"),
		"",
		"  whyoom incidents\n"
		"  whyoom report 3\n",
		incidents_options,
		cli_incidents,
	},
	{
		"report",
		"whyoom report ID | DIR [--json | --md | --html FILE | --bundle FILE]",
		N_("the report of a stored incident, or the whole incident as one file"),
		N_("Every file is checked against the hash in the incident's manifest first.\n"),
		"  whyoom report 3\n"
		"  whyoom report ./incident-20261121-173525-exportd-4711 --json\n"
		"  whyoom report 3 --html report.html\n"
		"  whyoom report 3 --bundle incident.tar.zst && tar -tf incident.tar.zst\n",
		report_options,
		cli_report,
	},
	{
		"diff",
		"whyoom diff INCIDENT INCIDENT [--json]",
		N_("two incidents as an experiment: what was different, and what came of it"),
		N_("Build, version, settings and limits; ledgers; who holds the heap; goroutines.\n"),
		"  whyoom diff 3 4\n",
		diff_options,
		cli_diff,
	},
	{
		"help",
		"whyoom help [COMMAND]",
		N_("this text, or a command's"),
		"",
		"  whyoom help watch\n",
		no_options,
		cli_help,
	},
	{
		"version",
		"whyoom version",
		N_("the version"),
		"",
		"  whyoom version\n",
		no_options,
		cli_version,
	},
	{0},
};
