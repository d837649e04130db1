# SPDX-License-Identifier: Apache-2.0
"""The ledger of a cgroup: each kind of charge, made by a Go program, and what is said of it. Read
with a tool of ours (tests/ledger/cgroup_ledger_dump.c)."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness import MIB, WHYOOM, program, wait_until

DUMP = WHYOOM.parents[2] / "tests/ledger/cgroup-ledger-dump"
VERSION = "1.26.8"
LIMIT = 512 * MIB


class Account:
    """What the tool says of a cgroup."""

    def __init__(self, group):
        result = subprocess.run([str(DUMP), str(group)], capture_output=True, text=True,
                                timeout=60)
        assert result.returncode == 0, result.stderr
        self.all = json.loads(result.stdout)
        self.headroom, self.files = self.all["headroom"], self.all["files"]
        for name in ("cgroup", "cache", "shmem"):
            ledger = self.all[name]
            assert ledger["broken"] is None, f"{name}: {ledger['broken']} does not sum"
            own = sum(row["bytes"] for row in ledger["rows"] if row["depth"] == 0)
            assert own == ledger["total_bytes"], name
        assert self.total("cache") == self.bytes("cgroup", "cache")
        assert self.total("shmem") == self.bytes("cgroup", "shmem")
        assert not self.files["partial"], self.files["partial_reason"]

    def total(self, ledger):
        return self.all[ledger]["total_bytes"]

    def rows(self, ledger):
        return {row["key"]: row for row in self.all[ledger]["rows"]}

    def bytes(self, ledger, key):
        return self.rows(ledger).get(key, {"bytes": 0})["bytes"]

    def by_label(self, ledger):
        return {row["label"]: row for row in self.all[ledger]["rows"]}

    def largest(self):
        """The key of the largest row of the cgroup's ledger."""
        rows = [row for row in self.all["cgroup"]["rows"] if row["depth"] == 0]
        return max(rows, key=lambda row: row["bytes"])["key"]

    def check_unexplained(self, most):
        """Pages that the CPUs have charged ahead, 64 each, are all that may be left."""
        unexplained = self.bytes("cgroup", "unexplained")
        assert 0 <= unexplained <= most, f"{unexplained} bytes are unexplained"


@pytest.fixture
def charges(cgroup, start):
    """charges() -> a group with a limit, and the program in it."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    group = cgroup(LIMIT)
    group.write("memory.kmem.tcp.limit_in_bytes", LIMIT)  # else sockets are not counted
    return group, start("charges", VERSION, cgroup=group)


def check(group):
    account = Account(group.path)
    account.check_unexplained(os.cpu_count() * 64 * 4096 * 2)
    if not account.files["charge_known"]:
        pytest.skip(account.files["charge_absent"])
    return account


def test_logs_in_the_page_cache_are_no_leak(charges, tmp_path):
    group, target = charges
    before = check(group)
    target.say(f"logs {tmp_path} 200")
    full = check(group)
    assert full.largest() == "cache"
    assert full.total("cache") >= 200 * MIB
    logs = {label: row for label, row in full.by_label("cache").items()
            if label.startswith(f"{tmp_path}/")}
    assert sum(row["bytes"] for row in logs.values()) == 200 * MIB
    for label, row in logs.items():
        rotated = not label.endswith("/app.log")
        assert ("rotated log" in row["note"]) == rotated, row
        assert (f"open by process {target.pid}" in row["note"]) != rotated, row
        assert row["reclaimable"] and not row["estimated"]
        assert row["bytes"] == Path(label).stat().st_size
    assert len(logs) == 9
    beside = full.all["cache"]["beside"]
    assert beside["cache.logs"] >= 200 * MIB
    assert beside["cache.logs.rotated"] == 192 * MIB
    # What can be reclaimed does not bring the kill nearer.
    bites = full.headroom["bites"]
    assert bites["path"] == str(group.path) and bites["limit_bytes"] == LIMIT
    assert bites["reclaimable_bytes"] >= 200 * MIB
    assert bites["headroom_bytes"] > before.headroom["bites"]["headroom_bytes"] - 40 * MIB
    assert bites["headroom_bytes"] > LIMIT - bites["usage_bytes"] + 150 * MIB
    # Without the files the cache is gone, and nothing of the process.
    target.say(f"delete-logs {tmp_path}")
    after = check(group)
    assert after.total("cache") < 5 * MIB
    assert abs(after.bytes("cgroup", "anon") - full.bytes("cgroup", "anon")) < 4 * MIB


def test_page_cache_up_to_the_limit_leaves_the_headroom(cgroup, start, tmp_path):
    """The graph is at 100%, and nothing will be killed."""
    group = cgroup(64 * MIB)
    target = start("charges", VERSION, cgroup=group)
    target.say(f"logs {tmp_path} 100")
    account = Account(group.path)
    bites = account.headroom["bites"]
    assert bites["usage_bytes"] > 56 * MIB
    assert bites["headroom_bytes"] > 40 * MIB
    assert account.total("cache") > 40 * MIB
    named = sum(row["bytes"] for row in account.all["cache"]["rows"]
                if row["label"].startswith(f"{tmp_path}/app"))
    if account.files["charge_known"]:
        assert abs(named - account.total("cache")) < 4 * MIB


def test_files_on_a_tmpfs_are_named(charges, tmpfs):
    group, target = charges
    folder = tmpfs("size=100m")
    (folder / "below").mkdir()
    (folder / "not-ours").write_bytes(b"x" * MIB)
    target.say(f"file {folder}/below/data 40")
    target.say(f"file {folder}/other 8")
    account = check(group)
    assert account.largest() == "shmem"
    assert account.total("shmem") == 48 * MIB
    rows = account.by_label("shmem")
    assert rows[str(folder)]["bytes"] == 48 * MIB and rows[str(folder)]["depth"] == 0
    assert rows[f"{folder}/below/data"]["bytes"] == 40 * MIB
    assert not rows[f"{folder}/below/data"]["reclaimable"]
    assert f"{folder}/not-ours" not in rows  # this test's cgroup is charged for it
    assert account.bytes("shmem", "shmem.unnamed") == 0
    bites = account.headroom["bites"]
    assert bites["headroom_bytes"] < LIMIT - 48 * MIB


def test_files_in_another_mount_namespace_are_named(cgroup, start, tmp_path):
    """As a container has them: what it mounted cannot be seen from here."""
    inside = tmp_path / "inside"
    inside.mkdir()
    group = cgroup(LIMIT)
    script = f'mount -t tmpfs tmpfs {inside} && exec "$@"'
    target = start("charges", VERSION, cgroup=group,
                   prefix=("unshare", "--mount", "--propagation", "private", "sh", "-c", script,
                           "sh"))
    target.say(f"file {inside}/hidden 16")
    assert not (inside / "hidden").exists()
    account = check(group)
    rows = account.by_label("shmem")
    assert rows[str(inside)]["bytes"] == 16 * MIB
    assert rows[f"{inside}/hidden"]["bytes"] == 16 * MIB
    assert account.bytes("shmem", "shmem.unnamed") == 0


def test_files_of_a_container_are_named(cgroup, start, tmp_path):
    """On overlayfs, where cachestat(2) does not see them; the program lies there too."""
    lower, upper, work, merged = (tmp_path / name for name in ("lower", "upper", "work", "merged"))
    for folder in (lower, upper, work, merged):
        folder.mkdir()
    shutil.copy(program("charges", VERSION), lower / "charges")
    layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
    group = cgroup(LIMIT)
    script = f'mount -t overlay overlay -o {layers} {merged} && shift && exec {merged}/charges'
    target = start("charges", VERSION, cgroup=group,
                   prefix=("unshare", "--mount", "--propagation", "private", "sh", "-c", script,
                           "sh"))
    target.say(f"logs {merged} 40")
    rows = check(group).by_label("cache")
    assert rows[f"{merged}/app.log.1"]["bytes"] == 24 * MIB
    assert "rotated log" in rows[f"{merged}/app.log.1"]["note"]
    assert rows[f"{merged}/app.log"]["bytes"] == 16 * MIB
    assert not any(label.startswith(str(upper)) for label in rows)  # not twice


def test_sockets_of_a_slow_reader_are_counted(charges):
    group, target = charges
    target.say("sockets 12")
    account = check(group)
    sock = account.all["cgroup"]["beside"]["sock"]
    # The kernel counts in batches, and sockets still settle.
    assert abs(sock - int(group.read("memory.kmem.tcp.usage_in_bytes"))) < 2 * MIB
    assert sock > account.bytes("cgroup", "anon")
    assert "sock" not in account.rows("cgroup")  # v1 charges it apart


def test_many_small_files_are_kernel_memory(charges, tmp_path):
    group, target = charges
    target.say(f"files {tmp_path} 15000")
    account = check(group)
    assert account.largest() == "kernel"
    rows = account.rows("cgroup")
    assert rows["kernel.rest"]["bytes"] > 15000 * 600
    assert "v1" in rows["kernel.rest"]["note"]
    assert rows["kernel.stacks"]["estimated"] and rows["kernel.pagetables"]["estimated"]
    assert account.bytes("cache", "cache.unnamed") == account.total("cache")  # the inode table


def test_the_limit_that_bites_is_a_full_parent(cgroup, start):
    """The child has the smaller limit; its neighbour has filled the parent."""
    parent = cgroup(96 * MIB)
    child, neighbour = cgroup(64 * MIB, parent), cgroup(None, parent)
    start("charges", VERSION, cgroup=child)
    start("leak", VERSION, "-rate", 1000, "-limit", 70, cgroup=neighbour)
    wait_until(lambda: Account(parent.path).bytes("cgroup", "anon") > 70 * MIB, 20, "70 MiB")
    account = Account(child.path)
    bites = account.headroom["bites"]
    assert bites["path"] == str(parent.path)
    assert bites["headroom_bytes"] < 30 * MIB
    assert account.headroom["levels"] >= 3
    assert account.bytes("cgroup", "anon") < 20 * MIB
