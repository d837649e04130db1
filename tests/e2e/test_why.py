# SPDX-License-Identifier: Apache-2.0
"""`whyoom PID` agrees with what the target and the kernel say: identity, goroutines, memory."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from harness import MIB, OK, minor_of

MEMSTATS = {
    "HeapAlloc", "HeapObjects", "HeapSys", "HeapIdle", "HeapInuse", "HeapReleased", "StackInuse",
    "StackSys", "MSpanSys", "MCacheSys", "BuckHashSys", "GCSys", "OtherSys", "Sys", "NumGC",
    "PauseTotalNs", "LastGC",
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
    assert seen["command"] == "allocs"
    assert seen["go_version"] == f"go{version}"
    assert seen["main_package"] == "example.com/targets/allocs"
    assert seen["module"] == "example.com/targets"
    assert seen["executable"] == str(resting.path)
    assert seen["threads"] == len(list(Path(f"/proc/{resting.pid}/task").iterdir()))
    # Go's linker writes a GNU build ID since 1.24.
    assert re.fullmatch("" if minor_of(version) < 24 else "[0-9a-f]{40}", seen["build_id"])


def test_why_is_the_default_command(whyoom, resting):
    assert snapshot(whyoom, resting)["identity"]["pid"] == resting.pid
    explicit = json.loads(whyoom("why", resting.pid, "--json").stdout)
    assert explicit["identity"]["pid"] == resting.pid


def states_of(dump):
    """How many goroutines a dump shows in each state. The one that writes it is `running` then;
    before, it sat in its read from stdin."""
    states = Counter(re.findall(r"^goroutine \d+.*? \[([^\],]+)", dump, re.MULTILINE))
    states["syscall"] += states.pop("running")
    return states


@pytest.mark.short
def test_goroutines_by_state(whyoom, resting, tmp_path):
    seen = snapshot(whyoom, resting)["goroutines"]
    resting.say(f"goroutines {tmp_path / 'dump'}")
    truth = states_of((tmp_path / "dump").read_text())
    assert seen["states"] == truth
    assert seen["count"] == sum(truth.values()) == 77
    assert seen["runtime_own"] > 0


@pytest.mark.short
@pytest.mark.parametrize("rate", [1, 512 * 1024])
def test_memstats_equal_the_targets_own(whyoom, start, version, rate, tmp_path):
    target = start("allocs", version, env={"GODEBUG": f"memprofilerate={rate}"})
    target.say("rest")
    seen = snapshot(whyoom, target)["memstats"]
    truth = target.memstats(tmp_path / "memstats.json")
    assert {name: seen[name] for name in MEMSTATS} == {name: truth[name] for name in MEMSTATS}
    assert seen["gogc"] == -1, "the target switched the collector off"
    assert seen["gomemlimit_bytes"] is None


def test_settings_of_the_runtime(whyoom, start, version):
    target = start("allocs", version,
                   env={"GOGC": "73", "GOMEMLIMIT": "345MiB", "GOMAXPROCS": "2"})
    seen = snapshot(whyoom, target)["memstats"]
    limit = 345 * MIB if minor_of(version) >= 19 else None  # there was none before
    assert (seen["gogc"], seen["gomemlimit_bytes"], seen["gomaxprocs"]) == (73, limit, 2)


def check_sums(ledger):
    """Rows of depth 0 sum to the total, and the rows below a row to that row."""
    rows = [{"bytes": ledger["total_bytes"], "depth": -1, "key": ledger["total"]}, *ledger["rows"]]
    assert len(rows) > 1
    for i, parent in enumerate(rows):
        below = []
        for row in rows[i + 1:]:
            if row["depth"] <= parent["depth"]:
                break
            below += [row["bytes"]] if row["depth"] == parent["depth"] + 1 else []
        assert not below or sum(below) == parent["bytes"], parent["key"]
    return {row["key"]: row["bytes"] for row in ledger["rows"]}


def smaps_sum(pid, field):
    text = Path(f"/proc/{pid}/smaps").read_text()
    return sum(int(kib) << 10 for kib in re.findall(rf"^{field}: +(\d+) kB$", text, re.MULTILINE))


@pytest.mark.short
def test_ledger_of_the_process_sums_to_its_resident_memory(whyoom, resting, tmp_path):
    ledger = snapshot(whyoom, resting)["process_ledger"]
    rows = check_sums(ledger)
    assert ledger["total"] == "rss"
    assert ledger["total_bytes"] == smaps_sum(resting.pid, "Rss")
    truth = resting.memstats(tmp_path / "memstats.json")
    # What was never written to is not resident: some objects are whole pages of zeros.
    assert 0.8 < rows["go.heap.objects"] / truth["HeapAlloc"] <= 1
    assert rows["go.stacks"] <= truth["StackInuse"]
    assert rows["go"] <= truth["Sys"] - truth["HeapReleased"]


@pytest.mark.short
def test_ledger_of_a_cgroup_sums_to_its_charge(whyoom, start, version, cgroup):
    group = cgroup(512 * MIB)
    target = start("allocs", version, cgroup=group)
    target.say("grow 100")
    target.say("rest")
    before = int(group.read("memory.usage_in_bytes"))
    report = snapshot(whyoom, target)
    after = int(group.read("memory.usage_in_bytes"))
    rows = check_sums(report["ledger"])
    assert min(before, after) <= report["ledger"]["total_bytes"] <= max(before, after)
    assert report["cgroup"]["limit_bytes"] == 512 * MIB
    assert report["cgroup"]["path"] == report["identity"]["cgroup"] == str(group.path)
    assert report["cgroup"]["processes"] == 1
    assert rows[f"anon.process.{target.pid}"] == smaps_sum(target.pid, "Anonymous")
    assert rows["go.heap.objects"] > 100 * MIB
    assert abs(rows.get("unexplained", 0)) < MIB


@pytest.mark.short
def test_cgroup_without_a_limit(whyoom, start, cgroup):
    target = start("allocs", "1.26.8", cgroup=cgroup(None))
    report = snapshot(whyoom, target)
    assert report["cgroup"]["limit_bytes"] is None
    check_sums(report["ledger"])
    assert re.search(r"^ +limit +none", whyoom(target.pid).stdout, re.MULTILINE)


def test_ledger_of_a_crowded_cgroup(whyoom, start, cgroup):
    """The largest have a row each, the others one together."""
    group = cgroup(1024 * MIB)
    targets = [start("noprof", "1.26.8", cgroup=group) for _ in range(12)]
    target = start("allocs", "1.26.8", cgroup=group)
    target.say("rest")
    report = snapshot(whyoom, target)
    rows = check_sums(report["ledger"])
    assert report["cgroup"]["processes"] == len(targets) + 1
    assert len([key for key in rows if key.startswith("anon.process.")]) <= 6
    assert rows["anon.processes"] > 0
    assert len(whyoom(target.pid).stdout.splitlines()) <= 72, "and not one more for each process"


@pytest.mark.short
def test_one_screen(whyoom, resting, version):
    out = whyoom(resting.pid).stdout
    assert f"go{version}" in out or f"Go {version}" in out
    assert "example.com/targets" in out
    assert "main." in out
    assert "goroutine" in out.lower()
    assert len(out.splitlines()) <= 62  # the stacks of two sites, of as many frames as sampling met
    assert "\x1b" not in out


@pytest.mark.short
def test_stripped_program_says_the_same(whyoom, start, version, tmp_path):
    target = start("allocs-stripped", version)
    target.say("rest")
    report = snapshot(whyoom, target)
    assert report["identity"]["go_version"] == f"go{version}"
    truth = target.memstats(tmp_path / "memstats.json")
    assert {name: report["memstats"][name] for name in MEMSTATS} == \
        {name: truth[name] for name in MEMSTATS}
    target.say(f"goroutines {tmp_path / 'dump'}")
    assert report["goroutines"]["states"] == states_of((tmp_path / "dump").read_text())
    check_sums(report["process_ledger"])


@pytest.mark.short
@pytest.mark.parametrize("name", ["noprof", "rate0"])
def test_without_a_profile_the_rest_is_there(whyoom, start, version, name):
    report = snapshot(whyoom, start(name, version))
    assert report["heap"]["absent"]["code"] == "unsupported"
    assert report["memstats"]["HeapAlloc"] > 0
    assert report["goroutines"]["count"] > 0
    assert not report["verdict"]["determined"]
    rows = check_sums(report["process_ledger"])
    assert rows["go.heap.objects"] > 0
