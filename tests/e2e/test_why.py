# SPDX-License-Identifier: Apache-2.0
"""`whyoom PID` agrees with what the target says about itself: identity, goroutines, memory."""

import json
import re
from collections import Counter

import pytest

# The target's MemStats -> the field of "memstats" in the JSON.
EXACT = {
    "HeapInuse": "heap_inuse_bytes",
    "HeapReleased": "heap_released_bytes",
    "MSpanSys": "mspan_sys_bytes",
    "MCacheSys": "mcache_sys_bytes",
    "BuckHashSys": "buckhash_sys_bytes",
    "GCSys": "gc_sys_bytes",
    "OtherSys": "other_sys_bytes",
}
# Objects in the allocation caches of the processors are counted only when these are flushed, and
# the target has woken up to answer.
WITHIN_BYTES = {
    "HeapAlloc": ("heap_alloc_bytes", 256 << 10),
    "HeapSys": ("heap_sys_bytes", 64 << 10),
    "StackInuse": ("stack_inuse_bytes", 64 << 10),
}


def snapshot(whyoom, target):
    return json.loads(whyoom(target.pid, "--json").stdout)


@pytest.fixture
def resting(start, version):
    target = start("allocs", version)
    target.say("rest")
    return target


@pytest.mark.short
def test_identity(whyoom, resting, version):
    seen = snapshot(whyoom, resting)["identity"]
    assert seen["pid"] == resting.pid
    assert seen["go_version"] == f"go{version}"
    assert seen["module"] == "example.com/targets"
    assert seen["binary"] == str(resting.path)


def test_why_is_the_default_command(whyoom, resting):
    assert snapshot(whyoom, resting)["identity"]["pid"] == resting.pid
    explicit = json.loads(whyoom("why", resting.pid, "--json").stdout)
    assert explicit["identity"]["pid"] == resting.pid


def states_of(dump):
    """How many goroutines are in each scheduler state, by the wait reasons of a dump."""
    states = Counter()
    for reason in re.findall(r"^goroutine \d+.*? \[([^\],]+)", dump, re.MULTILINE):
        # The one that writes the dump is `running`; otherwise it sits in its read from stdin.
        in_syscall = reason in ("syscall", "running")
        states["syscall" if in_syscall else "waiting"] += 1
    return states


def test_goroutines_by_state(whyoom, resting, tmp_path):
    seen = snapshot(whyoom, resting)["goroutines"]
    resting.say(f"goroutines {tmp_path / 'dump'}")
    truth = states_of((tmp_path / "dump").read_text())
    by_state = {state: count for state, count in seen["by_state"].items() if count}
    # The dump leaves out the runtime's own goroutines, all of which are parked.
    by_state["waiting"] -= seen["system"]
    assert by_state == truth
    assert seen["total"] - seen["system"] == sum(truth.values())


def test_memstats_equal_the_targets_own(whyoom, resting, tmp_path):
    seen = snapshot(whyoom, resting)["memstats"]
    truth = resting.ask_json("memstats", tmp_path / "memstats.json")
    assert {name: seen[field] for name, field in EXACT.items()} == {n: truth[n] for n in EXACT}
    for name, (field, tolerance) in WITHIN_BYTES.items():
        assert abs(seen[field] - truth[name]) <= tolerance, name


@pytest.mark.short
def test_ledger_sums_exactly(whyoom, resting):
    ledger = snapshot(whyoom, resting)["ledger"]
    assert ledger["rows"]
    assert sum(row["bytes"] for row in ledger["rows"]) == ledger["total_bytes"]
    assert ledger["total_bytes"] > 40 << 20


def test_ledger_of_a_cgroup_sums_to_its_charge(whyoom, start, cgroup):
    group = cgroup(512 << 20)
    target = start("allocs", "1.26.8", cgroup=group)
    target.say("grow 100")
    target.say("rest")
    ledger = snapshot(whyoom, target)["ledger"]
    assert sum(row["bytes"] for row in ledger["rows"]) == ledger["total_bytes"]
    assert abs(ledger["total_bytes"] - int(group.read("memory.usage_in_bytes"))) < 4 << 20


@pytest.mark.short
def test_one_screen(whyoom, resting, version):
    out = whyoom(resting.pid).stdout
    assert f"go{version}" in out or f"Go {version}" in out
    assert "example.com/targets" in out
    assert "main." in out
    assert "goroutine" in out
    assert len(out.splitlines()) <= 60
    assert "\x1b" not in out


def test_stripped_program_is_still_identified(whyoom, start, version):
    target = start("allocs-stripped", version)
    done = whyoom(target.pid, "--json", code=None)
    assert "stripped" in done.stdout + done.stderr
