# SPDX-License-Identifier: Apache-2.0
"""`whyoom watch --all` and `--name`: programs found as they start, an incident for each that is killed."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness import MIB, children_of, program, wait_until
from test_watch import FILES, check_manifest

VERSION = "1.26.8"
LEAK = "main.(*leakyCache).remember"
KILLS = 20


@pytest.fixture
def own(tmp_path):
    """own(NAME) -> leak under a name that no other program of the machine has."""

    def copy(name):
        path = tmp_path / f"{name}-{os.getpid() % 10000}"
        shutil.copy(program("leak", VERSION), path)
        return path

    return copy


@pytest.fixture
def leak(start, own):
    """leak(NAME, CGROUP, ARGUMENT...) -> a Target of a program of that name."""

    def start_leak(name, group, *arguments):
        path = own(name)
        return start(path, VERSION, *arguments, cgroup=group)

    return start_leak


def go(target):
    target.process.stdin.write("\n")
    target.process.stdin.flush()


def said(running, words):
    return words in running.stderr_path.read_text()


def found(running, *targets):
    for target in targets:
        wait_until(lambda: said(running, f"found process {target.pid} "), 20, "the process")


def incidents_of(folder):
    return sorted(path for path in folder.glob("incident-*") if not path.name.endswith(".partial"))


def reports_in(folder):
    return {report["identity"]["pid"]: report for report in
            (json.loads((path / "report.json").read_text()) for path in incidents_of(folder))}


@pytest.mark.short
def test_one_of_two_is_killed(watch, leak, cgroup, tmp_path):
    groups = [cgroup(300 * MIB), cgroup(200 * MIB)]
    calm = leak("calm", groups[0], "-warm", 20, "-await")
    running = watch("--name", f"*-{os.getpid() % 10000}", "--out", tmp_path / "out")
    found(running, calm)
    victim = leak("victim", groups[1], "-await", "-rate", 100)  # it starts later
    found(running, victim)
    wait_until(lambda: list((tmp_path / "out").glob(f"baseline-*-{victim.pid}.partial/*/report.json")),
               20, "a baseline")
    go(victim)
    assert victim.process.wait(timeout=60) == -signal.SIGKILL
    wait_until(lambda: incidents_of(tmp_path / "out"), 20, "the incident")
    wait_until(lambda: "incident: " in running.stdout(), 20, "the report")
    folder = incidents_of(tmp_path / "out")[0]
    check_manifest(folder)
    report = json.loads((folder / "report.json").read_text())
    assert report["identity"]["pid"] == victim.pid
    assert report["verdict"]["guilty"]["function"] == LEAK
    assert report["kill"]["cause"] == "cgroup-oom"
    assert report["baseline"]["usage_bytes"] < 30 * MIB  # from before it grew
    assert calm.process.poll() is None
    running.process.terminate()
    assert running.wait(20) == 128 + signal.SIGTERM
    assert not list((tmp_path / "out").glob("*.partial"))  # nothing happened to the calm one


@pytest.mark.short
def test_only_those_of_the_name(watch, leak, cgroup, tmp_path):
    running = watch("--name", f"wanted-{os.getpid() % 10000}", "--out", tmp_path / "out")
    other = leak("other", cgroup(100 * MIB), "-await")
    wanted = leak("wanted", cgroup(100 * MIB), "-await")
    found(running, wanted)
    assert not said(running, f"process {other.pid} ")


def test_a_program_that_a_shell_becomes(watch, own, cgroup, tmp_path):
    """The shell is seen first; it executes the program later."""
    path = own("late")
    running = watch("--name", path.name, "--out", tmp_path / "out")
    group = cgroup(100 * MIB)
    shell = subprocess.Popen(group.command(["sh", "-c", f"sleep 2; exec {path} -await"]),
                             stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: said(running, f"found process {shell.pid} "), 20, "the program")
    finally:
        shell.kill()
        shell.wait()


def test_many_are_killed_at_once(whyoom, watch, leak, cgroup, tmp_path):
    """Each has its incident, with its own heap."""
    running = watch("--name", f"k*-{os.getpid() % 10000}", "--out", tmp_path / "out")
    victims = [leak(f"k{i}", cgroup(100 * MIB), "-await", "-rate", 25) for i in range(KILLS)]
    found(running, *victims)
    for victim in victims:
        go(victim)
    for victim in victims:
        assert victim.process.wait(timeout=60) == -signal.SIGKILL
    wait_until(lambda: len(incidents_of(tmp_path / "out")) == KILLS, 40, "the incidents")
    reports = reports_in(tmp_path / "out")
    assert sorted(reports) == sorted(victim.pid for victim in victims)
    for report in reports.values():
        assert report["kill"]["cause"] == "cgroup-oom"
        assert report["verdict"]["guilty"]["function"] == LEAK
        folder = next(tmp_path.glob(f"out/incident-*-{report['identity']['pid']}"))
        assert set(FILES) <= set(os.listdir(folder))
    killed = {victim.pid for victim in victims}

    def listed():
        return {row["pid"] for row in json.loads(whyoom("incidents", "--json").stdout)}

    wait_until(lambda: killed <= listed(), 20, "the incidents in the timeline")


def test_a_killed_watch_leaves_no_child(watch, leak, cgroup, tmp_path):
    group = cgroup(200 * MIB)
    target = leak("held", group, "-warm", 120, "-await")
    running = watch("--name", f"held-{os.getpid() % 10000}", "--out", tmp_path / "out")
    wait_until(lambda: said(running, f"watching process {target.pid} "), 20, "a watch of its own")
    children = children_of(running.process.pid)
    assert children
    running.process.kill()
    running.wait(10)
    wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in children), 10,
               "their end")
    time.sleep(0.1)
    assert target.process.poll() is None
    assert group.oom_control()["oom_kill_disable"] == 0
