# SPDX-License-Identifier: Apache-2.0
"""What an incident's ledger says beyond the Go heap: which files the page cache and a tmpfs hold, and
what a C heap has in use and free."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from harness import MIB, OK, end, run_whyoom, wait_until

VERSION = "1.26.8"
LIMIT = 160 * MIB


def load(folder):
    """The ledger and the report of an incident, which agree."""
    ledger = json.loads((folder / "ledger.json").read_text())
    report = json.loads((folder / "report.json").read_text())
    assert report["ledger"]["rows"] == ledger["rows"]
    assert report["process_ledger"]["rows"] == ledger["process"]["rows"]
    assert report["cgroup"].get("cache") == ledger.get("cache")
    for part in (ledger, ledger["process"], ledger.get("cache"), ledger.get("shmem")):
        if part:
            own = [row["bytes"] for row in part["rows"] if row["depth"] == 0]
            assert sum(own) == part["total_bytes"]
    return ledger


def by_label(ledger):
    return {row["label"]: row for row in ledger["rows"]}


def by_key(ledger):
    return {row["key"]: row for row in ledger["rows"]}


def under_watch(watch, group, out, what, *options):
    """A watch whose first capture has looked for `what`, too, which comes last."""
    running = watch("--cgroup", group.path, "--out", out, *options)
    wait_until(lambda: any(what in path.read_text()
                           for path in out.glob("*.partial/capture-1/report.json")), 20, what)
    time.sleep(0.2)  # report.txt and the manifest follow
    return running, next(out.glob("*.partial/capture-1"))


def whose_is_known(ledger):
    if ledger["charge_absent"]:
        pytest.skip(ledger["charge_absent"])


def grow(group, mib):
    """A process in the cgroup that takes so much and keeps it."""
    code = f"x = bytearray({mib} << 20)\nimport time\ntime.sleep(60)"
    return subprocess.Popen(group.command(["python3", "-B", "-c", code]))


@pytest.mark.short
def test_files_are_named(watch, cgroup, start, tmpfs, tmp_path):
    """Logs in the page cache, a tmpfs that grows up to the kill: both are named."""
    group, memory = cgroup(LIMIT), tmpfs("size=400m")
    logs, out = tmp_path / "logs", tmp_path / "incidents"
    logs.mkdir()
    target = start("leak", VERSION, "-warm", 30, "-await", cgroup=group)
    writer = start("charges", VERSION, cgroup=group)
    writer.say(f"logs {logs} 40")
    running, _ = under_watch(watch, group, out, '"cache.file.1"')
    writer.process.stdin.write(f"file {memory}/data 300\n")
    writer.process.stdin.flush()
    assert running.wait(60) == OK, running.output()
    assert target.process.wait(10) == -signal.SIGKILL
    incident = running.incident()
    ledger = load(incident)
    whose_is_known(ledger)
    assert ledger["shmem"]["total_bytes"] > LIMIT // 4
    row = by_label(ledger["shmem"])[f"{memory}/data"]
    assert row["bytes"] > 0.7 * ledger["shmem"]["total_bytes"], "it grows while it is looked at"
    text = (incident / "report.txt").read_text()
    assert f"{memory}/data" in text, text
    # The kernel takes page cache back before it kills, so the baseline has the logs for sure.
    before = load(incident / "baseline")
    own = {label: row for label, row in by_label(before["cache"]).items()
           if label.startswith(f"{logs}/")}
    assert own[f"{logs}/app.log"]["bytes"] == 16 * MIB
    if not before["files_partial"]:  # on a machine that has time for it
        assert sum(row["bytes"] for row in own.values()) == 40 * MIB
        assert "rotated log" in own[f"{logs}/app.log.1"]["note"]
    assert f"open by process {writer.pid}" in own[f"{logs}/app.log"]["note"]
    assert f"{logs}/app.log" in (incident / "baseline/report.txt").read_text()
    # And the two can be compared.
    difference = json.loads(run_whyoom("account", "--diff", incident / "baseline", incident,
                                       "--json").stdout)
    assert difference["cgroup"]["changes"][0]["path"] == "shmem"


@pytest.mark.parametrize("hold", [(), ("--hold",)], ids=["free", "held"])
def test_logs_at_the_kill(watch, cgroup, start, tmp_path, hold):
    """Page cache that is there at the last capture: it is named though its process is gone."""
    group, logs, out = cgroup(LIMIT), tmp_path / "logs", tmp_path / "incidents"
    logs.mkdir()
    target = start("leak", VERSION, "-warm", 30, "-await", cgroup=group)
    writer = start("charges", VERSION, cgroup=group)
    writer.say(f"logs {logs} 20")
    running, _ = under_watch(watch, group, out, '"cache.file.1"', *hold)
    target.process.stdin.write("grow\n")
    target.process.stdin.flush()
    assert running.wait(60) == OK, running.output()
    ledger = load(running.incident())
    if "cache" in ledger:
        assert ledger["cache"]["total_bytes"] < 21 * MIB
    before = load(running.incident() / "baseline")
    whose_is_known(before)
    assert by_label(before["cache"])[f"{logs}/app.log"]["bytes"] == 20 * MIB


@pytest.mark.short
@pytest.mark.parametrize("hold", [(), ("--hold",)], ids=["free", "held"])
def test_c_heap_is_told_apart(watch, cgroup, start, tmp_path, hold):
    """A leak in C: what malloc has in use, in the incident's ledger, its report and its text."""
    group, out = cgroup(LIMIT), tmp_path / "incidents"
    target = start("ledgercgo", VERSION, "malloc", 100, cgroup=group)
    running, first = under_watch(watch, group, out, '"anon.malloc.main.used"', *hold)
    check_c_heap(first)
    grower = grow(group, 80)
    try:
        assert running.wait(60) == OK, running.output()
    finally:
        end(grower)
    assert target.process.wait(10) == -signal.SIGKILL
    incident = running.incident()
    report = json.loads((incident / "report.json").read_text())
    if hold and report["kill"]["held_ns"] > 1e9:
        pytest.skip("it took longer than a kill may wait")
    if hold:
        check_c_heap(incident)
        assert "the evidence was taken meanwhile" in (incident / "report.txt").read_text()
    else:  # the newest may have come too late for what is in use, not for how much there is
        rows = by_key(load(incident)["process"])
        assert 100 * MIB <= rows["anon.malloc"]["bytes"] < 104 * MIB, rows
    assert group.oom_control()["oom_kill_disable"] == 0


def check_c_heap(folder):
    rows = by_key(load(folder)["process"])
    used = rows["anon.malloc.main.used"]["bytes"]
    assert 100 * MIB <= used < 104 * MIB, rows
    assert rows.get("anon.malloc.main.rest", {"bytes": 0})["bytes"] < MIB
    text = (folder / "report.txt").read_text()
    assert re.search(r"C heap \(malloc\) \(10\d MiB in use, ", text), text


@pytest.mark.short
def test_one_look_names_files(whyoom, cgroup, start, tmp_path):
    """`whyoom PID` says the same."""
    group = cgroup(LIMIT)
    target = start("charges", VERSION, cgroup=group)
    target.say(f"logs {tmp_path} 40")
    report = json.loads(whyoom(target.pid, "--json").stdout)
    rows = {row["label"]: row["bytes"] for row in report["cgroup"]["cache"]["rows"]}
    if report["cgroup"]["charge_absent"]:
        pytest.skip(report["cgroup"]["charge_absent"])
    assert rows[f"{tmp_path}/app.log"] == 16 * MIB
    if not report["cgroup"]["files_partial"]:
        assert sum(size for label, size in rows.items()
                   if label.startswith(f"{tmp_path}/app")) == 40 * MIB
    text = whyoom("why", target.pid).stdout
    assert f"{tmp_path}/app.log" in text, text
    stopped = whyoom("why", target.pid, "--mode", "stop").stdout
    assert f"{tmp_path}/app.log" in stopped, stopped


def test_nothing_is_left_behind(watch, cgroup, start, tmp_path):
    """The process that looks for files ends with its watch, however that ends."""
    group, out = cgroup(LIMIT), tmp_path / "incidents"
    target = start("charges", VERSION, cgroup=group)
    target.say(f"logs {tmp_path} 40")
    running, _ = under_watch(watch, group, out, '"cache.file.1"')
    whyooms = session_of(running.process.pid)
    assert whyooms
    running.process.kill()
    wait_until(lambda: not [pid for pid in whyooms if os.path.exists(f"/proc/{pid}")
                            and state_of(pid) != "Z"], 10, "all of them are gone")


def session_of(pid):
    """Its descendants."""
    found, last = [], [pid]
    while last:
        children = []
        for parent in last:
            try:
                with open(f"/proc/{parent}/task/{parent}/children") as file:
                    children += [int(word) for word in file.read().split()]
            except OSError:
                pass
        found += children
        last = children
        time.sleep(0)
    return found


def state_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
