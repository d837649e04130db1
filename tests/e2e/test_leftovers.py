# SPDX-License-Identifier: Apache-2.0
"""What a whyoom leaves behind that is killed without a word: the next one puts it right."""

import json
import os
import random
import signal
import time

import pytest

from harness import MIB, children_of, wait_until
from test_watch import check_manifest

VERSION = "1.26.8"
LIMIT_BYTES = 300 * MIB


def partials_in(out):
    return sorted(out.glob("*.partial*"))


def incidents_in(out):
    return sorted(path for path in out.glob("incident-*") if ".partial" not in path.name)


def said(running, words):
    return words in running.stderr_path.read_text()


def kill_all(running, *others):
    """The watch and all its helpers, at once: they are stopped before the first one dies."""
    pids = list({running.process.pid, *children_of(running.process.pid), *others})
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    running.process.wait()


# ---- kills that are held ----

@pytest.fixture
def held(cgroup, start, watch, tmp_path):
    """A cgroup whose kill is held by nobody who lives; its program; the folder of notes."""
    group = cgroup(LIMIT_BYTES)
    target = start("grow", VERSION, cgroup=group)
    state = tmp_path / "state"
    running = watch("--pid", target.pid, "--hold", "--out", tmp_path / "out", "--state", state)
    wait_until(lambda: said(running, "baseline taken"), 20, running.output)
    assert group.oom_control()["oom_kill_disable"] == 1
    assert len(list(state.glob("hold-*"))) == 1
    kill_all(running)
    time.sleep(0.3)
    assert group.oom_control()["oom_kill_disable"] == 1, "nobody was left to undo it"
    return group, target, state


@pytest.mark.short
def test_the_next_watch_lets_go_what_was_held(held, watch, tmp_path):
    group, target, state = held
    running = watch("--pid", target.pid, "--out", tmp_path / "out2", "--state", state)
    wait_until(lambda: said(running, "baseline taken"), 20, running.output)
    assert said(running, f"held the kill in {group.path}: its settings are put back"), running.output()
    assert group.oom_control()["oom_kill_disable"] == 0
    assert not list(state.glob("hold-*"))


def test_the_next_watch_holds_again(held, watch, tmp_path):
    group, target, state = held
    running = watch("--pid", target.pid, "--hold", "--out", tmp_path / "out2", "--state", state)
    wait_until(lambda: said(running, "the kill will be held"), 20, running.output)
    assert group.oom_control()["oom_kill_disable"] == 1
    running.process.terminate()
    running.wait(20)
    assert group.oom_control()["oom_kill_disable"] == 0
    assert not list(state.glob("hold-*"))


def test_relieve_undo_lets_go_what_was_held(held, whyoom):
    group, _, state = held
    undone = whyoom("relieve", "--undo", "--state", state)
    assert f"held the kill in {group.path}: its settings are put back" in undone.stdout
    assert group.oom_control()["oom_kill_disable"] == 0
    assert "no watch has left a kill held" in whyoom("relieve", "--undo", "--state", state).stdout


def test_what_somebody_else_has_set_since_is_left(held, whyoom):
    group, _, state = held
    group.write("memory.oom_control", 0)
    undone = json.loads(whyoom("relieve", "--undo", "--state", state, "--json").stdout)
    assert undone["holds"] == [{"cgroup": str(group.path), "outcome": "not-ours"}]
    assert group.oom_control()["oom_kill_disable"] == 0


def test_a_cgroup_that_is_gone(held, whyoom):
    group, target, state = held
    target.stop()
    group.close()
    undone = json.loads(whyoom("relieve", "--undo", "--state", state, "--json").stdout)
    assert undone["holds"] == [{"cgroup": str(group.path), "outcome": "gone"}]


def test_one_that_lives_is_not_undone(whyoom, cgroup, start, watch, tmp_path):
    group = cgroup(LIMIT_BYTES)
    target = start("grow", VERSION, cgroup=group)
    running = watch("--pid", target.pid, "--hold", "--out", tmp_path / "out", "--state", tmp_path / "state")
    wait_until(lambda: said(running, "baseline taken"), 20, running.output)
    said_undo = whyoom("relieve", "--undo", "--state", tmp_path / "state").stdout
    assert "no watch has left" in said_undo
    assert group.oom_control()["oom_kill_disable"] == 1
    os.kill(running.process.pid, signal.SIGKILL)  # and its guard undoes it
    running.process.wait()
    wait_until(lambda: group.oom_control()["oom_kill_disable"] == 0, 10, "the guard")
    whyoom("relieve", "--undo", "--state", tmp_path / "state")
    assert not list((tmp_path / "state").glob("hold-*"))


# ---- captures ----

ROUNDS = 40 if os.environ.get("WHYOOM_TESTS_ALL") else 15


def test_killed_again_and_again_while_it_captures(whyoom, watch, cgroup, start, tmp_path):
    """Nothing of what was written is lost, and nothing half done stays."""
    out, lost = tmp_path / "out", 0
    target = start("leak", VERSION, "-warm", 60, "-await", cgroup=cgroup(LIMIT_BYTES))
    (tmp_path / "other").mkdir()
    for number in range(ROUNDS):
        running = watch("--pid", target.pid, "--out", out)
        wait_until(lambda: list(out.glob("*.partial/capture-1")), 20, running.output)
        partial = partials_in(out)[0]
        if number % 2:  # in the middle of writing, however slow the machine is
            wait_until(lambda: any(path.stat().st_size for path in partial.glob("capture-1/*")), 20,
                       running.output)
        time.sleep(random.uniform(0, 0.06))
        kill_all(running)
        torn = [path for path in partial.glob("capture-*/*") if path.stat().st_size]
        lost += not torn
        known = len(incidents_in(out))
        # The next one, which is ended in peace.
        after = watch("--pid", target.pid, "--out", out)
        wait_until(lambda: said(after, "baseline taken"), 20, after.output)
        assert partial not in partials_in(out), after.output()
        after.process.terminate()
        after.wait(20)
        assert not partials_in(out), (number, after.output())
        assert len(incidents_in(out)) == known + bool(torn), (number, torn, after.output())
    assert incidents_in(out), "it was never killed late enough"
    for folder in incidents_in(out):
        check_manifest(folder)
        text = whyoom("report", folder).stdout
        assert text.startswith("PARTIAL: whyoom itself was killed"), text
    rows = [row for row in json.loads(whyoom("incidents", "--json").stdout)
            if row["directory"].startswith(str(out))]  # others write to that timeline, too
    assert {row["directory"] for row in rows} == {str(path) for path in incidents_in(out)}
    assert {row["cause"] for row in rows} == {"partial"}


def test_what_was_whole_is_whole(whyoom, watch, cgroup, start, tmp_path):
    """Two captures by then: the incident has the newer one, and the baseline below it."""
    out = tmp_path / "out"
    target = start("grow", VERSION, cgroup=cgroup(LIMIT_BYTES))
    running = watch("--pid", target.pid, "--out", out)
    wait_until(lambda: said(running, "baseline taken"), 20, running.output)
    target.say("keep 180")
    wait_until(lambda: said(running, "captured at"), 20, running.output)
    kill_all(running)
    after = watch("--pid", target.pid, "--out", out)
    wait_until(lambda: said(after, "what it had is kept: "), 20, after.output)
    folder = incidents_in(out)[0]
    check_manifest(folder)
    assert (folder / "heap.pb.gz").stat().st_size and (folder / "baseline/heap.pb.gz").stat().st_size
    text = whyoom("report", folder).stdout
    assert text.startswith("PARTIAL: ") and "main.remember" in text
    report = json.loads((folder / "report.json").read_text())
    assert report["identity"]["pid"] == target.pid


def test_another_watch_that_lives_is_left_alone(watch, cgroup, start, tmp_path):
    out = tmp_path / "out"
    targets = [start("grow", VERSION, cgroup=cgroup(LIMIT_BYTES)) for _ in range(2)]
    first = watch("--pid", targets[0].pid, "--out", out)
    wait_until(lambda: said(first, "baseline taken"), 20, first.output)
    partial = partials_in(out)[0]
    wait_until(lambda: not list(partial.rglob("*.new")), 20, "the capture is settled")
    files = sorted(path.name for path in partial.rglob("*"))
    (tmp_path / "b").mkdir()
    second = type(first)(tmp_path / "b", "--pid", targets[1].pid, "--out", out)
    try:
        wait_until(lambda: said(second, "baseline taken"), 20, second.output)
        assert sorted(path.name for path in partial.rglob("*")) == files
        assert not incidents_in(out)
    finally:
        second.stop()
    assert partials_in(out) == [partial]


def test_of_many_only_those_that_have_ended_are_kept(watch, cgroup, start, tmp_path):
    """Baselines of calm ones: of the process that went meanwhile they are all there is."""
    out = tmp_path / "out"
    targets = [start("grow", VERSION, cgroup=cgroup(LIMIT_BYTES)) for _ in range(2)]
    running = watch("--name", "grow", "--out", out)
    for target in targets:
        wait_until(lambda: any(path.stat().st_size for path in out.glob(
            f"baseline-*-{target.pid}.partial/capture-1/manifest.json")), 30, running.output)
    kill_all(running)
    targets[0].stop()
    after = watch("--name", "grow", "--out", out)
    wait_until(lambda: said(after, f"found process {targets[1].pid} "), 30, after.output())
    folders = [path for path in incidents_in(out) if path.name.endswith(f"-{targets[0].pid}")]
    assert len(folders) == 1, after.output()
    check_manifest(folders[0])
    assert not [path for path in incidents_in(out) if path.name.endswith(f"-{targets[1].pid}")]
