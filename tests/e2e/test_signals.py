# SPDX-License-Identifier: Apache-2.0
"""Threads that a signal has interrupted: a program that is aborted tells of all its goroutines, those that
ran from inside their signal's handlers, and leaves a core. Each stack in the core is what it told."""

import ctypes
import json
import re
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness import NEWEST_SERVICE, Target, program
from test_core import kernel_cores

QEMU = "qemu-aarch64"
HEADER = re.compile(r"goroutine (\d+)(?: gp=\S+ m=\S+(?: mp=\S+)?)? \[([^\],]+)")


@dataclass
class Told:
    id: int
    state: str
    frames: list = field(default_factory=list)  # ("function", "file:line")


def parse_crash(text):
    """{id: Told}: where a goroutine is told of more than once, the first with a stack. Those of the
    threads themselves, which have the number 0, are left out."""
    found, current, function = {}, None, None
    for line in text.splitlines():
        header = HEADER.match(line)
        if header:
            current = Told(int(header[1]), header[2])
            known = found.get(current.id)
            if current.id and not (known and known.frames):
                found[current.id] = current
        elif not line or line.startswith("created by "):
            current = current if line else None
            function = None
        elif current and line.startswith("\t") and function:
            current.frames.append((function, line.split()[0]))
            function = None
        elif current and line.endswith(")"):
            function = re.sub(r"\((?:[^()]|\([^()]*\))*\)$", "", line)
    return found


def abort(pid):
    """By way of the thread that ran most: its goroutine is inside of a signal's handler then, which ends
    the program by the same signal once more."""
    def ran(task):
        return int((task / "stat").read_text().rpartition(")")[2].split()[11])

    tasks = [task for task in Path(f"/proc/{pid}/task").iterdir() if int(task.name) != pid]
    busiest = max(tasks, key=ran)
    assert ctypes.CDLL(None).tgkill(pid, int(busiest.name), signal.SIGABRT) == 0


@dataclass
class Crashed:
    core: object
    told: dict
    path: object


@pytest.fixture
def crash(request, tmp_path):
    """crash(PATH, COMMAND, EMULATOR) -> it was aborted while goroutines ran."""

    def run(path, command, *emulator):
        folder = tmp_path / "crashing"
        folder.mkdir()
        request.addfinalizer(lambda: shutil.rmtree(folder))
        begin = 'cd "$0" && ulimit -c unlimited && exec "$@" 2>dump'
        target = Target(path, env={"GOTRACEBACK": "crash", "GOMAXPROCS": "4"},
                        prefix=["sh", "-c", begin, folder, *emulator])
        request.addfinalizer(target.stop)
        target.say(command)
        time.sleep(0.2)  # until they run
        abort(target.pid)
        target.process.wait(timeout=100)
        core, = folder.glob("qemu_*.core" if emulator else "core*")
        return Crashed(core, parse_crash((folder / "dump").read_text()), path)

    return run


def name_for_print(function):
    return "panic" if function == "runtime.gopanic" else re.sub(r"\[.*\]", "[...]", function)


def frames_of(seen, goroutine):
    frames = seen["stacks"][goroutine["stack"]]["frames"]
    return [(name_for_print(frame["function"]), f"{frame['file']}:{frame['line']}")
            for frame in frames]


def assert_the_core_tells_the_same(whyoom, crashed):
    seen = json.loads(whyoom("goroutines", crashed.core, "--exe", crashed.path, "--json").stdout)
    ours = {goroutine["id"]: goroutine for goroutine in seen["goroutines"]}
    assert seen["evidence"]["failed_stacks"] == seen["evidence"]["running_stacks"] == 0
    compared = interrupted = 0
    assert crashed.told.keys() == ours.keys()
    for id, told in crashed.told.items():
        if not told.frames:  # it was about to run, or had just ended
            continue
        if told.state == "running" and told.frames[-1][0] != "runtime.goexit":
            continue  # stopped in the vDSO: the program itself does not find its way out
        assert told.frames.pop()[0] == "runtime.goexit", told
        # The runtime's own timers go off between the dump and the core.
        woken = ours[id]["system"] and ours[id]["state"] == "runnable"
        assert woken or told.state in (ours[id]["wait_reason"], ours[id]["state"])
        assert frames_of(seen, ours[id])[:50] == told.frames[:50], told
        compared += 1
        interrupted += told.state == "running" or any(
            function == "runtime.asyncPreempt" for function, _ in told.frames)
    assert compared > 40
    return interrupted


# What it does, and of how many goroutines at least the stacks are of one that ran or was preempted.
COMMANDS = {"spin 6": 2, "work": 1}


@kernel_cores
@pytest.mark.parametrize("command", COMMANDS)
def test_aborted(whyoom, crash, version, command):
    crashed = crash(program("stacks", version), command)
    assert assert_the_core_tells_the_same(whyoom, crashed) >= COMMANDS[command]


@pytest.mark.skipif(not shutil.which(QEMU), reason=f"{QEMU} is not installed")
@pytest.mark.parametrize("command", COMMANDS)
def test_aborted_on_arm64(whyoom, crash, command):
    crashed = crash(program("stacks-arm64", NEWEST_SERVICE), command, QEMU)
    assert assert_the_core_tells_the_same(whyoom, crashed) >= COMMANDS[command]
