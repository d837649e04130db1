# SPDX-License-Identifier: Apache-2.0
"""The command line: help, exit codes, no colours in a pipe."""

import json
import subprocess

import pytest

from harness import (NOT_STORED, OTHER_ERROR, TARGET_ERROR, USAGE, WHYOOM, Target, program)

COMMANDS = ["why", "heap", "crash", "watch"]
pytestmark = pytest.mark.short


def test_help_lists_the_commands_and_exit_codes(whyoom):
    out = whyoom("--help").stdout
    assert whyoom("-h").stdout == whyoom("help").stdout == out
    for command in COMMANDS:
        assert f"{command} " in out
    assert "exit code" in out.lower()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_an_example(whyoom, command):
    out = whyoom(command, "--help").stdout
    assert whyoom("help", command).stdout == out
    assert "example" in out.lower() and "exit codes" in out
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
    ["watch", "--pid", "not-a-pid"],
    ["watch", "--pid", "1", "--hold-limit", "forever"],
    ["watch", "1"],
    ["0"],
    ["-5"],
    ["why"],
    ["why", "1", "2"],
    ["heap", "1", "-o"],
    ["heap", "1", "-n", "0"],
    ["heap", "1", "-n", "many"],
    ["99999999999999999999"],
    ["12ab"],
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


@pytest.mark.parametrize("arguments, code, name", [
    (["heap", 2 ** 22], TARGET_ERROR, "not-found"),
    (["why", 2 ** 22], TARGET_ERROR, "not-found"),
    (["heap", "no-pid"], USAGE, "usage"),
    (["heap", "--diff", "/none", "/none"], TARGET_ERROR, "os"),
], ids=str)
def test_errors_in_json_mode(whyoom, arguments, code, name):
    failed = whyoom(*arguments, "--json", code=code)
    error = json.loads(failed.stdout)["error"]
    assert error["code"] == name
    assert error["message"] in failed.stderr


def test_broken_pipe_is_quiet(start):
    target = start("allocs", "1.26.8")
    for arguments in ("heap --json --all", "why", "heap"):
        command = f"'{WHYOOM}' {arguments} {target.pid} | head -c 1 > /dev/null"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
        assert done.stderr == ""


@pytest.mark.parametrize("arguments, code", [
    ("why", OTHER_ERROR), ("heap --json", OTHER_ERROR), ("heap -o -", NOT_STORED)])
def test_standard_output_that_takes_nothing(start, arguments, code):
    target = start("allocs", "1.26.8")
    command = [str(WHYOOM), *arguments.split(), str(target.pid)]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == code
    assert "standard output: No space left" in done.stderr


def test_nothing_of_the_targets_reaches_the_terminal_raw(whyoom, start, tmp_path):
    """A name with an escape sequence in it, which a hostile process can give itself."""
    hostile = tmp_path / "a\x1b[31mred\n"
    hostile.write_bytes(program("allocs", "1.26.8").read_bytes())
    hostile.chmod(0o755)
    target = Target(hostile)
    try:
        text = whyoom(target.pid).stdout
        seen = json.loads(whyoom(target.pid, "--json").stdout)
    finally:
        target.stop()
    assert "\x1b" not in text
    assert seen["identity"]["command"] == "a\x1b[31mred\\n", "the kernel escapes newlines itself"
