# SPDX-License-Identifier: Apache-2.0
"""The account of one process: in each program one line dominates, and every sum holds."""

import json
import os
import re
from pathlib import Path

import pytest

from harness import MIB, NEWEST_SERVICE, VERSIONS, Target, program
from test_account import assert_sums

KERNEL_SLACK = MIB  # VmRSS is counted a CPU and summed now and then


class Account:
    """The ledger of a target that stands still while it is read."""

    def __init__(self, whyoom, target, moving_bytes):
        report = json.loads(whyoom("account", target.pid, "--mode", "stop", "--json").stdout)
        self.ledger = report["processes"][0]["ledger"]
        self.rows = {row["key"]: row for row in self.ledger["rows"]}
        self.beside = {row["key"]: row["bytes"] for row in self.ledger["beside"]}
        assert len(self.rows) == len(self.ledger["rows"]), "a key comes twice"
        assert_sums(self.ledger)
        moved = abs(self.ledger["total_bytes"] - smaps_sum(target.pid, "Rss"))
        assert moved <= moving_bytes
        assert abs(self["unexplained"]) < self.ledger["total_bytes"] / 100
        assert abs(self.beside["vmrss"] - self.ledger["total_bytes"]) <= KERNEL_SLACK

    def __getitem__(self, key):
        return self.rows[key]["bytes"] if key in self.rows else 0

    def is_estimated(self, key):
        return self.rows[key]["estimated"]


def smaps_sum(pid, field):
    text = Path(f"/proc/{pid}/smaps").read_text()
    return sum(int(kib) << 10 for kib in re.findall(rf"^{field}: +(\d+) kB$", text, re.MULTILINE))


@pytest.fixture
def account(whyoom, start):
    """account(MODE, N, ...) -> the Target and its Account."""

    def take(mode, number, *more, name="ledger", version=NEWEST_SERVICE, moving_bytes=0,
             **options):
        target = start(name, version, mode, number, *more, **options)
        return target, Account(whyoom, target, moving_bytes)

    return take


# The kernel takes note of MADV_FREE in batches of 31 pages a CPU: until then they are idle.
LAZY_BATCHES = 32 * 4096 * os.cpu_count()


def check_against_memstats(account, target, folder, slack=64 << 10):
    """What is resident is never more than what the runtime holds. The flush of the caches, which
    MemStats begins with, moves a few spans."""
    truth = target.memstats(folder / "memstats.json")
    held = {
        "go.heap.objects": truth["HeapAlloc"],
        "go.heap.idle": truth["HeapIdle"] - truth["HeapReleased"],
        "go.stacks": truth["StackInuse"] + truth["HeapIdle"] - truth["HeapReleased"],
        "go.metadata.spans": truth["MSpanSys"],
        "go.metadata.caches": truth["MCacheSys"],
        "go.metadata.buckets": truth["BuckHashSys"],
        "go.metadata.gc": truth["GCSys"],
        "go.metadata.other": truth["OtherSys"],
    }
    for key, most in held.items():
        assert account[key] <= most + slack, (key, account[key], most)
    assert account["go.heap.objects"] + account["go.heap.free_slots"] <= truth["HeapInuse"] + slack
    assert account["go"] - account["go.heap.lazyfree"] <= truth["Sys"] - truth["HeapReleased"] + slack
    return truth


@pytest.mark.parametrize("version", VERSIONS)
def test_live_objects(account, version, tmp_path):
    target, seen = account("live", 60, version=version)
    assert 60 * MIB < seen["go.heap.live"] < 75 * MIB
    assert seen["go.heap.young"] < 2 * MIB and "go.heap.garbage" not in seen.rows
    assert not seen.is_estimated("go.heap.live")
    truth = check_against_memstats(seen, target, tmp_path)
    assert seen["go.heap.objects"] > 0.95 * truth["HeapAlloc"]
    # A span a page of objects: mspan, bitmaps and the rest are found by the runtime's pointers.
    assert 0.8 * truth["MSpanInuse"] < seen["go.metadata.spans"]


def test_garbage_under_gogc_400(account, tmp_path):
    target, seen = account("young", 120)
    assert 120 * MIB <= seen["go.heap.young"] < 125 * MIB < 3.3 * seen["go.heap.live"]
    check_against_memstats(seen, target, tmp_path)


@pytest.mark.parametrize("version", [VERSIONS[0], NEWEST_SERVICE])  # marks in spans and beside them
def test_garbage_that_is_not_swept_yet(account, version):
    _, seen = account("unswept", 60, version=version, moving_bytes=MIB)
    assert 25 * MIB < seen["go.heap.garbage"] <= 41 * MIB
    assert 28 * MIB < seen["go.heap.live"] < 36 * MIB


def test_idle_pages_that_were_not_returned(account, tmp_path):
    target, seen = account("idle", 200)
    assert seen["go.heap.idle"] >= 200 * MIB and seen["go.heap.objects"] < 2 * MIB
    check_against_memstats(seen, target, tmp_path)


def test_pages_that_are_returned_when_the_kernel_wants_them(account, tmp_path):
    target, seen = account("lazyfree", 200, env={"GODEBUG": "madvdontneed=0"})
    assert seen["go.heap.lazyfree"] >= 200 * MIB - LAZY_BATCHES and seen["go.heap.idle"] < 4 * MIB
    assert seen.rows["go.heap.lazyfree"]["reclaimable"]
    assert seen.beside["go.heap.returned"] < 20 * MIB, "what is still there counts once"
    check_against_memstats(seen, target, tmp_path, slack=(64 << 10) + LAZY_BATCHES)


def test_pages_that_were_returned(account):
    _, seen = account("lazyfree", 200)
    assert seen.beside["go.heap.returned"] >= 200 * MIB and seen.ledger["total_bytes"] < 20 * MIB


def test_free_slots(account, tmp_path):
    target, seen = account("fragments", 100)
    assert seen["go.heap.free_slots"] > 6 * seen["go.heap.objects"] > 70 * MIB
    assert not seen.is_estimated("go.heap.free_slots")
    check_against_memstats(seen, target, tmp_path)


def test_many_goroutines(account, tmp_path):
    target, seen = account("stacks", 200_000)
    assert seen["go.stacks.inuse"] >= 200_000 * 2048
    assert seen["go.stacks"] > 3 * seen["go.heap.objects"]
    truth = check_against_memstats(seen, target, tmp_path)
    assert seen["go.stacks"] > 0.98 * truth["StackInuse"]


def test_deep_stacks(account, tmp_path):
    target, seen = account("deep", 100)
    assert 65 * MIB < seen["go.stacks.inuse"] <= 101 * MIB, "what was not called so deep is not there"
    check_against_memstats(seen, target, tmp_path)


def test_stacks_of_goroutines_that_ended(account, tmp_path):
    target, seen = account("freed", 10_000)
    assert 35 * MIB < seen["go.stacks.free"] < 45 * MIB and seen["go.stacks.inuse"] > 35 * MIB
    check_against_memstats(seen, target, tmp_path)


def test_mapped_file(account, tmp_path):
    path = tmp_path / "file"
    _, seen = account("mmapfile", 60, path)
    assert seen[f"files.data.{path}"] == seen["files.data"] == 60 * MIB
    assert seen.rows[f"files.data.{path}.clean"]["reclaimable"]


def test_private_pages_of_a_mapped_file(account, tmp_path):
    path = tmp_path / "file"
    _, seen = account("mmapwrite", 60, path)
    assert seen[f"files.data.{path}.private"] == 15 * MIB
    assert seen[f"files.data.{path}"] == 60 * MIB


def test_anonymous_mapping(account, tmp_path):
    target, seen = account("mmapanon", 100)
    members = [row for key, row in seen.rows.items() if key.startswith("anon.other.0x")]
    assert 125 * MIB <= seen["anon.other"] < 126 * MIB, "not the runtime's"
    assert members[0]["bytes"] >= 100 * MIB and re.match("0x[0-9a-f]+-0x", members[0]["label"])
    check_against_memstats(seen, target, tmp_path)


def test_shared_memory(account):
    _, seen = account("shared", 60)
    assert seen["shmem"] == seen["shmem.anonymous"] == 60 * MIB


def test_huge_pages(account):
    target, seen = account("huge", 100)
    assert seen["go.heap.live"] >= 100 * MIB
    huge = smaps_sum(target.pid, "AnonHugePages")
    assert seen.beside.get("huge", 0) == seen.beside.get("go.huge", 0) == huge


def test_memory_that_was_read_and_never_written(account, whyoom):
    target, seen = account("untouched", 100)
    assert seen.ledger["total_bytes"] < 20 * MIB and seen["go.heap.objects"] < 2 * MIB
    assert 0 <= seen.beside["go.heap.untouched"] - 100 * MIB < 64 << 10, "with small objects"
    assert seen.beside[f"go.heap.untouched.{100 * MIB}"] == 100 * MIB
    verdict = json.loads(whyoom("why", target.pid, "--json").stdout)["verdict"]
    assert not verdict["guilty"]["function"], "nobody holds memory that is not there"


def no_huge_pages():
    if "[always]" in Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text():
        pytest.skip("huge pages are given out for every page that is touched")


@pytest.mark.parametrize("mode, untouched, size", [
    ("unwritten", 100 * MIB, 12 << 10), ("copying", 50 * MIB, 100 * MIB)])
def test_the_heap_that_the_runtime_counts_is_there_or_untouched(account, version, mode, untouched,
                                                                size, tmp_path):
    no_huge_pages()
    target, seen = account(mode, 100, version=version)
    missing = seen.beside["go.heap.untouched"]
    assert abs(missing - untouched) < MIB
    assert abs(seen.beside[f"go.heap.untouched.{size}"] - missing) < MIB
    truth = target.memstats(tmp_path / "memstats.json")
    assert abs(seen["go.heap.objects"] + missing - truth["HeapAlloc"]) <= 64 << 10


NO_MEMORY = "of the heap's objects have no memory: allocated and not written to so far"


def test_the_report_says_what_of_the_heap_has_no_memory(whyoom, start):
    no_huge_pages()
    target = start("pprofserver", NEWEST_SERVICE)
    target.say("unwritten 100")
    seen = json.loads(whyoom("why", target.pid, "--json").stdout)
    untouched = seen["heap"]["untouched"]
    beside = {row["key"]: row["bytes"] for row in seen["process_ledger"]["beside"]}
    assert abs(untouched["bytes"] - beside["go.heap.untouched"]) < MIB
    assert 100 * MIB - 64 * 1024 < untouched["bytes"] < 105 * MIB, "with its 3000 arrays of 1 KiB"
    assert untouched["object_size"] == 12 << 10
    assert not seen["verdict"]["guilty"]["function"], "nobody holds memory that is not there"
    text = whyoom("why", target.pid).stdout
    line = next(line for line in text.splitlines() if NO_MEMORY in line)
    assert " 10" in line and "in objects of 12.0 KiB; the ledger counts what is there" in line
    assert text.index("\nGO ") < text.index(line) < text.index("\nHEAP ")
    assert NO_MEMORY in whyoom("why", target.pid, "--md").stdout
    assert "的对象还没有占用内存" in whyoom("why", target.pid, "--lang", "zh").stdout


def test_the_report_says_nothing_of_a_heap_that_is_there(whyoom, start):
    target = start("allocs", NEWEST_SERVICE)
    target.say("grow 40")
    assert "untouched" not in json.loads(whyoom("why", target.pid, "--json").stdout)["heap"]
    assert NO_MEMORY not in whyoom("why", target.pid).stdout


def test_large_objects_that_are_written_are_not_called_untouched(account):
    _, seen = account("live", 100)
    assert "go.heap.untouched" not in seen.beside


def test_leak_of_c(account):
    _, seen = account("malloc", 60, name="ledgercgo")
    assert seen["anon.malloc.main"] >= 60 * MIB and seen["go"] < 4 * MIB


def test_threads_of_c(account):
    target, seen = account("threads", 40, name="ledgercgo")
    assert seen["anon.threads"] >= 40 * (256 << 10)
    assert seen["anon.malloc"] >= 40 * MIB
    assert seen["anon.malloc.arenas"] > 10 * MIB  # threads share them, and some the main heap
    threads = int(seen.rows["anon.threads"]["note"])
    assert threads == len(list(Path(f"/proc/{target.pid}/task").iterdir())) - 1
    assert seen["anon.other"] < MIB


@pytest.mark.parametrize("mode", ["live", "stop"])
def test_sums_hold_while_the_heap_grows(whyoom, start, mode):
    target = start("leak", NEWEST_SERVICE, "-rate", 400, "-limit", 800)
    for _ in range(3):
        report = json.loads(whyoom("account", target.pid, "--mode", mode, "--json").stdout)
        ledger = report["processes"][0]["ledger"]
        assert_sums(ledger)
        odd = [row for row in ledger["rows"] if row["unexplained"]]
        assert all(row["key"] == "unexplained" for row in odd)
        assert mode == "live" or not odd, "nothing moved: smaps and pagemap agree to the page"


@pytest.fixture
def cmalloc(request):
    running = Target(program("cmalloc", NEWEST_SERVICE))
    request.addfinalizer(running.stop)
    return running


def test_what_malloc_has_in_use(whyoom, cmalloc):
    cmalloc.say("leak 40")
    seen = Account(whyoom, cmalloc, 0)
    assert seen["anon.malloc.main.used"] > 40 * MIB > 20 * seen["anon.malloc.main.free"]
    assert seen["anon.malloc.main.rest"] < MIB
    assert not seen.is_estimated("anon.malloc.main.used")


def test_what_malloc_has_free(whyoom, cmalloc):
    """Kept by the arenas of threads that have freed all of it."""
    cmalloc.say("threads 6 24")
    seen = Account(whyoom, cmalloc, 0)
    assert seen["anon.malloc.arenas.free"] > 6 * 24 * MIB * 0.65  # whole pages that were touched
    assert seen["anon.malloc.arenas.used"] < 30 * MIB  # with the pages that free chunks share
    assert seen["anon.threads"] > 6 * 8192


def test_chunks_with_mappings_of_their_own(whyoom, cmalloc):
    cmalloc.say("mmapped 30 700")
    assert Account(whyoom, cmalloc, 0)["anon.malloc.mmapped"] == 30 * 4096  # only headers


def test_reading_a_c_heap_brings_no_page_in(whyoom, cmalloc):
    """Neither of the heap nor of the library's data, where malloc's structures are looked for."""
    cmalloc.say("holes 30")
    before = smaps_sum(cmalloc.pid, "Rss")
    for _ in range(3):
        whyoom("account", cmalloc.pid)
    assert smaps_sum(cmalloc.pid, "Rss") == before
