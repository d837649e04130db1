# SPDX-License-Identifier: Apache-2.0
"""`whyoom watch --all` and `--name`: programs found as they start, an incident for each that is killed."""

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness import MIB, TARGETS, VERSIONS, children_of, program, wait_until
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
    return sorted(path for path in folder.glob("incident-*") if ".partial" not in path.name)


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
    assert report["baseline"]["usage_bytes"] < 60 * MIB  # from before it grew
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


def test_a_trigger_fires_and_then_it_is_killed(watch, leak, cgroup, tmp_path):
    """Each has its incident, although both begin within the same second."""
    running = watch("--name", f"both-{os.getpid() % 10000}", "--out", tmp_path / "out",
                    "--when", "growth > 20MiB/s")
    victim = leak("both", cgroup(400 * MIB), "-await", "-rate", 60)
    found(running, victim)
    wait_until(lambda: list((tmp_path / "out").glob("baseline-*.partial/*/report.json")), 20, "a baseline")
    time.sleep(1)
    go(victim)
    assert victim.process.wait(timeout=60) == -signal.SIGKILL
    wait_until(lambda: len(incidents_of(tmp_path / "out")) == 2, 30, running.output)
    assert not said(running, "NOT STORED")
    reports = [json.loads((path / "report.json").read_text()) for path in incidents_of(tmp_path / "out")]
    assert len([report for report in reports if report.get("trigger")]) == 1
    assert [report["kill"]["cause"] for report in reports if report.get("kill")] == ["cgroup-oom"]


# ---- what the timeline knows of them while they are calm ----

def rows_of(whyoom, pid):
    return list(csv.DictReader(whyoom("timeline", pid, "--csv", code=None).stdout.splitlines()))


def events_of(whyoom, pid):
    return json.loads(whyoom("timeline", pid, "--json").stdout)["events"]


def goal_of(whyoom, target):
    return json.loads(whyoom("runtime", target.pid, "--json").stdout)["gc"]["goal_bytes"]


@pytest.mark.parametrize("limit, version", [(1500 * MIB, VERSION), (None, VERSION), (1500 * MIB, "1.22.12")])
def test_the_timeline_of_a_calm_one(whyoom, watch, start, cgroup, tmp_path, limit, version):
    """Live heap, goal and goroutines between captures, as the program says them itself."""
    path = tmp_path / f"calm-{os.getpid() % 10000}"
    shutil.copy(program("grow", version), path)
    target = start(path, version, cgroup=cgroup(limit))
    running = watch("--name", path.name, "--out", tmp_path / "out")
    found(running, target)
    wait_until(lambda: list((tmp_path / "out").glob("baseline-*/capture-1/manifest.json")), 20, "a baseline")
    target.say("goroutines 1234")
    target.say("keep 50")
    target.say("collect")
    own = target.ask_json("numbers", tmp_path / "numbers")

    goal = goal_of(whyoom, target)

    def right():
        rows = rows_of(whyoom, target.pid)
        return rows and rows[-1]["heap_live_bytes"] and (
            float(rows[-1]["goroutines"]) == own["goroutines"] and
            float(rows[-1]["heap_live_bytes"]) == pytest.approx(own["heap_alloc"], rel=0.05) and
            float(rows[-1]["heap_goal_bytes"]) == pytest.approx(goal, rel=0.02)) and rows[-1]

    last = wait_until(right, 60, lambda: (own, goal, rows_of(whyoom, target.pid)[-1:]))
    # Looked at each half a minute: these may be of its first moment.
    assert 3 <= float(last["fds"]) <= len(os.listdir(f"/proc/{target.pid}/fd"))
    assert 1 <= float(last["threads"]) <= len(os.listdir(f"/proc/{target.pid}/task"))
    assert not said(running, "watching process"), "it needed no watch of its own"


# Each has another place of the goal. Most are there after `tests/targets/build matrix` only, which
# `./dev test --all` runs.
@pytest.mark.parametrize("version", [
    version for version in ["1.11.13", "1.16.15", "1.17.13", "1.18.10", "1.19.13", "1.20.14", "1.27.4"]
    if version in ("1.18.10", *VERSIONS) or (TARGETS / f"go{version}/allocs").exists()])
@pytest.mark.parametrize("memory_limit", ["off", "30MiB"])
def test_the_goal_in_the_timeline(whyoom, watch, start, cgroup, tmp_path, version, memory_limit):
    """Also where the memory limit sets it."""
    path = tmp_path / f"goal-{os.getpid() % 10000}"
    shutil.copy(program("allocs", version), path)
    target = start(path, version, cgroup=cgroup(300 * MIB), env={"GOMEMLIMIT": memory_limit})
    running = watch("--name", path.name, "--out", tmp_path / "out")
    found(running, target)
    rows = wait_until(lambda: [row for row in rows_of(whyoom, target.pid) if row["heap_goal_bytes"]], 40,
                      "a goal")
    assert float(rows[-1]["heap_goal_bytes"]) == pytest.approx(goal_of(whyoom, target), rel=0.02)


def test_the_ends_of_calm_ones(whyoom, watch, leak, start, cgroup, tmp_path):
    """Each with its cause."""
    running = watch("--name", f"e*-{os.getpid() % 10000}", "--out", tmp_path / "out")
    group = cgroup(300 * MIB)
    ends = {"ekilled": "ended by signal 9", "eterm": "ended by signal 15", "eexit": "exited with code 0"}
    targets = {name: leak(name, group, "-await") for name in ("ekilled", "eterm")}
    path = tmp_path / f"eexit-{os.getpid() % 10000}"
    shutil.copy(program("grow", VERSION), path)
    targets["eexit"] = start(path, VERSION, cgroup=group)
    found(running, *targets.values())
    time.sleep(1)
    targets["ekilled"].process.kill()
    targets["eterm"].process.terminate()
    targets["eexit"].process.stdin.close()
    for name, words in ends.items():
        wait_until(lambda: said(running, f"(process {targets[name].pid}) {words}"), 20, running.output)
    time.sleep(1.5)  # a commit
    for name, words in ends.items():
        pid = targets[name].pid
        events = events_of(whyoom, pid)
        assert any(f"(process {pid}) {words}" in event["text"] for event in events), (name, events)


def test_restarts_and_other_binaries_are_marked(whyoom, watch, start, cgroup, tmp_path):
    path = tmp_path / f"deploy-{os.getpid() % 10000}"
    running = watch("--name", path.name, "--out", tmp_path / "out")
    group = cgroup(300 * MIB)
    pids = []
    for version in (VERSION, "1.22.12"):
        path.unlink(missing_ok=True)
        shutil.copy(program("leak", version), path)
        target = start(path, version, "-await", cgroup=group)
        found(running, target)
        pids.append(target.pid)
        time.sleep(1.5)
        target.process.kill()
        target.process.wait()
        wait_until(lambda: said(running, f"(process {target.pid}) ended by signal 9"), 20, running.output)
        time.sleep(1.5)
    texts = [event["text"] for event in events_of(whyoom, path.name)]
    assert any(f"process {pids[1]} (before: {pids[0]})" in text for text in texts), texts
    assert any("another binary, build ID" in text for text in texts), texts


def test_the_bench_says_what_the_watch_said():
    """Where the watch does not begin, nobody waits for its programs."""
    bench = subprocess.run([Path(__file__).resolve().parents[2] / "bench/watch", "--programs", "1", "--when",
                            "nonsense > 5"], capture_output=True, text=True, timeout=50)
    assert bench.returncode == 1
    assert "the watch ended with code 2" in bench.stderr
    assert "there is no metric nonsense" in bench.stderr
