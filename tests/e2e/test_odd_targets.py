# SPDX-License-Identifier: Apache-2.0
"""Targets in odd places and states, in each mode: read exactly or refused by name, and left as they were.

What test_process.py has for the live mode, and test_modes.py for targets that are traced, stopped or under
seccomp's filters, is not repeated here."""

import json
import os
import re
from pathlib import Path

import pytest

from harness import (NEWEST_SERVICE, OTHER_ERROR, VERSIONS, Target, children_of, program,
                     wait_until)
from test_heap import assert_same_buckets, rate_of
from test_modes import assert_left_as_it_was, threads_of
from test_process import copy_program, unshared

NEWEST = VERSIONS[-1]
MODES = ["live", "stop", "frozen"]


def heap_in(whyoom, mode, pid):
    seen = json.loads(whyoom("heap", pid, "--mode", mode, "--json", "--all").stdout)
    assert seen["evidence"]["mode"].startswith(mode)
    return seen


# Where it is: each gives the program, what to begin it with, and what to do once it runs.

def deleted(folder):
    path = copy_program(NEWEST, folder / "allocs")
    return path, [], path.unlink


def replaced(folder):
    path = copy_program(NEWEST, folder / "allocs")

    def replace():
        path.unlink()
        copy_program(VERSIONS[0], path, "leak")

    return path, [], replace


def another_mount_namespace(folder):
    hidden = folder / "hidden"
    hidden.mkdir()
    mount = f'mount -t tmpfs none "{hidden}" && cp "$0" "{hidden}" && exec "{hidden}/allocs"'
    prefix = unshared("--mount", "--propagation", "private")
    return program("allocs", NEWEST), [*prefix, "sh", "-c", mount], None


def another_root_folder(folder):
    inside = folder / "root"
    inside.mkdir()
    copy_program(NEWEST, inside / "allocs")
    return "/allocs", ["chroot", str(inside)], None


def first_of_a_container(folder):
    """Process 1 of a pid namespace, with a root folder that is not there outside."""
    inside = folder / "root"
    inside.mkdir()
    mount = ('mount -t tmpfs none "$0" && cp "$1" "$0/service" && exec chroot "$0" /service')
    prefix = unshared("--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")
    return program("allocs", NEWEST), [*prefix, "sh", "-c", mount, inside], None


def another_user_namespace(folder):
    return program("allocs", NEWEST), unshared("--user", "--map-root-user"), None


PLACES = [deleted, replaced, another_mount_namespace, another_root_folder, first_of_a_container,
          another_user_namespace]


@pytest.mark.parametrize("mode", ["stop", "frozen"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_in_an_odd_place(whyoom, request, tmp_path, place, mode):
    path, prefix, change = place(tmp_path)
    target = Target(path, env=rate_of(1), prefix=prefix)
    request.addfinalizer(target.stop)
    target.say("rest")
    if target.pid == 1:
        target.pid, = children_of(target.process.pid)
    if change:
        change()
    seen = heap_in(whyoom, mode, target.pid)
    assert seen["identity"]["go_version"] == f"go{NEWEST}"
    assert_left_as_it_was(target.pid)
    assert_same_buckets(seen, target, 1, folder_for_answers(target, tmp_path))


def folder_for_answers(target, folder):
    """Where the target can write what it says of itself, as it is called outside."""
    root = Path(f"/proc/{target.pid}/root")
    if os.path.samefile(root, "/"):
        return folder

    def ask_json(command, path):
        target.say(f"{command} /{path.name}")
        return json.loads((root / path.name).read_text())

    target.ask_json = ask_json
    return root


def seccomp_of(pid):
    """The modes of its threads: 0 none, 1 strict, 2 a filter."""
    return {re.search(r"^Seccomp:\t(\d)", (task / "status").read_text(), re.MULTILINE)[1]
            for task in Path(f"/proc/{pid}/task").iterdir()}


@pytest.mark.parametrize("mode", MODES)
def test_a_thread_under_strict_seccomp(whyoom, start, mode):
    """Any other call than a read or a write would kill it: it is made to do none."""
    target = start("callbacks", NEWEST_SERVICE)
    target.say("strict")
    threads = len(threads_of(target.pid))
    for _ in range(5):
        seen = json.loads(whyoom("goroutines", target.pid, "--mode", mode, "--json").stdout)
        assert seen["count"] == 27
        assert seen["evidence"]["mode"].startswith(mode)
        assert_left_as_it_was(target.pid)
        assert seccomp_of(target.pid) == {"0", "1"}
    assert len(threads_of(target.pid)) >= threads
    target.say("rest")


@pytest.fixture
def paused(request):
    """paused(TARGET) -> nothing; a cgroup of the freezer holds it, as `docker pause` does. Ends with
    resume(), which it returns."""
    mount = Path("/sys/fs/cgroup/freezer")
    if not os.access(mount / "cgroup.procs", os.W_OK):
        pytest.skip("no freezer on cgroup v1")
    group = mount / f"whyoom-test-{os.getpid()}"

    def state(name):
        (group / "freezer.state").write_text(name)
        wait_until(lambda: (group / "freezer.state").read_text().strip() == name, 10, name)

    def close(target):
        state("THAWED")
        target.stop()
        wait_until(lambda: not (group / "cgroup.procs").read_text(), 10, "an empty cgroup")
        group.rmdir()

    def pause(target):
        group.mkdir()
        request.addfinalizer(lambda: close(target))
        (group / "cgroup.procs").write_text(str(target.pid))
        state("FROZEN")
        return lambda: state("THAWED")

    return pause


def test_a_paused_target_is_read_live(whyoom, start, paused, tmp_path):
    target = start("allocs", NEWEST, env=rate_of(1))
    target.say("rest")
    resume = paused(target)
    seen = heap_in(whyoom, "live", target.pid)
    resume()
    assert_same_buckets(seen, target, 1, tmp_path)


@pytest.mark.parametrize("mode", ["stop", "frozen"])
def test_a_paused_target_cannot_be_held(whyoom, start, paused, mode):
    """It would not stop before it is resumed."""
    target = start("busy", NEWEST_SERVICE)
    resume = paused(target)
    failed = whyoom(target.pid, "--mode", mode, code=OTHER_ERROR)
    assert "did not stop in time" in failed.stderr and "--mode live" in failed.stderr
    resume()
    target.say("run 0")
    assert_left_as_it_was(target.pid)
