# SPDX-License-Identifier: Apache-2.0
"""`whyoom watch` in the odd cases: who grew, who else was killed, who ended the watch, and how."""

import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness import MIB, OK, WHYOOM, end, wait_until
from test_watch import FILES, check_manifest, holding, under_watch, whyooms_on

VERSION = "1.26.8"
LEAK, WARM = "main.(*leakyCache).remember", "main.(*flatCache).fill"
CAPTURES_KEPT = 4  # the baseline, the newest, two before it

# Not Go: prints its pid, waits for a line, takes 4 MiB every 20 ms.
TAKER = """
import os, sys, time
print("ready", os.getpid(), flush=True)
sys.stdin.readline()
kept = []
while True:
    kept.append(bytearray(4 << 20))
    time.sleep(0.02)
"""
ADJUST = "echo 1000 >/proc/self/oom_score_adj; exec \"$@\""


@pytest.fixture
def leak(start):
    """leak(CGROUP, ARGUMENT...) -> a Target that waits for go() where it was told -await."""

    def start_leak(group, *arguments):
        return start("leak", VERSION, *arguments, cgroup=group)

    return start_leak


def go(target):
    target.process.stdin.write("\n")
    target.process.stdin.flush()


def baseline_taken(running):
    """Near its limit from the start, the first capture is the baseline as well."""
    taken = re.compile("baseline taken|captured at")
    wait_until(lambda: taken.search(running.stderr_path.read_text()), 10, "the baseline")


def report_of(running):
    return json.loads((running.incident() / "report.json").read_text())


def assert_sums(ledger):
    assert sum(row["bytes"] for row in ledger["rows"] if row["depth"] == 0) == ledger["total_bytes"]


def capture_folders(out):
    return [path for path in out.glob("*.partial/capture-*") if path.is_dir()]


def anon_bytes(group):
    rows = dict(line.split() for line in group.read("memory.stat").splitlines())
    return int(rows["total_rss"])


@pytest.mark.short
def test_the_one_who_grew_is_named_not_the_largest(watch, cgroup, leak, tmp_path):
    group = cgroup(200 * MIB)
    target = leak(group, "-warm", 120, "-rate", 30, "-await")
    time.sleep(1)
    running = under_watch(watch, group, tmp_path / "out")
    baseline_taken(running)
    go(target)
    assert running.wait(60) == OK, running.output()
    report = report_of(running)
    verdict = report["verdict"]
    assert report["kill"]["cause"] == "cgroup-oom"
    assert verdict["determined"], verdict["sentence"]
    assert verdict["guilty"]["function"] == LEAK, verdict["sentence"]
    assert verdict["grown_bytes"] > 30 * MIB and verdict["growth_share"] > 0.8
    assert any(WARM in text for text in verdict["rejected"]), verdict["rejected"]
    assert WARM not in verdict["sentence"]


def test_an_explosion_behind_full_page_cache(watch, cgroup, leak, tmp_path):
    """The usage stands at the limit all the time; only what cannot be reclaimed says anything."""
    group = cgroup(256 * MIB)
    # What is cached on tmpfs cannot be reclaimed: this needs a disk.
    folder = Path(os.environ.get("WHYOOM_TEST_DISK", tmp_path))
    if subprocess.check_output(["stat", "-fc", "%T", folder], text=True).strip() == "tmpfs":
        pytest.skip(f"{folder} is a tmpfs")
    target = leak(group, "-rate", 200, "-await")
    fill = ["dd", "if=/dev/zero", f"of={folder}/fill", "bs=1M", "count=240", "conv=fsync"]
    subprocess.run(group.command(fill), check=True, capture_output=True)
    assert int(group.read("memory.usage_in_bytes")) > 200 * MIB
    running = under_watch(watch, group, tmp_path / "out")
    baseline_taken(running)
    assert "captured at" not in running.output(), "page cache is no reason to capture"
    go(target)
    assert running.wait(60) == OK, running.output()
    report = report_of(running)
    assert report["kill"]["cause"] == "cgroup-oom"
    assert report["verdict"]["determined"], report["verdict"]["sentence"]
    assert report["verdict"]["guilty"]["function"] == LEAK
    assert report["process_ledger"]["total_bytes"] > 0.8 * group.limit_bytes


@pytest.mark.short
def test_a_sawtooth_keeps_few_processes_and_few_captures(watch, cgroup, leak, tmp_path):
    group = cgroup(200 * MIB)
    out = tmp_path / "out"
    target = leak(group, "-saw", 112)
    settings = group.read("memory.oom_control"), group.read("memory.limit_in_bytes")
    running = under_watch(watch, group, out)
    deadline, peak = time.monotonic() + 8, 0
    while time.monotonic() < deadline:
        assert len(whyooms_on(group)) <= 5, "watch, keeper, probe, two captures"
        folders = capture_folders(out)
        assert len(folders) <= CAPTURES_KEPT + 1, "the one being written is one more"
        assert sum((folder / "manifest.json").exists() for folder in folders) <= CAPTURES_KEPT + 1
        peak = max(peak, anon_bytes(group))
        time.sleep(0.03)
    assert peak > 0.5 * group.limit_bytes, "the target never came near a stage"
    assert running.output().count("captured at") in range(1, 41), running.output()
    running.process.send_signal(signal.SIGINT)
    assert running.wait(10) == 128 + signal.SIGINT, running.output()
    assert target.process.poll() is None
    assert settings == (group.read("memory.oom_control"), group.read("memory.limit_in_bytes"))
    assert not list(out.glob("*.partial"))
    kept = [path for path in out.rglob("manifest.json")]
    assert 1 <= len(kept) <= CAPTURES_KEPT, kept
    for manifest in kept:
        check_manifest(manifest.parent)


def watch_into_pipe(request, tmp_path, group, *options):
    """A watch whose stdout is a pipe. -> its process, the read end, its stderr."""
    reader, writer = os.pipe()
    errors = tmp_path / "pipe.err"
    with open(errors, "w") as stream:
        process = subprocess.Popen(
            [str(WHYOOM), "watch", "--cgroup", str(group.path), "--out", str(tmp_path / "out"),
             *options], stdin=subprocess.DEVNULL, stdout=writer, stderr=stream)
    request.addfinalizer(lambda: end(process))
    wait_until(lambda: "baseline taken" in errors.read_text(), 10, "the baseline")
    return process, reader, writer, errors


def the_incident(tmp_path):
    found = [path for path in (tmp_path / "out").iterdir() if path.name.startswith("incident-")]
    assert len(found) == 1 and not found[0].name.endswith(".partial"), found
    check_manifest(found[0])
    return found[0]


@pytest.mark.short
def test_stdout_closed(request, cgroup, leak, tmp_path):
    group = cgroup(100 * MIB)
    target = leak(group, "-rate", 60, "-await")
    process, reader, writer, errors = watch_into_pipe(request, tmp_path, group)
    os.close(reader)
    os.close(writer)
    go(target)
    assert process.wait(30) == OK, errors.read_text()
    assert str(the_incident(tmp_path)) in errors.read_text()
    assert (the_incident(tmp_path) / "report.txt").stat().st_size > 0


def fill_pipe(writer):
    flags = fcntl.fcntl(writer, fcntl.F_GETFL)
    fcntl.fcntl(writer, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x")
    fcntl.fcntl(writer, fcntl.F_SETFL, flags)  # whyoom has the same open file


@pytest.mark.parametrize("target_lives", [False, True], ids=["after the kill", "while it lives"])
def test_stdout_that_nobody_reads(request, cgroup, leak, tmp_path, target_lives):
    group = cgroup(100 * MIB)
    options = ["-rate", 60, "-await"] + (["-limit", 80] if target_lives else [])
    target = leak(group, *options)
    process, reader, writer, errors = watch_into_pipe(request, tmp_path, group)
    fill_pipe(writer)
    go(target)
    if target_lives:
        wait_until(lambda: "captured at" in errors.read_text(), 20, "a capture")
    else:
        target.process.wait(20)
        time.sleep(2)
    assert process.poll() is None, errors.read_text()
    process.send_signal(signal.SIGTERM)
    process.wait(3)
    assert str(the_incident(tmp_path)) in errors.read_text()
    os.close(reader)
    os.close(writer)


def test_a_jump_that_ends_far_from_the_limit(watch, cgroup, start, tmp_path):
    """So steep that it is captured, but it was never near: what comes later is no incident."""
    target = start("eater", VERSION, "-await", "-rate", 0, "-threads", 4, "-size", 60,
                   cgroup=cgroup(200 * MIB))
    running = watch("--pid", target.pid, "--out", tmp_path / "out")
    baseline_taken(running)
    go(target)
    time.sleep(2)
    target.process.kill()
    assert running.wait(10) == OK, running.output()
    assert "it was never near its limit" in running.stdout(), running.output()
    assert not list((tmp_path / "out").glob("incident-*")), running.output()


@pytest.mark.short
def test_killed_by_a_person_far_from_the_limit(watch, cgroup, leak, tmp_path):
    group = cgroup(200 * MIB)
    out = tmp_path / "out"
    target = leak(group, "-rate", 10, "-limit", 20)
    running = under_watch(watch, group, out)
    baseline_taken(running)
    os.kill(target.pid, signal.SIGKILL)
    assert running.wait(10) == OK, running.output()
    assert "signal 9" in running.stdout() and "not by the OOM killer" in running.stdout()
    assert not re.search(r"killed (at|for|by the kernel)", running.output()), running.output()
    assert not list(out.rglob("*")), "nothing happened, so nothing stays"


def test_killed_by_a_person_near_the_limit(watch, cgroup, leak, tmp_path):
    group = cgroup(100 * MIB)
    target = leak(group, "-rate", 60, "-limit", 80)
    running = under_watch(watch, group, tmp_path / "out")
    wait_until(lambda: "captured at" in running.output(), 20, "a capture")
    time.sleep(1)
    os.kill(target.pid, signal.SIGKILL)
    assert running.wait(10) == OK, running.output()
    report = report_of(running)
    assert report["kill"]["cause"] == "signal" and report["kill"]["signal"] == 9
    assert report["kill"]["kernel_line"] == ""
    assert "not killed for want of memory" in report["verdict"]["sentence"]


@pytest.mark.short
def test_a_target_that_exits(watch, cgroup, leak, tmp_path):
    group = cgroup(200 * MIB)
    out = tmp_path / "out"
    leak(group, "-rate", 10, "-limit", 20, "-exit-after", "3s")
    running = under_watch(watch, group, out)
    assert running.wait(15) == OK, running.output()
    assert "exited with code 0" in running.stdout()
    assert not list(out.rglob("*"))


@pytest.fixture
def taker(request):
    """taker(CGROUP, PREFIX...) -> a process that is not Go and takes memory after a line."""

    def start_taker(group, *prefix):
        process = subprocess.Popen(
            group.command([*prefix, sys.executable, "-c", TAKER]), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        request.addfinalizer(lambda: end(process))
        assert process.stdout.readline() == f"ready {process.pid}\n"
        return process

    return start_taker


def say_go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_target_that_is_not_go(watch, cgroup, taker, tmp_path):
    group = cgroup(100 * MIB)
    process = taker(group)
    running = under_watch(watch, group, tmp_path / "out")
    say_go(process)
    assert running.wait(30) == OK, running.output()
    assert process.wait(5) == -signal.SIGKILL
    report = report_of(running)
    assert report["kill"]["cause"] == "cgroup-oom" and report["kill"]["pid"] == process.pid
    assert not report["verdict"]["determined"]
    assert report["verdict"]["sentence"].startswith("Not determined: ")
    assert re.search(r"not a Go (program|process|binary)", report["verdict"]["sentence"])
    text = (running.incident() / "report.txt").read_text()
    assert "killed by the kernel at the cgroup's memory limit" in text
    assert_sums(json.loads((running.incident() / "ledger.json").read_text()))
    assert_sums(report["ledger"])
    assert_sums(report["process_ledger"])


def test_another_process_is_killed_first(watch, cgroup, leak, taker, tmp_path):
    group = cgroup(150 * MIB)
    target = leak(group, "-rate", 40, "-limit", 20)
    other = taker(group, "sh", "-c", ADJUST, "sh")
    running = watch("--pid", target.pid, "--out", tmp_path / "out")
    baseline_taken(running)
    say_go(other)
    assert other.wait(20) == -signal.SIGKILL
    time.sleep(4)  # until that kill is an old one
    assert running.process.poll() is None, running.output()
    assert target.process.poll() is None
    os.kill(target.pid, signal.SIGKILL)
    assert running.wait(10) == OK, running.output()
    assert report_of(running)["kill"]["cause"] == "signal"


def test_a_hold_too_short_claims_nothing(watch, cgroup, leak, tmp_path):
    group = cgroup(150 * MIB)
    target = leak(group, "-rate", 300, "-await")
    running = under_watch(watch, group, tmp_path / "out", "--hold", "--hold-limit", "1ms")
    baseline_taken(running)
    go(target)
    assert running.wait(30) == OK, running.output()
    report = report_of(running)
    assert report["kill"]["held_ns"] < 1e9
    taken_in_ns = report["evidence"]["duration_ns"]
    if taken_in_ns > 2e6:
        assert not report["kill"]["evidence_held"], report["kill"]
        text = (running.incident() / "report.txt").read_text()
        assert "while the kernel waited" not in text
        assert "the evidence was taken meanwhile" not in text
    assert group.oom_control()["oom_kill_disable"] == 0


def test_a_hold_that_let_another_be_killed(watch, cgroup, leak, taker, tmp_path):
    """The watched process lives on, so the capture is whole; but it was not held to its end."""
    group = cgroup(150 * MIB)
    target = leak(group, "-rate", 40, "-limit", 20)
    other = taker(group, "sh", "-c", ADJUST, "sh")
    running = watch("--pid", target.pid, "--out", tmp_path / "out", "--hold", "--hold-limit", "1ms")
    baseline_taken(running)
    say_go(other)
    assert other.wait(20) == -signal.SIGKILL
    # The guard may be so fast that the watch only hears that it is over.
    over = re.compile("held the kill|the time limit let the kill go")
    wait_until(lambda: over.search(running.output()), 5, "the hold is over")
    time.sleep(0.5)
    os.kill(target.pid, signal.SIGKILL)
    assert running.wait(10) == OK, running.output()
    report = report_of(running)
    if report["evidence"]["duration_ns"] > 2e6:
        assert not report["kill"]["evidence_held"], running.output()
        assert report["kill"]["held_ns"] <= 1e6


def test_a_cgroup_removed_near_the_limit_leaves_the_captures(watch, cgroup, leak, tmp_path):
    group = cgroup(100 * MIB)
    out = tmp_path / "out"
    target = leak(group, "-rate", 100, "-limit", 80)
    running = under_watch(watch, group, out)
    wait_until(lambda: "captured at" in running.output(), 20, "a capture")
    (group.MOUNT / "cgroup.procs").write_text(str(target.pid))
    wait_until(group._removed, 5, "the cgroup is removed")
    assert running.wait(10) != OK
    assert "was removed while it was watched" in running.output()
    assert capture_folders(out), "the evidence is gone"
    for folder in capture_folders(out):
        check_manifest(folder)


@pytest.mark.short
def test_sigkill_of_whyoom_leaves_its_captures(watch, cgroup, leak, tmp_path):
    group = cgroup(200 * MIB)
    out = tmp_path / "out"
    target = leak(group, "-rate", 60, "-limit", 150, "-await")
    running = under_watch(watch, group, out)
    baseline_taken(running)
    go(target)
    wait_until(lambda: running.output().count("captured at") >= 2, 20, "two captures")
    assert len(whyooms_on(group)) >= 3, "a worker keeps the newest capture ready"
    running.process.kill()
    running.process.wait(5)
    wait_until(lambda: not whyooms_on(group), 10, "the workers end with the watch")
    folders = capture_folders(out)
    assert len(folders) >= 2
    for folder in folders:
        # What was being written beside them did not get to its place.
        names = [path.name for path in folder.iterdir() if path.suffix != ".new"]
        assert sorted(names) == sorted(FILES)
        check_manifest(folder)
    assert target.process.poll() is None
