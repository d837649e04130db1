// SPDX-License-Identifier: Apache-2.0
// In: what a command is about, as typed: a process id or a core file, with --exe and --mode. Out:
// an open capture of it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "snapshot/capture.h"
#include "system/container.h"

static bool is_number(const char *text)
{
	return text[0] && strspn(text, "0123456789") == strlen(text);
}

static bool parse_mode(const struct cli_arguments *arguments, enum still_mode *mode,
		       struct error *error)
{
	static const struct {
		const char *name;
		enum still_mode mode;
	} modes[] = {{"live", STILL_NOT}, {"stop", STILL_STOP}, {"frozen", STILL_FROZEN}};
	const char *name = cli_value(arguments, "mode");
	*mode = STILL_NOT;
	if (!name)
		return true;
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		*mode = modes[i].mode;
		if (strcmp(name, modes[i].name) == 0)
			return true;
	}
	return error_set(error, ERROR_USAGE, "--mode takes live, stop or frozen, not %.64s", name);
}

static bool open_core(const char *path, const char *exe, enum still_mode mode,
		      struct capture **capture, struct error *error)
{
	if (!strchr(path, '/') && access(path, F_OK) != 0)
		return error_set(error, ERROR_USAGE,
				 "%.200s is neither a process id nor a core file", path);
	if (mode != STILL_NOT)
		return error_set(error, ERROR_USAGE,
				 "--mode is for a live process, not for a core");
	return capture_open_core(path, exe, capture, error);
}

static bool open_process(int pid, const char *exe, enum still_mode mode, struct capture **out,
			 struct error *error)
{
	struct capture *capture;
	if (!capture_open("/proc", pid, NULL, &capture, error))
		return false;
	if ((exe ? capture_use_exe(capture, exe, error) : capture_find_guest(capture, error)) &&
	    capture_hold_still(capture, mode, error)) {
		*out = capture;
		return true;
	}
	capture_close(capture);
	return false;
}

bool cli_open_capture(const struct cli_arguments *arguments, const char *target,
		      struct capture **capture, struct error *error)
{
	const char *exe = cli_value(arguments, "exe");
	enum still_mode mode;
	int pid = 0;
	if (!parse_mode(arguments, &mode, error))
		return false;
	if (!is_number(target))
		return open_core(target, exe, mode, capture, error);
	return cli_parse_pid(target, &pid, error) && open_process(pid, exe, mode, capture, error);
}

bool cli_find_container(const char *wanted, char *cgroup_path, size_t capacity, struct error *error)
{
	static struct container_roots roots; // large, like the container
	static struct container found;
	if (!container_roots_init(&roots, getenv(CONTAINER_ROOTS_VARIABLE), error) ||
	    !container_find(&roots, wanted, &found, error))
		return false;
	snprintf(cgroup_path, capacity, "%s", found.cgroup_path);
	return true;
}

int cli_let_go(const struct cli_arguments *arguments, struct capture *capture, int code)
{
	struct error error = {0};
	if (capture_let_go(capture, &error))
		return code;
	int left = cli_fail(arguments, &error);
	return code == EXIT_OK ? left : code;
}

int cli_close_capture(const struct cli_arguments *arguments, struct capture *capture, int code)
{
	code = cli_let_go(arguments, capture, code);
	capture_close(capture);
	return code;
}
