# SPDX-License-Identifier: Apache-2.0
"""`whyoom watch` takes the evidence before the kill, and always puts back what it changed."""

import hashlib
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness import MIB, NEWEST_SERVICE, NOT_STORED, OK, WHYOOM, run_pprof, wait_until

LIMIT_BYTES = 200 * MIB
EXPORT_BYTES = 4096 * MIB
SLOW, FAST = 50, 1000  # MiB/s of the download: seconds, or a moment, until the kill
CULPRIT = r"example\.com/exportd/internal/accesslog\.\(\*bodyRecorder\)\.Write"
FILES = ["report.txt", "report.json", "heap.pb.gz", "goroutines.txt", "ledger.json",
         "manifest.json"]


@pytest.fixture
def group(cgroup):
    return cgroup(LIMIT_BYTES)


@pytest.fixture
def service(group, exportd):
    return exportd(group, EXPORT_BYTES)


def under_watch(watch, group, out, *options):
    """A watch that has begun to sample."""
    running = watch("--cgroup", group.path, "--out", out, *options)
    time.sleep(1)
    assert running.process.poll() is None, running.output()
    return running


PAGE = "report.html"  # of the incident itself, not of the captures before it


def check_incident(folder, pid):
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == sorted([*FILES, PAGE])
    for earlier in (path for path in folder.iterdir() if path.is_dir()):
        assert re.fullmatch(r"baseline|earlier-[123]", earlier.name)
        check_manifest(earlier)
    check_manifest(folder)
    assert (folder / "baseline").is_dir()
    text = (folder / "report.txt").read_text()
    assert re.search(CULPRIT, text), text
    assert re.search(r"accesslog/recorder\.go:\d+", text.partition("\n\n")[0]), text
    assert str(pid) in text
    assert "signal 9" in text or "SIGKILL" in text
    assert "200 MiB" in text or "200.0 MiB" in text
    json.loads((folder / "report.json").read_text())
    ledger = json.loads((folder / "ledger.json").read_text())
    own = [row["bytes"] for row in ledger["rows"] if row["depth"] == 0]
    assert sum(own) == ledger["total_bytes"]
    assert "goroutine" in (folder / "goroutines.txt").read_text()
    top = "\n".join(run_pprof("-top", "-cum", folder / "heap.pb.gz"))
    assert re.search(CULPRIT, top), top


def check_manifest(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    hashes = {entry["name"]: entry["sha256"] for entry in manifest["files"]}
    assert sorted(hashes) == sorted(name for name in FILES if name != "manifest.json")
    for name, expected in hashes.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected, name


@pytest.mark.short
@pytest.mark.parametrize("speed", [SLOW, FAST])
def test_held_kill(watch, group, service, tmp_path, speed):
    out = tmp_path / "incidents"
    running = under_watch(watch, group, out, "--hold")
    service.download(speed)
    assert running.wait(90) == OK, running.output()
    assert service.process.wait(10) == -signal.SIGKILL
    assert running.incident().parent == out
    check_incident(running.incident(), service.pid)
    assert group.oom_control()["oom_kill_disable"] == 0


def test_kill_without_hold(watch, group, service, tmp_path):
    out = tmp_path / "incidents"
    running = under_watch(watch, group, out)
    service.download(SLOW)
    assert running.wait(90) == OK, running.output()
    assert service.process.wait(10) == -signal.SIGKILL
    check_incident(running.incident(), service.pid)
    assert group.oom_control()["oom_kill_disable"] == 0


def test_watch_by_pid(watch, group, service, tmp_path):
    running = watch("--pid", service.pid, "--hold", "--out", tmp_path / "incidents")
    time.sleep(1)
    service.download(SLOW)
    assert running.wait(90) == OK, running.output()
    check_incident(running.incident(), service.pid)


def holding(running, group):
    """True from when whyoom has disabled the kill; it may be over within milliseconds."""
    return group.oom_control()["oom_kill_disable"] == 1 or running.process.poll() is not None


@pytest.mark.short
def test_sigkill_of_whyoom_lets_the_kill_go(watch, group, service, tmp_path):
    """Armed is enough: the switch is thrown before the limit is hit."""
    running = under_watch(watch, group, tmp_path / "incidents", "--hold")
    service.download(SLOW)
    wait_until(lambda: holding(running, group), 60, "the kill is held")
    assert running.process.poll() is None, running.output()
    running.process.kill()
    wait_until(lambda: group.oom_control()["oom_kill_disable"] == 0, 10, "the switch is back")
    assert service.process.wait(60) == -signal.SIGKILL, "the service is stuck at its limit"
    assert group.oom_control()["under_oom"] == 0


def test_sigkill_of_whyoom_at_the_limit(watch, group, service, tmp_path):
    """The same at the very moment the service sleeps at its limit."""
    running = under_watch(watch, group, tmp_path / "incidents", "--hold")
    service.download(FAST)

    def asleep_or_over():
        if running.process.poll() is not None:
            return True
        state = group.oom_control()
        return state["oom_kill_disable"] and state["under_oom"]

    deadline = time.monotonic() + 60
    while not asleep_or_over():
        assert time.monotonic() < deadline, running.output()
    running.process.kill()
    wait_until(lambda: group.oom_control()["oom_kill_disable"] == 0, 10, "the switch is back")
    assert service.process.wait(60) == -signal.SIGKILL, "the service is stuck at its limit"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_restore_the_cgroup(watch, group, service, tmp_path, number):
    running = under_watch(watch, group, tmp_path / "incidents", "--hold")
    running.process.send_signal(number)
    running.wait(10)
    assert group.oom_control()["oom_kill_disable"] == 0
    assert service.process.poll() is None, "the service must live on"


def test_no_process_of_whyoom_is_left(watch, group, service, tmp_path):
    running = under_watch(watch, group, tmp_path / "incidents", "--hold")
    service.download(FAST)
    running.wait(90)
    wait_until(lambda: not whyooms_on(group), 10, "the guard and the workers are gone")


def whyooms_on(group):
    """The processes of whyoom whose command line names this cgroup."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{entry}/cmdline").read_bytes()
            is_ours = os.readlink(f"/proc/{entry}/exe") == str(WHYOOM)
        except OSError:
            continue
        if is_ours and str(group.path).encode() in command:
            found.append(int(entry))
    return found


@pytest.mark.short
def test_output_that_cannot_be_written(watch, group, service, tmp_path):
    """Root may write anywhere, so "read-only" here is a path that no folder can have."""
    blocker = tmp_path / "a-file"
    blocker.write_text("")
    running = watch("--cgroup", group.path, "--hold", "--out", blocker / "incidents")
    time.sleep(1)
    service.download(SLOW)
    assert running.wait(90) == NOT_STORED, running.output()
    assert re.search(CULPRIT, running.stdout()), running.output()
    assert not running.stdout().rstrip().splitlines()[-1].startswith("incident: ")


@pytest.fixture
def full_disk(tmp_path):
    """A folder with room for next to nothing."""
    folder = tmp_path / "full"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no permission to mount")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_full_disk(full_disk, watch, group, service):
    running = under_watch(watch, group, full_disk, "--hold")
    service.download(SLOW)
    assert running.wait(90) == NOT_STORED, running.output()
    assert re.search(CULPRIT, running.stdout()), running.output()


def test_cgroup_without_a_limit(watch, cgroup, start, tmp_path):
    """The machine's memory is the limit then; and who waits for a process says so."""
    group = cgroup(None)
    running = watch("--cgroup", group.path, "--out", tmp_path / "incidents")
    wait_until(lambda: "waiting for a process in" in running.output(), 10, running.output)
    start("many", NEWEST_SERVICE, cgroup=group)
    wait_until(lambda: ", the machine's memory" in running.output(), 20, running.output)


def test_cgroup_that_is_not_there(whyoom, tmp_path):
    failed = whyoom("watch", "--cgroup", tmp_path / "none", "--out", tmp_path, code=None)
    assert failed.returncode != OK
    assert str(tmp_path / "none") in failed.stderr


def test_cgroup_removed_while_watching(watch, cgroup, tmp_path):
    group = cgroup(LIMIT_BYTES)
    running = watch("--cgroup", group.path, "--out", tmp_path / "incidents")
    time.sleep(1)
    group.path.rmdir()
    running.wait(15)
    assert "removed" in running.output()
