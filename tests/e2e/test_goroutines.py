# SPDX-License-Identifier: Apache-2.0
"""`whyoom goroutines` says of each goroutine what the target's own dumps say, frame by frame."""

import json
import os
import re
from collections import Counter

import pytest

from dumps import frames_of_runtime, parse_dump, parse_profile
from harness import NOT_STORED, TARGET_ERROR, USAGE, VERSIONS, run_pprof

ONE_OF_EACH_WAIT = [
    "IO wait", "chan receive (nil chan)", "chan send", "chan send (nil chan)", "select",
    "select (no cases)",
]


def minor(version):
    return int(version.split(".")[1])


@pytest.fixture
def stacks(start, version):
    return start("stacks", version)


def truth_of(target, tmp_path):
    target.say(f"dump {tmp_path / 'dump'}")
    return parse_dump((tmp_path / "dump").read_text())


def runs_the_dump(goroutine):
    return goroutine.state == "running"


def test_the_dump_is_that_of_the_runtime(whyoom, stacks, version, tmp_path):
    ours = parse_dump(whyoom("goroutines", stacks.pid, "--stacks").stdout)
    truth = truth_of(stacks, tmp_path)
    assert ours.keys() == truth.keys()
    compared = 0
    for id, theirs in truth.items():
        if runs_the_dump(theirs):  # the one that takes it: ours waits for the next command there
            assert ours[id].state == "syscall" and ours[id].frames[-1][0] == "main.main"
            continue
        assert ours[id].state == theirs.state
        assert ours[id].rest == theirs.rest
        assert frames_of_runtime(theirs, ours[id], minor(version)) == theirs.frames, id
        assert ours[id].created_by == theirs.created_by, id
        compared += 1
    assert compared == len(truth) - 1 > 35
    states = Counter(goroutine.state for goroutine in truth.values())
    assert all(states[state] == 1 for state in ONE_OF_EACH_WAIT), states
    assert {"sleep", "syscall", "sync.Cond.Wait"} <= states.keys()
    assert any(goroutine.rest == ["locked to thread"] for goroutine in truth.values())
    shown = {function for goroutine in truth.values() for function, *_ in goroutine.frames}
    assert {"panic", "main.inlinedLeaf", "main.(*tree[...]).wait", "main.byValue.wait",
            "main.startSystem.func2", "main.recurse"} <= shown


def test_deep_stacks_are_whole_or_say_what_is_missing(whyoom, stacks, tmp_path):
    ours = parse_dump(whyoom("goroutines", stacks.pid, "--stacks").stdout)
    deep = sorted((goroutine for goroutine in ours.values()
                   if goroutine.frames[0][0] == "main.recurse"), key=lambda g: len(g.frames))
    # Of the 1,050 that are kept, gopark, chanrecv, chanrecv1 and the go statement's wrapper are hidden.
    assert [len(goroutine.frames) for goroutine in deep] == [301, 1046]
    assert not deep[0].elided
    assert deep[1].elided == [(997, str(5001 - 1046))]


def test_the_profile_is_that_of_the_runtime(whyoom, stacks, version, tmp_path):
    ours_path, theirs_path = tmp_path / "ours.pb.gz", tmp_path / "theirs.pb.gz"
    whyoom("goroutines", stacks.pid, "-o", ours_path)
    stacks.say(f"proto {theirs_path}")
    limit = 128 if minor(version) >= 23 else 32  # frames that Go keeps

    def samples(path):
        cut = Counter()
        for (labels, stack), count in parse_profile(path).items():
            lines = [line for _, lines in stack for line in lines]
            if lines[-1][0] != "runtime.main" and lines[-2][0] != "main.main":
                cut[labels, tuple(lines[:limit])] += count
        return cut

    ours, theirs = samples(ours_path), samples(theirs_path)
    assert ours == theirs
    labelled = {key for labels, _ in ours for key, _ in labels}
    assert {"tenant", "request", "step", "key19"} <= labelled


def addresses(path):
    return {address for _, stack in parse_profile(path) for address, _ in stack}


def test_pprof_reads_the_profile(whyoom, stacks, tmp_path):
    ours, theirs = tmp_path / "ours.pb.gz", tmp_path / "theirs.pb.gz"
    whyoom("goroutines", stacks.pid, "-o", ours)
    stacks.say(f"proto {theirs}")

    def flat(path):
        rows = (line.split() for line in run_pprof("-top", "-nodecount=10000", path))
        return {row[5]: row[0] for row in rows if len(row) > 5 and row[0].isdigit()
                and row[0] != "0"}

    mine, own = flat(ours), flat(theirs)
    assert mine["runtime.gopark"] == own["runtime.gopark"]
    assert run_pprof("-traces", ours)
    # The addresses are the target's, but for the goroutine that was busy with its own profile.
    assert len(addresses(theirs) - addresses(ours)) < 40


def test_json_has_everything(whyoom, stacks, version, tmp_path):
    seen = json.loads(whyoom("goroutines", stacks.pid, "--json").stdout)
    truth = truth_of(stacks, tmp_path)
    mine = [goroutine for goroutine in seen["goroutines"] if not goroutine["system"]]
    assert seen["count"] == len(mine) == len(truth)
    assert seen["count"] + seen["runtime_own"] == len(seen["goroutines"])
    assert sum(group["count"] for group in seen["groups"]) == len(seen["goroutines"])
    assert sum(seen["states"].values()) == seen["count"]
    assert seen["evidence"]["failed_stacks"] == seen["evidence"]["unreadable_goroutines"] == 0
    for goroutine in mine:
        theirs = truth[goroutine["id"]]
        if runs_the_dump(theirs):
            continue
        assert theirs.state in (goroutine["wait_reason"], goroutine["state"])
        assert goroutine["locked_to_thread"] == ("locked to thread" in theirs.rest)
        assert bool(goroutine["locked_thread_id"]) == goroutine["locked_to_thread"]
        assert (goroutine["parent_id"] or 0) == (theirs.created_by[1] or 0 if theirs.created_by
                                                 else goroutine["parent_id"] or 0)
        frames = seen["stacks"][goroutine["stack"]]["frames"]
        shown = [f"{frame['file']}:{frame['line']}" for frame in frames if not frame["hidden"]]
        expected = [place for _, place, _ in theirs.frames]
        assert shown[:50] == expected[:50]
        assert goroutine["stack_bytes"] >= 2048 and goroutine["no_stack"] is None
        if goroutine["state"] == "waiting":
            assert goroutine["waited_at_least_ns"] > 1_000_000
    locked = [goroutine for goroutine in mine if goroutine["locked_to_thread"]]
    threads = [int(thread) for thread in os.listdir(f"/proc/{stacks.pid}/task")]
    assert all(goroutine["locked_thread_id"] in threads for goroutine in locked)
    assert [goroutine["labels"] for goroutine in mine if "step" in goroutine["labels"]] == \
        [{"tenant": "umbrella", "step": "2"}] * 2
    assert any(goroutine["labels"].get("request") == 'a b"c' for goroutine in mine)


def test_groups_come_with_the_answer_first(whyoom, stacks):
    lines = whyoom("goroutines", stacks.pid).stdout.splitlines()
    assert re.match(r"GOROUTINES +\d+: \d+ chan receive, ", lines[0])
    assert "are one group: chan receive (at least " in lines[1] and "in main.receive (" in lines[1]
    assert "created by main.startChannels (" in lines[2]
    assert "3 goroutines [chan receive], the longest for at least" in "\n".join(lines)
    few = whyoom("goroutines", stacks.pid, "--rows", 1).stdout
    assert re.search(r"\d+ more groups: --rows \d+ shows them\n$", few)


def test_what_runs_says_so(whyoom, start):
    target = start("stacks", VERSIONS[-1])
    target.say("spin 1")
    text = whyoom("goroutines", target.pid, "--rows", 1000).stdout
    assert "running; its stack needs --mode stop" in text
    assert "1 ran: their stacks need --mode stop" in text
    dump = whyoom("goroutines", target.pid, "--stacks").stdout
    assert "[running]:\n\tgoroutine running on other thread; stack unavailable\n" in dump
    assert re.search(r"unavailable\ncreated by main.obey in goroutine 1\n", dump)


def test_goroutines_that_move_are_never_torn(whyoom, start):
    """Each stack that is shown is one that the program can have."""
    target = start("many", VERSIONS[-1], "-count", 100)
    target.say("churn")
    known = {"main.churn.func1", "main.churn.func1.1", "main.call2", "main.receive", "main.deep",
             "main.call", "main.lock", "main.selectTwo", "main.main", "runtime.Gosched"}
    shown = moved = 0
    for _ in range(20):
        seen = json.loads(whyoom("goroutines", target.pid, "--json").stdout)
        moved += seen["evidence"]["moved_goroutines"]
        assert seen["evidence"]["unreadable_goroutines"] == 0
        for goroutine in seen["goroutines"]:
            if goroutine["system"] or goroutine["stack"] is None:
                continue
            frames = [frame["function"] for frame in seen["stacks"][goroutine["stack"]]["frames"]]
            main = [frame for frame in frames
                    if frame.startswith("main.") and "gowrap" not in frame]
            assert set(main) <= known, frames
            # One that has returned may be preempted on its way out.
            assert frames[-1] == goroutine["start"]["function"] or frames == ["runtime.goexit1"]
            if main[:1] == ["main.call2"]:
                assert 1 <= main.count("main.call2") <= 9
            shown += 1
    assert shown > 2000 and moved > 0


@pytest.mark.short
def test_what_cannot_be_done(whyoom, tmp_path):
    assert "give one process id" in whyoom("goroutines", code=USAGE).stderr
    assert "--rows takes a number" in whyoom("goroutines", 1, "-n", "x", code=USAGE).stderr
    assert "there is no process" in whyoom("goroutines", 2 ** 22, code=TARGET_ERROR).stderr


def test_a_file_that_cannot_be_written(whyoom, stacks, tmp_path):
    whyoom("goroutines", stacks.pid, "--stacks", "-o", tmp_path / "no" / "file", code=NOT_STORED)
    whyoom("goroutines", stacks.pid, "--stacks", "-o", "/dev/full", code=NOT_STORED)
    path = tmp_path / "dump.txt"
    whyoom("goroutines", stacks.pid, "--stacks", "-o", path)
    assert len(parse_dump(path.read_text())) > 35
    assert [item.name for item in tmp_path.iterdir()] == ["dump.txt"]
