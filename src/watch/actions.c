// SPDX-License-Identifier: Apache-2.0
// In: a trigger that has fired, an incident. Out: its commands, run one after the other.
#include "watch/actions.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "relief/record.h"

enum { NOBODY = 65534, WORDS_MAX = RULE_ARGUMENTS_MAX + 2, ENVIRONMENT_MAX = 10, CANNOT_RUN = 127 };

static const int64_t RELIEF_TIMEOUT_NS = 30000000000;

struct command {
	const char *shown; // how it is called when it is told of
	char *words[WORDS_MAX];
	char **environment;
	bool keep_privileges;
	const struct rule_run *run; // whose user it gets; NULL: relief, which stays what we are
	int64_t timeout_ns;
};

// ---- in the command's process ----

static bool become(const struct rule_run *run)
{
	uid_t uid = run->user[0] ? run->uid : NOBODY;
	gid_t gid = run->user[0] ? run->gid : NOBODY;
	if (geteuid() != 0)
		return !run->user[0] || uid == geteuid();
	if (run->user[0] && uid == 0)
		return true; // said so
	bool ok = run->user[0] ? initgroups(run->user, gid) == 0 : setgroups(0, NULL) == 0;
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		(void)prctl(PR_CAPBSET_DROP, capability);
	return ok && setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0;
}

static bool drop_capabilities(const struct rule_run *run)
{
	if (run->user[0] && run->uid == 0)
		return true;
	capng_clear(CAPNG_SELECT_CAPS);
	return capng_apply(CAPNG_SELECT_CAPS) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static void reset_signals(void)
{
	sigset_t none;
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void execute(const struct command *command, int output)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	setsid();
	reset_signals();
	dup2(nothing, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
	(void)!chdir("/");
	if (command->run && (!become(command->run) || !drop_capabilities(command->run))) {
		fprintf(stderr, "whyoom: cannot give up its privileges: %s\n", strerror(errno));
		_exit(CANNOT_RUN);
	}
	execve(command->words[0], command->words, command->environment);
	fprintf(stderr, "whyoom: cannot run %s: %s\n", command->words[0], strerror(errno));
	fflush(stderr);
	_exit(CANNOT_RUN);
}

// ---- in the runner's process ----

struct runner {
	const struct actions *actions;
	int log;
	int64_t log_bytes; // written so far
};

static void write_log(struct runner *runner, const char *text, size_t size)
{
	size_t room = (size_t)(ACTIONS_LOG_BYTES - runner->log_bytes);
	if (size > room)
		size = room;
	ssize_t written = size ? write(runner->log, text, size) : 0;
	runner->log_bytes += written > 0 ? written : 0;
}

// False at the end of what it prints.
static bool copy_output(struct runner *runner, int output)
{
	char text[4096];
	ssize_t size = read(output, text, sizeof text);
	if (size > 0)
		write_log(runner, text, (size_t)size);
	return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

// Until it has ended, or its time is over: then it is killed with all that is in its session.
static bool await_end(struct runner *runner, pid_t pid, int output, int64_t deadline_ns)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	bool open = true;
	for (;;) {
		struct pollfd events[] = {{.fd = pidfd, .events = POLLIN},
					  {.fd = open ? output : -1, .events = POLLIN}};
		int64_t left_ns = deadline_ns - clock_monotonic_ns();
		if (left_ns <= 0)
			return false;
		if (poll(events, 2, (int)(left_ns / 1000000) + 1) <= 0)
			continue;
		if (events[1].revents)
			open = copy_output(runner, output);
		else if (events[0].revents)
			return true;
	}
}

static void tell(const struct runner *runner, const struct command *command, bool in_time,
		 int status, int64_t took_ns)
{
	const struct actions *actions = runner->actions;
	struct human took = human_duration(took_ns);
	if (!in_time)
		progress_say(actions->progress, "trigger %s: %s took longer than %s and was ended",
			     actions->rule->name, command->shown,
			     human_duration(command->timeout_ns).text);
	else if (WIFSIGNALED(status))
		progress_say(actions->progress, "trigger %s: %s was ended by signal %d after %s",
			     actions->rule->name, command->shown, WTERMSIG(status), took.text);
	else
		progress_say(actions->progress, "trigger %s: %s ended with code %d after %s",
			     actions->rule->name, command->shown, WEXITSTATUS(status), took.text);
}

static void head_log(struct runner *runner, const struct command *command)
{
	struct strbuf line = {0};
	strbuf_addf(&line, "== %s", human_time(clock_unix_ns()).text);
	for (int i = 0; command->words[i]; i++) {
		strbuf_add(&line, " ");
		strbuf_add_safe(&line, command->words[i]);
	}
	strbuf_add(&line, "\n");
	write_log(runner, line.text, line.length);
	strbuf_deinit(&line);
}

static void run(struct runner *runner, const struct command *command)
{
	int ends[2], status = 0;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	head_log(runner, command);
	int64_t start_ns = clock_monotonic_ns();
	pid_t pid = fork();
	if (pid == 0)
		execute(command, ends[1]);
	close(ends[1]);
	if (pid > 0) {
		bool in_time = await_end(runner, pid, ends[0], start_ns + command->timeout_ns);
		kill(-pid, SIGKILL); // what it has left behind
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		while (copy_output(runner, ends[0]) && runner->log_bytes < ACTIONS_LOG_BYTES &&
		       poll(&(struct pollfd){.fd = ends[0], .events = POLLIN}, 1, 0) > 0)
			;
		tell(runner, command, in_time, status, clock_monotonic_ns() - start_ns);
	}
	close(ends[0]);
}

static char *variable(const char *name, const char *value)
{
	struct strbuf text = {0};
	strbuf_addf(&text, "%s=", name);
	strbuf_add_safe(&text, value);
	return text.text;
}

static void fill_environment(const struct actions *actions, char *environment[ENVIRONMENT_MAX])
{
	char pid[16];
	int count = 0;
	snprintf(pid, sizeof pid, "%d", actions->pid);
	environment[count++] =
		variable("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	environment[count++] = variable("LANG", "C.UTF-8");
	environment[count++] = variable("WHYOOM_INCIDENT", actions->incident);
	environment[count++] = variable("WHYOOM_TRIGGER", actions->rule->name);
	environment[count++] = variable("WHYOOM_REASON", actions->reason);
	environment[count++] = variable("WHYOOM_PID", pid);
	environment[count++] = variable("WHYOOM_NAME", actions->name);
	environment[count++] = variable("WHYOOM_CGROUP", actions->cgroup_path);
	environment[count] = NULL;
}

static char *word(const char *text)
{
	return alloc_string(text);
}

// Where the watch was told to note things, relief does so too.
static void add_state(const struct runner *runner, struct command *command, int count)
{
	const char *state = runner->actions->state;
	char here[PATH_MAX];
	if (!state || strcmp(state, RELIEF_STATE_DEFAULT) == 0 || !getcwd(here, sizeof here))
		return;
	command->words[count] = word("--state");
	command->words[count + 1] =
		state[0] == '/' ? word(state) : alloc_format("%s/%s", here, state);
}

static void relieve_process(struct runner *runner, char **environment)
{
	const struct rule_relief *relief = &runner->actions->rule->relief;
	char pid[16];
	int count = 0;
	struct command command = {.shown = "whyoom relieve",
				  .environment = environment,
				  .timeout_ns = RELIEF_TIMEOUT_NS};
	snprintf(pid, sizeof pid, "%d", runner->actions->pid);
	command.words[count++] = word("/proc/self/exe");
	command.words[count++] = word("relieve");
	command.words[count++] = word(pid);
	if (relief->memory_limit[0]) {
		command.words[count++] = word("--memory-limit");
		command.words[count++] = word(relief->memory_limit);
	}
	if (relief->gogc[0]) {
		command.words[count++] = word("--gogc");
		command.words[count++] = word(relief->gogc);
	}
	add_state(runner, &command, count);
	run(runner, &command);
}

static void relieve_cgroup(struct runner *runner, char **environment)
{
	const struct actions *actions = runner->actions;
	struct command command = {.shown = "whyoom relieve --cgroup",
				  .environment = environment,
				  .timeout_ns = RELIEF_TIMEOUT_NS,
				  .words = {word("/proc/self/exe"), word("relieve"),
					    word("--cgroup"), word(actions->cgroup_path),
					    word("--limit"),
					    word(actions->rule->relief.cgroup_limit)}};
	add_state(runner, &command, 6);
	run(runner, &command);
}

static void run_command(struct runner *runner, const struct rule_run *rule_run, char **environment)
{
	struct command command = {
		.environment = environment, .run = rule_run, .timeout_ns = rule_run->timeout_ns};
	const char *at = rule_run->words;
	int count = 0;
	for (; count < rule_run->count; count++, at += strlen(at) + 1)
		command.words[count] = word(at);
	command.words[count] = word(runner->actions->incident);
	command.shown = command.words[0];
	run(runner, &command);
}

// The most urgent first.
static _Noreturn void run_all(const struct actions *actions)
{
	char path[PATH_MAX];
	char *environment[ENVIRONMENT_MAX];
	struct runner runner = {.actions = actions};
	const struct watch_rule *rule = actions->rule;
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
	reset_signals();
	signal(SIGPIPE, SIG_IGN);
	snprintf(path, sizeof path, "%s/actions.log", actions->incident);
	runner.log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (runner.log < 0)
		progress_say(actions->progress, "cannot write %s: %s", path, strerror(errno));
	fill_environment(actions, environment);
	if (rule->relief.cgroup_limit[0])
		relieve_cgroup(&runner, environment);
	if (rule->relief.memory_limit[0] || rule->relief.gogc[0])
		relieve_process(&runner, environment);
	for (size_t i = 0; i < rule->run_count; i++)
		run_command(&runner, &rule->runs[i], environment);
	_exit(0);
}

// ---- in the watch's process ----

bool actions_any(const struct watch_rule *rule)
{
	return rule->relieve || rule->run_count;
}

bool actions_start(const struct actions *actions, pid_t *runner, struct error *error)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		run_all(actions);
	if (pid < 0)
		return error_set_os(error, errno, "cannot start a process for the actions");
	*runner = pid;
	return true;
}
