# SPDX-License-Identifier: Apache-2.0
"""Targets that lie: a program that forges its runtime's structures, and one that never stands still.
Whatever whyoom is told, it ends soon, stays small, and either says what is wrong or counts it."""

import json
import re
import resource
import subprocess
from pathlib import Path

import pytest

from harness import OK, ROOT, TARGET_ERROR, UNSUPPORTED, WHYOOM

COMMANDS = ["heap", "why", "relieve"]
PEAK_BYTES_MAX = 256 << 20
NOWHERE = 0xdead0000


def field(name):
    """The offset of a field in the newest column that the table has."""
    table = (ROOT / "src/golang/layout_table.h").read_text()
    columns = re.findall(r'^GO_COLUMN\((\d+), (\d+), "(\w*)"\)$', table, re.MULTILINE)
    row = re.search(rf'^GO_FIELD\({name}, "[^"]+", (.*)\)$', table, re.MULTILINE).group(1)
    plain = [i for i, column in enumerate(columns) if column[0] == "26" and not column[2]]
    return int(row.split(", ")[plain[-1]])


LIES = {
    "buckets in a circle": ["buckets 5 first"],
    "a bucket that is its own next": ["buckets 1 first"],
    "a long chain of buckets": ["buckets 400000 first"],
    "buckets into nowhere": ["buckets 5 nowhere"],
    "a bucket of endless depth": ["buckets 5 deep"],
    "a bucket of another type": ["buckets 5 type"],
    "buckets without hashes": ["buckets 5 0"],
    "no buckets at all": ["poke runtime.mbuckets 0 0"],
    "goroutines without end": [f"poke runtime.allgs 8 {1 << 40}"],
    "goroutines, a few more than mapped": [f"poke runtime.allgs 8 {1 << 20}"],
    "goroutines nowhere": [f"poke runtime.allgs 0 {NOWHERE}"],
    "a goroutine nowhere": [f"poke *runtime.allgs 40 {NOWHERE}"],
    "a goroutine with an endless stack":
        [f"poke **runtime.allgs {field('GO_G_STACK') + 8} {(1 << 63) - 1}"],
    "spans without end": [f"poke runtime.mheap_ {field('GO_MHEAP_ALLSPANS') + 8} {1 << 40}"],
    "spans nowhere": [f"poke runtime.mheap_ {field('GO_MHEAP_ALLSPANS')} {NOWHERE}"],
    "a function table without end":
        [f"poke runtime.firstmoduledata {field('GO_MODULEDATA_FTAB') + 8} {1 << 50}"],
    "function names nowhere":
        [f"poke runtime.firstmoduledata {field('GO_MODULEDATA_FUNCNAMETAB')} {NOWHERE}"],
    "tables of program counters made of data":
        [f"poke runtime.firstmoduledata {field('GO_MODULEDATA_PCTAB')} {NOWHERE}"],
    "a plugin nowhere":
        [f"poke runtime.firstmoduledata {field('GO_MODULEDATA_NEXT')} {NOWHERE}"],
    "a heap of all the memory there is":
        [f"poke runtime.gcController {field('GO_GC_CONTROLLER_STATE_HEAP_IN_USE')} {(1 << 63) - 1}"],
    "a profiling rate that is negative": [f"poke runtime.MemProfileRate 0 {(1 << 64) - 5}"],
    "a limit of nothing":
        [f"poke runtime.gcController {field('GO_GC_CONTROLLER_STATE_MEMORY_LIMIT')} {1 << 63}"],
}


def run_bounded(command, pid):
    """Runs whyoom with a limit on its memory; returns its result and its peak."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    result = subprocess.run([WHYOOM, *command.split(), str(pid), "--json"], capture_output=True,
                            text=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return result, after * 1024 if after > before else 0


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_an_error_or_is_counted(start, lie):
    target = start("hostile", "1.26.8")
    target.say("rest")
    for step in LIES[lie]:
        target.say(step)
    for command in COMMANDS:
        result, peak = run_bounded(command, target.pid)
        assert result.returncode in (OK, TARGET_ERROR, UNSUPPORTED), result.stderr
        assert "AddressSanitizer" not in result.stderr and "runtime error" not in result.stderr
        assert "asan" in str(WHYOOM) or peak < PEAK_BYTES_MAX
        if result.returncode == OK:
            json.loads(result.stdout)
        else:
            assert result.stderr.startswith("whyoom: ") or json.loads(result.stdout)["error"]
    assert Path(f"/proc/{target.pid}").exists()


def test_reads_of_what_never_stands_still(whyoom, start, version, rounds):
    """Allocation, collections and goroutines that come and go, all at once."""
    target = start("allocs", version, env={"GODEBUG": "memprofilerate=1"})
    target.say("churn on")
    retried = inconsistent = 0
    for _ in range(rounds(25, 1500)):
        seen = json.loads(whyoom("heap", target.pid, "--json", "--all").stdout)
        evidence = seen["evidence"]
        retried += evidence["profile_attempts"] > 1
        inconsistent += not evidence["profile_consistent"]
        assert evidence["damaged_buckets"] == 0
        for bucket in seen["buckets"]:
            for counts in (bucket["published"], bucket["now"]):
                assert min(counts.values()) >= 0
    for _ in range(rounds(5, 200)):
        seen = json.loads(whyoom("why", target.pid, "--json").stdout)
        assert seen["evidence"]["damaged_buckets"] == 0
    print(f"retried {retried}, still inconsistent {inconsistent}")
    target.say("rest")  # it is well
