# SPDX-License-Identifier: Apache-2.0
"""--mode: what is read of a target that stands still, and that it is left as it was, come what may."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness import (MIB, NEWEST_SERVICE, OK, OTHER_ERROR, TARGET_ERROR, UNSUPPORTED, USAGE,
                     WHYOOM, Target, children_of, end, program, wait_until)
from test_heap import assert_same_buckets, at_rest
from test_why import MEMSTATS, states_of

STILL = ["stop", "frozen"]
# Kills of each kind: more in `./dev test --all`.
KILLS = int(os.environ.get("WHYOOM_TEST_KILLS", 250 if os.environ.get("WHYOOM_TESTS_ALL") else 25))


def read(whyoom, target, mode, *arguments, command="why"):
    return json.loads(whyoom(command, target.pid, "--mode", mode, "--json", *arguments).stdout)


def status_of(pid):
    rows = (line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {key: value.strip() for key, value in rows}


def threads_of(pid):
    """{thread: its state}"""
    states = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            states[int(task.name)] = (task / "stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            pass  # it ended meanwhile
    return states


def all_children_of(pid):
    """Of every thread, zombies too."""
    return [child for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()]


def assert_left_as_it_was(pid):
    assert status_of(pid)["TracerPid"] == "0"
    assert not {"t", "T"} & set(threads_of(pid).values())
    assert all_children_of(pid) == []


@pytest.fixture
def busy(start):
    return start("busy", NEWEST_SERVICE)


# What is read.

@pytest.mark.short
@pytest.mark.parametrize("mode", STILL)
def test_heap_equals_the_targets_own_profile(whyoom, start, version, mode, tmp_path):
    target = at_rest(start, version)
    seen = read(whyoom, target, mode, "--all", command="heap")
    assert_same_buckets(seen, target, 1, tmp_path)
    assert seen["evidence"]["mode"].startswith(mode)
    assert seen["evidence"]["target_pause_ns"] > 0
    assert seen["evidence"]["torn"] is False
    assert_left_as_it_was(target.pid)


@pytest.mark.short
@pytest.mark.parametrize("mode", STILL)
def test_why_equals_what_the_target_says(whyoom, start, version, mode, tmp_path):
    target = start("allocs", version)
    target.say("rest")
    seen = read(whyoom, target, mode)
    memstats = target.memstats(tmp_path / "memstats.json")
    assert {name: seen["memstats"][name] for name in MEMSTATS} == {
        name: memstats[name] for name in MEMSTATS}
    target.say(f"goroutines {tmp_path / 'dump'}")
    assert seen["goroutines"]["states"] == states_of((tmp_path / "dump").read_text())
    assert seen["evidence"]["failed_reads"] == seen["evidence"]["failed_stacks"] == 0
    assert_left_as_it_was(target.pid)


@pytest.mark.short
def test_live_is_the_default(whyoom, busy):
    for arguments in ([], ["--mode", "live"]):
        evidence = json.loads(whyoom(busy.pid, "--json", *arguments).stdout)["evidence"]
        assert evidence["mode"].startswith("live")
        assert evidence["target_pause_ns"] == 0


@pytest.mark.short
def test_a_mode_that_is_none(whyoom, busy):
    failed = whyoom(busy.pid, "--mode", "frosty", code=USAGE)
    assert "live, stop or frozen, not frosty" in failed.stderr


@pytest.mark.short
@pytest.mark.parametrize("mode", STILL)
def test_running_goroutines_have_stacks(whyoom, start, version, mode):
    """Only the registers of their threads tell where they are."""
    target = start("busy", version)
    target.say("run 2")
    # At any one moment the scheduler may be between two goroutines.
    running = without_stack = 0
    for _ in range(10):
        seen = read(whyoom, target, mode)
        running += seen["goroutines"]["states"].get("running", 0)
        assert seen["evidence"]["running_stacks"] == 0, "running, but without a stack"
        assert seen["evidence"]["failed_stacks"] == 0
        without_stack += read(whyoom, target, "live")["evidence"]["running_stacks"]
    assert running >= 1 and without_stack >= 1


@pytest.mark.short
@pytest.mark.parametrize("mode", STILL)
def test_reads_while_the_target_churns(whyoom, start, version, mode):
    target = start("allocs", version)
    target.say("churn on")
    failed = 0
    for _ in range(5):
        evidence = read(whyoom, target, mode)["evidence"]
        assert evidence["profile_attempts"] == 1 and evidence["profile_consistent"]
        assert evidence["damaged_buckets"] == 0
        failed += evidence["failed_stacks"]
        assert evidence["moved_goroutines"] == 0
        assert not evidence["torn"]
    # A thread can be stopped while it changes from one stack to another: then there is none to walk.
    assert failed <= 1
    target.say("rest")
    assert_left_as_it_was(target.pid)


@pytest.mark.short
@pytest.mark.parametrize("mode", STILL)
def test_goroutines_of_one_instant(whyoom, start, version, mode):
    """Fifty parents make a child each, wait for its word, and make another. Who waits has a child that
    lives, which is so at every instant but not between two: a parent seen early and its child late."""
    target = start("many", version, "-count", "1000")
    target.say("churn")
    for _ in range(5):
        seen = read(whyoom, target, mode, command="goroutines")
        by_parent = {}
        parents = {}
        for goroutine in seen["goroutines"]:
            start_name = goroutine["start"]["function"]
            if start_name == "main.churn.func1":
                parents[goroutine["id"]] = goroutine
            elif start_name == "main.churn.func1.1":
                by_parent.setdefault(goroutine["parent_id"], []).append(goroutine)
        assert len(parents) == 50
        waiting = [id for id, parent in parents.items() if parent["wait_reason"] == "chan receive"]
        if any(by_parent):  # parent ids came with Go 1.21
            assert all(id in by_parent for id in waiting), "a parent waits for nobody"
        else:
            assert len(waiting) <= sum(len(children) for children in by_parent.values())
        assert seen["evidence"]["moved_goroutines"] == 0
        receive = [goroutine for goroutine in seen["goroutines"]
                   if goroutine["start"]["function"] == "main.main.gowrap1" and goroutine["stack"] is None]
        assert not receive, "a goroutine that rests has no stack"


# Targets that cannot be held still.

@pytest.mark.short
@pytest.mark.parametrize("mode", STILL)
def test_a_target_that_someone_else_traces(whyoom, busy, mode):
    tracer = subprocess.Popen(["strace", "-f", "-o", "/dev/null", "-p", str(busy.pid)],
                              stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: status_of(busy.pid)["TracerPid"] == str(tracer.pid), 10, "strace")
        failed = whyoom(busy.pid, "--mode", mode, code=UNSUPPORTED)
        assert f"process {tracer.pid} traces it" in failed.stderr
        assert status_of(busy.pid)["TracerPid"] == str(tracer.pid)
    finally:
        tracer.terminate()
        tracer.wait(timeout=30)
    assert_left_as_it_was(busy.pid)


@pytest.mark.short
@pytest.mark.parametrize("mode", STILL)
def test_a_target_that_ended(whyoom, mode):
    ended = subprocess.Popen(["true"])
    wait_until(lambda: status_of(ended.pid)["State"].startswith("Z"), 10, "the end of true")
    assert "has ended" in whyoom(ended.pid, "--mode", mode, code=TARGET_ERROR).stderr
    ended.wait()


def stop_and_wait(target):
    os.kill(target.pid, signal.SIGSTOP)
    wait_until(lambda: set(threads_of(target.pid).values()) == {"T"}, 10, "SIGSTOP")


def assert_stopped_until_continued(target):
    assert set(threads_of(target.pid).values()) == {"T"}
    assert status_of(target.pid)["TracerPid"] == "0"
    assert all_children_of(target.pid) == []
    os.kill(target.pid, signal.SIGCONT)
    target.say("run 0")


@pytest.mark.short
def test_a_stopped_target_is_read_and_stays_stopped(whyoom, busy):
    stop_and_wait(busy)
    assert read(whyoom, busy, "stop")["goroutines"]["count"] > 100
    assert_stopped_until_continued(busy)


@pytest.mark.short
def test_a_stopped_target_is_not_frozen(whyoom, busy):
    stop_and_wait(busy)
    failed = whyoom(busy.pid, "--mode", "frozen", code=UNSUPPORTED)
    assert "job control" in failed.stderr and "--mode stop" in failed.stderr
    assert_stopped_until_continued(busy)


# A filter that allows everything: whether one would allow clone() cannot be seen from outside.
UNDER_SECCOMP = """
import ctypes, os, struct, sys
code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7fff0000))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 1, ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.short
def test_a_target_under_seccomp(whyoom, start):
    target = start("busy", NEWEST_SERVICE,
                   prefix=("/usr/bin/python3", "-c", UNDER_SECCOMP))
    assert status_of(target.pid)["Seccomp"] == "2"
    failed = whyoom(target.pid, "--mode", "frozen", code=UNSUPPORTED)
    assert "seccomp" in failed.stderr and "--mode stop" in failed.stderr
    assert_left_as_it_was(target.pid)
    assert read(whyoom, target, "stop")["goroutines"]["count"] > 100


@pytest.mark.short
def test_no_room_for_a_copy_below_the_limit(whyoom, start, cgroup):
    group = cgroup(128 * MIB)
    target = start("busy", NEWEST_SERVICE, "-heap", "100", cgroup=group)
    failed = whyoom(target.pid, "--mode", "frozen", code=UNSUPPORTED)
    assert f"the limit of 128 MiB of cgroup {group.path} leaves" in failed.stderr
    assert_left_as_it_was(target.pid)
    target = start("busy", NEWEST_SERVICE, "-heap", "100", cgroup=cgroup(512 * MIB))
    assert read(whyoom, target, "frozen")["goroutines"]["count"] > 100


@pytest.mark.short
@pytest.mark.parametrize("mode", STILL)
def test_a_target_in_a_pid_namespace_of_its_own(whyoom, start, mode):
    """Threads and children have other numbers inside, and the first process is special."""
    outer = start("busy", NEWEST_SERVICE, prefix=("unshare", "--pid", "--fork"))
    inner, = children_of(outer.process.pid)
    outer.say("run 2")
    for _ in range(3):
        evidence = json.loads(whyoom(inner, "--mode", mode, "--json").stdout)["evidence"]
        assert evidence["running_stacks"] == 0
    assert_left_as_it_was(inner)
    os.kill(inner, signal.SIGKILL)


@pytest.mark.parametrize("mode", STILL)
def test_a_target_killed_meanwhile(whyoom, start, mode):
    moments = random.Random(11)
    longest = None
    for _ in range(KILLS):
        target = start("busy", NEWEST_SERVICE)
        longest = longest or max(duration_of(target.pid, mode) for _ in range(3))
        running = subprocess.Popen([str(WHYOOM), "why", "--mode", mode, str(target.pid)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(moments.random() * longest)
        target.process.kill()
        _, err = running.communicate(timeout=60)
        assert running.returncode in (OK, TARGET_ERROR), err
        assert target.process.wait(timeout=30) == -signal.SIGKILL
        wait_until(lambda: not copies_of(target.path), 10, "the end of the copy")


def copies_of(path):
    """Processes that run `path` without a SIGCHLD for their parent: frozen copies."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            stat = (process / "stat").read_text().rpartition(")")[2].split()
            if stat[0] not in "ZX" and (process / "exe").readlink() == path and stat[35] != "17":
                found.append(process.name)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass
    return found


# Whatever becomes of whyoom, the target goes on.

class Load:
    """Clients that ask a busy server until they are told to end; each wrong answer is an error."""

    def __init__(self, request, start):
        self.target = start("busy", NEWEST_SERVICE)
        self.process = subprocess.Popen(
            [str(program("busy", NEWEST_SERVICE)), "-load", self.target.listening],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        request.addfinalizer(lambda: end(self.process))
        assert self.process.stdout.readline().startswith("ready")

    def finish(self):
        """Asserts that every answer came and was right."""
        out, _ = self.process.communicate(timeout=60)
        assert (out, self.process.returncode) == ("ok\n", 0)


@pytest.fixture
def load(request, start):
    return Load(request, start)


def is_guard(pid):
    """A guard that lives; when whyoom is gone, init collects it sooner or later."""
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return name == "whyoom-guard" and rest.split()[0] not in "ZX"


def guards_of(pid):
    """The guard processes that `pid` started."""
    return [child for child in children_of(pid) if is_guard(child)]


def guards_anywhere():
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if is_guard(path.name)]


def is_left_alone(pid):
    """Not traced, not stopped, and no child that stays: the server runs programs of its own."""
    if status_of(pid)["TracerPid"] != "0" or {"t", "T"} & set(threads_of(pid).values()):
        return False
    own = Path(f"/proc/{pid}/exe").readlink()
    for child in all_children_of(pid):
        try:
            stat = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            exit_signal = int(stat[35])
            if exit_signal == 0 or Path(f"/proc/{child}/exe").readlink() == own:
                return False
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass
    return True


def duration_of(pid, mode):
    begun = time.monotonic()
    subprocess.run([str(WHYOOM), "why", "--mode", mode, str(pid)], check=True,
                   stdout=subprocess.DEVNULL, timeout=60)
    return time.monotonic() - begun


def kill_many_times(load, mode, kill):
    """Runs whyoom and kill()s it, at moments spread over its whole run."""
    pid = load.target.pid
    longest = max(duration_of(pid, mode) for _ in range(3))
    others = set(guards_anywhere())
    moments = random.Random(7)
    killed = 0
    for number in range(20 * KILLS):
        if killed == KILLS:
            break
        running = subprocess.Popen([str(WHYOOM), "why", "--mode", mode, str(pid)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments.random() * longest)
        killed += kill(running)
        running.wait(timeout=60)
        wait_until(lambda: set(guards_anywhere()) <= others, 90, "the end of the guard")
        wait_until(lambda: is_left_alone(pid), 10, f"round {number}: the target left alone")
    assert killed == KILLS, "most runs ended before they were killed"
    load.finish()
    # What the server has just forked and does not yet execute looks like a copy of it.
    wait_until(lambda: is_left_alone(pid), 10, "the target left alone at the end")
    load.target.say("run 0")


def kill_whyoom(running):
    alive = running.poll() is None
    running.kill()
    return alive


def kill_reader(running):
    """The sandboxed process: the one that is no guard."""
    try:
        readers = readers_of(running.pid)
        for reader in readers:
            os.kill(reader, signal.SIGKILL)
        return bool(readers)
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill_guard(running):
    try:
        guards = guards_of(running.pid)
        for guard in guards:
            os.kill(guard, signal.SIGKILL)
        return bool(guards)
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("mode", STILL)
def test_whyoom_killed_at_any_moment(load, mode):
    kill_many_times(load, mode, kill_whyoom)


@pytest.mark.parametrize("mode", STILL)
def test_its_reader_killed_at_any_moment(load, mode):
    kill_many_times(load, mode, kill_reader)


@pytest.mark.parametrize("mode", STILL)
def test_its_guard_killed_at_any_moment(load, mode):
    kill_many_times(load, mode, kill_guard)


def test_two_at_once(load, rounds):
    """Each is in the other's way; what the one leaves behind is taken away when the other is gone."""
    pid = load.target.pid
    for number in range(rounds(10, 200)):
        both = [subprocess.Popen([str(WHYOOM), "why", "--mode", "frozen", str(pid)],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                for _ in range(2)]
        for running in both:
            _, err = running.communicate(timeout=120)
            assert running.returncode in (OK, TARGET_ERROR, UNSUPPORTED, OTHER_ERROR), err
            assert "stays in the process table" not in err
        wait_until(lambda: is_left_alone(pid), 10, f"round {number}: the target left alone")
    load.finish()


@pytest.mark.short
@pytest.mark.parametrize("mode", STILL)
def test_interrupted_from_the_terminal(busy, mode):
    """Ctrl-C goes to the whole group of the terminal; the guard is not in it."""
    for number in range(10):
        running = subprocess.Popen([str(WHYOOM), "why", "--mode", mode, str(busy.pid)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        time.sleep(number * 0.005)
        os.killpg(running.pid, signal.SIGINT)
        running.wait(timeout=60)
        wait_until(lambda: is_left_alone(busy.pid), 10, "the target left alone")
    busy.say("run 0")
    assert_left_as_it_was(busy.pid)


def readers_of(pid):
    try:
        return set(children_of(pid)) - set(guards_of(pid))
    except (FileNotFoundError, ProcessLookupError):
        return set()


def test_a_reader_that_stands_still_itself_does_not_hold_the_target(start):
    """The guard lets go when the time is up."""
    target = start("busy", NEWEST_SERVICE, "-goroutines", "30000")
    for _ in range(50):
        running = subprocess.Popen([str(WHYOOM), "why", "--mode", "stop", "--json",
                                    str(target.pid)], stdout=subprocess.PIPE, text=True)
        while running.poll() is None and "t" not in threads_of(target.pid).values():
            pass
        readers = readers_of(running.pid)
        for reader in readers:
            os.kill(reader, signal.SIGSTOP)
        caught = readers and "t" in threads_of(target.pid).values()
        if caught:
            wait_until(lambda: is_left_alone(target.pid), 20, "the target left alone")
        for reader in readers:
            os.kill(reader, signal.SIGCONT)
        out, _ = running.communicate(timeout=60)
        evidence = json.loads(out)["evidence"]
        if caught and evidence["torn"]:
            assert "went on before" in evidence["mode"]
            assert evidence["target_pause_ns"] > 1_000_000_000
            break
    else:
        pytest.fail("the reader was never caught while the target stood still")
    target.say("run 0")
