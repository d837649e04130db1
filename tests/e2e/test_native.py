# SPDX-License-Identifier: Apache-2.0
"""What whyoom reads of a C heap is, number for number, what glibc says of itself: mallinfo2() and
malloc_info() of a Go program with cgo, and of C programs, dynamic and static."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from harness import MIB, NEWEST_SERVICE, WHYOOM, Target, program, wait_until

TOOLS = WHYOOM.parents[2] / "tests/native"
KINDS = {"cgo": program("cmalloc", NEWEST_SERVICE), "c": TOOLS / "malloc-program",
         "c-static": TOOLS / "malloc-program-static"}
NUMBER = re.compile(r'<(?:total|system) type="(\w+)"(?: count="(\d+)")? size="(\d+)"/>')


def dump(pid):
    done = subprocess.run([TOOLS / "native-dump", str(pid)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def arenas_of_xml(text):
    """Of each arena {"fast": (COUNT, SIZE), "rest": ..., "current": (0, SIZE), "max": ...}."""
    return [{name: (int(count or 0), int(size)) for name, count, size in NUMBER.findall(arena)}
            for arena in re.findall(r'<heap nr="\d+">(.*?)</heap>', text, re.DOTALL)]


class Program(Target):
    def __init__(self, path, folder):
        super().__init__(path)
        self.info_path = folder / "info"
        self.say(f"open {self.info_path}")

    def info(self):
        self.say("info")
        return self.info_path.read_text()

    def read(self):
        """What whyoom reads, and what the program says, of one and the same state."""
        for _ in range(20):  # Go makes a thread now and then
            before = self.info()
            seen = dump(self.pid)
            if self.info() == before:
                line, _, xml = before.partition("\n")
                return seen, json.loads(line), arenas_of_xml(xml)
        raise AssertionError("the program's heap does not come to rest")


@pytest.fixture(params=KINDS)
def target(request, tmp_path):
    running = Program(KINDS[request.param], tmp_path)
    request.addfinalizer(running.stop)
    return running


@pytest.fixture
def c_program(request, tmp_path):
    running = Program(KINDS["c"], tmp_path)
    request.addfinalizer(running.stop)
    return running


def total(arenas, name):
    return sum(arena[name] for arena in arenas)


def assert_same(seen, info, xml):
    malloc = seen["malloc"]
    arenas = malloc["arenas"]
    assert not [arena["why_not"] for arena in arenas if not arena["complete"]]
    assert total(arenas, "system") == info["arena"]
    assert total(arenas, "used") == info["uordblks"]
    assert total(arenas, "free") == info["fordblks"]
    assert total(arenas, "bins_count") + len(arenas) == info["ordblks"]  # each has a top
    assert total(arenas, "fast_count") == info["smblks"]
    assert total(arenas, "fast") == info["fsmblks"]
    assert arenas[0]["top"] == info["keepcost"]
    assert malloc["mmapped_count"] == malloc["mmapped_found"] == info["hblks"]
    assert malloc["mmapped_bytes"] == malloc["mmapped_found_bytes"] == info["hblkhd"]
    assert not malloc["mmapped_estimated"]
    assert [arena["main"] for arena in arenas] == [True] + [False] * (len(xml) - 1)
    for arena, said in zip(arenas, xml):
        assert (arena["system"], arena["max_system"]) == (said["current"][1], said["max"][1])
        assert (arena["fast_count"], arena["fast"]) == said.get("fast", (0, 0))  # none in 2.43
        # glibc adds up sizes with their flags: each free chunk has PREV_INUSE, which is 1.
        assert (arena["bins_count"] + 1,
                arena["bins"] + arena["top"] + arena["bins_count"]) == said["rest"]


@pytest.mark.short
def test_leak_is_in_use(target):
    target.say("leak 40")
    seen, info, xml = target.read()
    assert_same(seen, info, xml)
    main = seen["malloc"]["arenas"][0]
    assert main["used"] > 40 * MIB > 20 * main["free"]
    assert main["resident"] > 40 * MIB
    assert not main["by_bins"]


def test_holes_are_free(target):
    target.say("holes 40")
    seen, info, xml = target.read()
    assert_same(seen, info, xml)
    main = seen["malloc"]["arenas"][0]
    assert main["bins"] > 18 * MIB
    assert main["bins_count"] > 1000
    assert 18 * MIB < main["largest_free"] * main["bins_count"]
    # Blocks of five pages: the free ones hold three or four as a whole.
    assert 0.6 * main["free"] < main["free_resident"] <= main["free_pages"] <= main["free"]


def test_arenas_of_threads(target):
    target.say("threads 12 24")
    seen, info, xml = target.read()
    assert_same(seen, info, xml)
    arenas = seen["malloc"]["arenas"]
    assert len([arena for arena in arenas if arena["free"] > 20 * MIB]) >= 12
    assert total(arenas, "free") > 12 * 24 * MIB > 10 * total(arenas, "used")
    assert total(arenas, "free_resident") > 0.7 * total(arenas, "free")
    assert seen["malloc"]["tcache_threads"] >= 12
    assert total(arenas, "tcache") > 12 * 100 * 1024


def test_arena_of_two_heaps(c_program):
    c_program.say("threads 2 80")
    seen, info, xml = c_program.read()
    assert_same(seen, info, xml)
    assert [arena["heaps"] for arena in seen["malloc"]["arenas"]] == [1, 2, 2]


def test_fast_bins(target):
    target.say("fast 20000 0")
    seen, info, xml = target.read()
    assert_same(seen, info, xml)
    main = seen["malloc"]["arenas"][0]
    assert main["fast"] > 19000 * 48
    assert main["tcache"] >= 7 * 48
    assert main["tcache_count"] >= 7


def test_chunks_with_a_mapping_of_their_own(target):
    target.say("mmapped 30 700")
    target.say("threads 2 1")
    target.say("mmapped 3 9000")
    seen, info, xml = target.read()
    assert_same(seen, info, xml)
    assert seen["malloc"]["mmapped_found"] >= 33


def test_large_heap_is_read_by_its_bins(c_program):
    c_program.say("small 6000000")
    c_program.say("holes 60")
    seen, info, xml = c_program.read()
    assert_same(seen, info, xml)
    main = seen["malloc"]["arenas"][0]
    assert main["by_bins"]
    assert main["bins"] > 25 * MIB
    assert main["free_resident"] > 0.6 * main["free"]
    assert seen["read_bytes"] < 100 * MIB


def test_heap_with_a_hole_of_somebody_else(c_program):
    c_program.say("holes 4")
    c_program.say("sbrk 12345")
    c_program.say("holes 4")
    seen, info, xml = c_program.read()
    assert_same(seen, info, xml)
    assert seen["malloc"]["arenas"][0]["by_bins"]


def threads_of(pid):
    return {int(name) for name in os.listdir(f"/proc/{pid}/task")} - {pid}


@pytest.mark.short
def test_stacks_of_threads(target):
    for _ in range(20):
        target.say("threads 9 1")
        before = threads_of(target.pid)
        stacks = dump(target.pid)["stacks"]
        if before == threads_of(target.pid):
            break
    assert stacks["complete"]
    assert {row[3] for row in stacks["list"] if row[3]} == before
    assert stacks["live"] == len(before) >= 9
    maps = Path(f"/proc/{target.pid}/maps").read_text()
    for start, end, guard, _ in stacks["list"]:
        assert end - start + guard == 8 * MIB or end - start == 8 * MIB
        assert f"{start - guard:x}-{start:x} ---p" in maps
    target.say("release")

    def cached():  # glibc keeps 40 MiB of them, once the threads have ended
        seen = dump(target.pid)["stacks"]
        return seen if seen["complete"] and seen["cached"] >= 3 else None

    stacks = wait_until(cached, 5, "stacks of ended threads")
    assert stacks["cached_bytes"] == stacks["cached"] * (stacks["list"][0][1] - stacks["list"][0][0])


def test_heap_that_changes_all_the_time(c_program):
    c_program.say("busy 3")
    complete = 0
    for _ in range(25):
        seen = dump(c_program.pid)
        if "malloc" not in seen:
            assert seen["malloc_absent"]
            continue
        for arena in seen["malloc"]["arenas"]:
            complete += arena["complete"]
            assert arena["complete"] or arena["why_not"]
            assert arena["free"] + arena["used"] + arena["unwalked"] >= arena["system"]
            assert arena["used"] + arena["unwalked"] <= arena["system"]
    assert complete > 25  # the main arena stands still


def test_go_without_c(request):
    target = Target(program("allocs", NEWEST_SERVICE))
    request.addfinalizer(target.stop)
    seen = dump(target.pid)
    assert seen["allocator"] == ""
    assert "no main_arena" in seen["malloc_absent"]
    assert seen["stacks"] == {"live": 0, "cached": 0, "live_bytes": 0, "cached_bytes": 0,
                              "complete": True, "list": []}


def test_names_the_allocator(target):
    seen = dump(target.pid)
    assert seen["allocator"] == "glibc"
    assert seen["in_executable"] == (target.path == KINDS["c-static"])


def test_names_an_allocator_inside_the_program(tmp_path, request):
    running = Program(TOOLS / "malloc-program-jemalloc", tmp_path)
    request.addfinalizer(running.stop)
    seen = dump(running.pid)
    assert (seen["allocator"], seen["in_executable"]) == ("jemalloc", True)
