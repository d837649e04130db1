# SPDX-License-Identifier: Apache-2.0
"""`whyoom watch --all --hold` and `--name --hold`: the kill of each is held, and let go whatever happens."""

import json
import os
import signal
import time

import pytest

from harness import MIB, MemoryCgroup, children_of, wait_until
from kills import GOOD_SHARE, MANY, SHAPES, kills_under_name
from test_leftovers import kill_all
from test_watch_cases import taker  # noqa: F401
from test_watch_many import found, go, incidents_of, leak, own, reports_in, said  # noqa: F401

HOLD = ("--hold", "--hold-limit", "20s")  # a machine that others keep busy is slow
LIMIT_BYTES = 200 * MIB
SCORE = "echo 1000 >/proc/self/oom_score_adj; exec \"$@\""


def name_of(word):
    return f"{word}-{os.getpid() % 10000}"


def disabled(group):
    return group.oom_control()["oom_kill_disable"]


@pytest.fixture
def held(watch, leak, cgroup, tmp_path):  # noqa: F811
    """A program near its limit whose kill is held by a watch of many: (watch, its child, cgroup, target)."""
    group = cgroup(LIMIT_BYTES)
    target = leak("near", group, "-warm", 120, "-await", "-rate", 100)
    running = watch("--name", name_of("near"), "--out", tmp_path / "out", "--state", tmp_path / "state",
                    *HOLD)
    wait_until(lambda: said(running, f"watching process {target.pid} "), 20, running.output)
    assert said(running, "the kill will be held")
    assert disabled(group) == 1
    assert len(list((tmp_path / "state").glob("hold-*"))) == 1
    child = next(pid for pid in children_of(running.process.pid) if children_of(pid))
    return running, child, group, target


def dies_at_its_limit(group, target):
    """It is not left asleep there."""
    go(target)
    assert target.process.wait(60) == -signal.SIGKILL
    wait_until(lambda: group.oom_control()["under_oom"] == 0, 10, "nobody is at the limit")
    assert disabled(group) == 0


@pytest.mark.short
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_held_kills(shape):
    """From the start to death within half a second, and held all the same."""
    kill, = kills_under_name([shape], *HOLD)
    assert kill.has_evidence, kill.note
    assert kill.share >= GOOD_SHARE, f"{kill.share:.1%} of what it kept\n{kill.note}"
    assert kill.restored, kill.note
    assert kill.held_ns or kill.ended_itself, kill.note


def test_twenty_at_once():
    kills = kills_under_name([MANY] * 20, *HOLD)
    assert all(kill.has_evidence for kill in kills), kills[0].note
    assert min(kill.share for kill in kills) >= GOOD_SHARE, [kill.share for kill in kills]
    assert all(kill.restored for kill in kills)
    assert all(kill.held_ns or kill.ended_itself for kill in kills), kills[0].note


def test_twenty_at_once_with_little_time():
    """Whoever's time is over is let go, with what was taken on the way up."""
    kills = kills_under_name([MANY] * 20, "--hold", "--hold-limit", "50ms")
    assert all(kill.restored for kill in kills)
    assert sum(kill.has_evidence for kill in kills) >= 15, kills[0].note


# ---- who dies ----

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_watch_of_all_ends(held, number):
    running, _, group, target = held
    running.process.send_signal(number)
    running.process.wait(20)
    wait_until(lambda: disabled(group) == 0, 10, "the switch is back")
    assert target.process.poll() is None
    dies_at_its_limit(group, target)


def test_the_child_is_killed(held):
    """Its guard lets go; the watch of all starts another one, which holds."""
    running, child, group, target = held
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: running.stderr_path.read_text().count("the kill will be held") == 2, 20,
               running.output)
    assert disabled(group) == 1
    dies_at_its_limit(group, target)


def test_the_guard_is_killed(held):
    running, child, group, target = held
    guard = next(pid for pid in children_of(child) if name_of_process(pid) == "whyoom-guard")
    os.kill(guard, signal.SIGKILL)
    wait_until(lambda: said(running, "the guard process died"), 20, running.output)
    dies_at_its_limit(group, target)


def name_of_process(pid):
    with open(f"/proc/{pid}/comm") as comm:
        return comm.read().strip()


def test_all_of_it_is_killed_at_once(held, whyoom, tmp_path):
    running, child, group, target = held
    kill_all(running, child, *children_of(child))
    time.sleep(0.3)
    if disabled(group) == 0:  # the child's guard was faster than the signal that stops it
        pytest.skip("not all died at once")
    undone = whyoom("relieve", "--undo", "--state", tmp_path / "state")
    assert f"held the kill in {group.path}: its settings are put back" in undone.stdout
    dies_at_its_limit(group, target)


# ---- whom it is about ----

def test_what_is_far_from_its_limit_is_not_held(watch, leak, cgroup, tmp_path):  # noqa: F811
    group = cgroup(LIMIT_BYTES)
    target = leak("far", group, "-warm", 20, "-await")
    running = watch("--name", name_of("far"), "--out", tmp_path / "out", *HOLD)
    found(running, target)
    time.sleep(2)
    assert disabled(group) == 0
    assert not said(running, "watching process")


@pytest.fixture
def below(request):
    """below(CGROUP) -> one in it, without a limit of its own."""

    def make(parent):
        group = MemoryCgroup(f"{parent.path.name}/app", None)
        request.addfinalizer(group.close)
        return group

    return make


def test_a_limit_above_is_watched_but_not_held(watch, leak, cgroup, below, tmp_path):  # noqa: F811
    parent = cgroup(LIMIT_BYTES)
    group = below(parent)
    target = leak("below", group, "-warm", 120, "-await", "-rate", 100)
    running = watch("--name", name_of("below"), "--out", tmp_path / "out", *HOLD)
    wait_until(lambda: said(running, f"watching process {target.pid} "), 20, running.output)
    assert said(running, "cannot hold the kill: the limit that will bite is that of")
    assert disabled(parent) == 0 and disabled(group) == 0
    go(target)
    assert target.process.wait(60) == -signal.SIGKILL
    wait_until(lambda: incidents_of(tmp_path / "out"), 20, running.output)
    assert reports_in(tmp_path / "out")[target.pid]["kill"]["cause"] != "signal"


def test_two_programs_of_a_cgroup(watch, leak, cgroup, tmp_path):  # noqa: F811
    """The first kill is not the end of it: that of the second is held as well."""
    group = cgroup(LIMIT_BYTES)
    targets = [leak(name, group, "-await", "-rate", rate) for name, rate in [("two1", 100), ("two2", 50)]]
    running = watch("--name", name_of("two?"), "--out", tmp_path / "out", *HOLD)
    found(running, *targets)
    for number, target in enumerate(targets, 1):
        go(target)
        assert target.process.wait(60) == -signal.SIGKILL
        wait_until(lambda: len(reports_in(tmp_path / "out")) == number, 30, running.output)  # noqa: B023
        wait_until(lambda: disabled(group) == 0, 10, "the switch is back")
    for report in reports_in(tmp_path / "out").values():
        assert report["kill"]["cause"] == "cgroup-oom"
        assert report["kill"]["held_ns"] > 0, running.output()


def test_two_programs_of_a_cgroup_at_once(watch, leak, cgroup, tmp_path):  # noqa: F811
    """The kill that comes first is held, the other one is told of at least, and the switch is back."""
    group = cgroup(LIMIT_BYTES)
    targets = [leak(name, group, "-await", "-rate", rate) for name, rate in [("one1", 100), ("one2", 50)]]
    running = watch("--name", name_of("one?"), "--out", tmp_path / "out", *HOLD)
    found(running, *targets)
    for target in targets:
        go(target)
    for target in targets:
        assert target.process.wait(60) == -signal.SIGKILL
    wait_until(lambda: disabled(group) == 0, 10, "the switch is back")
    reports = {}

    def is_told(target):
        reports.update(reports_in(tmp_path / "out"))
        return (target.process.pid in reports or
                f"(process {target.process.pid}) killed at the limit of its cgroup" in running.output())

    wait_until(lambda: all(is_told(target) for target in targets), 30, running.output)
    kills = [report["kill"] for report in reports.values()]
    assert kills and all(kill["cause"] == "cgroup-oom" for kill in kills), running.output()
    assert any(kill["held_ns"] > 0 for kill in kills), running.output()


def test_another_one_is_the_victim(watch, leak, cgroup, taker, tmp_path):  # noqa: F811
    """Its kill is held once; so is that of the program that is watched, later."""
    group = cgroup(LIMIT_BYTES)
    target = leak("other", group, "-warm", 110, "-await", "-rate", 60)
    running = watch("--name", name_of("other"), "--out", tmp_path / "out", *HOLD)
    wait_until(lambda: said(running, f"watching process {target.pid} "), 20, running.output)
    other = taker(group, "sh", "-c", SCORE, "sh")
    other.stdin.write("\n")
    other.stdin.flush()
    assert other.wait(30) == -signal.SIGKILL
    wait_until(lambda: said(running, "held the kill for"), 20, running.output)
    wait_until(lambda: disabled(group) == 1, 20, "it is held again")
    dies_at_its_limit(group, target)
    wait_until(lambda: incidents_of(tmp_path / "out"), 20, running.output)
    report = reports_in(tmp_path / "out")[target.pid]
    assert report["kill"]["held_ns"] > 0 and report["kill"]["evidence_held"], running.output()


def test_a_trigger_that_holds(watch, leak, cgroup, tmp_path):  # noqa: F811
    """From then on; the other programs are not held."""
    config = tmp_path / "whyoom.yaml"
    config.write_text("triggers:\n  - name: some\n    when: anon > 20MiB\n"
                      f"    only: {{name: '{name_of('some')[:15]}'}}\n    do: [snapshot, hold]\n")
    config.chmod(0o600)
    groups = [cgroup(LIMIT_BYTES) for _ in range(2)]
    some = leak("some", groups[0], "-warm", 40, "-await", "-rate", 60)
    none = leak("none", groups[1], "-warm", 120, "-await", "-rate", 60)
    running = watch("--name", f"*{name_of('o')[1:]}", "--config", config, "--out", tmp_path / "out",
                    "--hold-limit", "20s")
    found(running, some, none)
    wait_until(lambda: said(running, "trigger some"), 20, running.output)
    wait_until(lambda: said(running, f"watching process {none.pid}"), 20, running.output)
    assert disabled(groups[1]) == 0
    time.sleep(4)  # until the watch of the trigger is over
    dies_at_its_limit(groups[0], some)

    def reports():
        return [json.loads((path / "report.json").read_text()) for path in incidents_of(tmp_path / "out")]

    wait_until(lambda: [one for one in reports() if one.get("kill")], 20, running.output)
    kill = next(one["kill"] for one in reports() if one.get("kill"))
    assert kill["held_ns"] > 0 and kill["pid"] == some.pid
