# SPDX-License-Identifier: Apache-2.0
"""The command line: help, exit codes, no colours in a pipe."""

import json
import subprocess

import pytest

from harness import TARGET_ERROR, USAGE, WHYOOM

COMMANDS = ["why", "heap", "watch"]
pytestmark = pytest.mark.short


def test_help_lists_the_commands_and_exit_codes(whyoom):
    out = whyoom("--help").stdout
    for command in COMMANDS:
        assert f"{command} " in out
    assert "exit code" in out.lower()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_an_example(whyoom, command):
    out = whyoom(command, "--help").stdout
    assert "example" in out.lower()
    assert f"whyoom {command} " in out
    assert "--json" in out


def test_version(whyoom):
    assert whyoom("--version").stdout.startswith("whyoom ")


@pytest.mark.parametrize("arguments", [
    [],
    ["frobnicate"],
    ["heap"],
    ["heap", "not-a-pid"],
    ["heap", "1", "--no-such-option"],
    ["heap", "--diff", "one-file"],
    ["watch"],
    ["watch", "--pid", "1", "--cgroup", "/sys/fs/cgroup/memory"],
    ["0"],
    ["-5"],
], ids=" ".join)
def test_usage_errors(whyoom, arguments):
    failed = whyoom(*arguments, code=USAGE)
    assert failed.stdout == ""
    assert "whyoom" in failed.stderr


def test_unknown_command_suggests_help(whyoom):
    assert "--help" in whyoom("frobnicate", code=USAGE).stderr


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, {"TERM": "xterm-256color"}])
def test_no_colours_in_a_pipe(whyoom, start, env):
    target = start("allocs", "1.26.8")
    for arguments in ([target.pid], ["heap", target.pid]):
        assert "\x1b" not in whyoom(*arguments, env=env).stdout


def test_json_parses(whyoom, start):
    target = start("allocs", "1.26.8")
    for arguments in ([target.pid], ["heap", target.pid]):
        json.loads(whyoom(*arguments, "--json").stdout)


def test_errors_in_json_mode_leave_stdout_empty_or_json(whyoom):
    failed = whyoom("heap", 2 ** 22 + 1, "--json", code=TARGET_ERROR)
    assert failed.stderr
    if failed.stdout:
        json.loads(failed.stdout)


def test_broken_pipe_is_quiet(start):
    target = start("allocs", "1.26.8")
    command = f"'{WHYOOM}' heap {target.pid} --json --all | head -c 100 > /dev/null"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
