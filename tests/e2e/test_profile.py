# SPDX-License-Identifier: Apache-2.0
"""`whyoom profile PID KIND` is what the target writes of that kind, number for number."""

import json

import pytest

from harness import TARGETS, UNSUPPORTED, USAGE, VERSIONS, Target, minor_of, run_pprof
from test_heap import at_rest, rate_of
from traces import EVERYTHING, frames_kept_by, traces_of


def contend(target, version, block_rate=1, mutex_fraction=3):
    """Go 1.19 and earlier scale a mutex profile by the fraction of the moment: it stays as it was
    there. Later the runtime's own locks may get into the profile: it is switched off."""
    after = mutex_fraction if minor_of(version) < 20 else 0
    target.say(f"contend {block_rate} {mutex_fraction} {after}")


def both(whyoom, target, kind, folder):
    ours, theirs = folder / f"ours-{kind}.pb.gz", folder / f"theirs-{kind}.pb.gz"
    target.say(f"{kind} {theirs}")  # first: it makes the target compare its clocks
    whyoom("profile", target.pid, kind, "-o", ours)
    return ours, theirs


def assert_same_contention(whyoom, target, version, kind, folder):
    ours, theirs = both(whyoom, target, kind, folder)
    for sample_type in ("contentions", "delay"):
        expected = traces_of(theirs, sample_type)
        assert expected
        # Go cuts stacks, whyoom does not.
        assert traces_of(ours, sample_type, frames_kept_by(version)) == expected
    return ours, theirs


@pytest.mark.short
@pytest.mark.parametrize("rates", [(1, 1), (1, 3), (300_000, 2)], ids=str)
@pytest.mark.parametrize("kind", ["block", "mutex"])
def test_contention_is_what_the_target_writes(whyoom, start, version, kind, rates, tmp_path):
    target = start("allocs", version)
    contend(target, version, *rates)
    ours, theirs = assert_same_contention(whyoom, target, version, kind, tmp_path)
    top = run_pprof("-top", *EVERYTHING, ours)
    assert len(top) > 6 and top == run_pprof("-top", *EVERYTHING, theirs)


def test_nobody_asked_the_target_for_it_yet(whyoom, start, version, tmp_path):
    """Then the program has not compared its clocks, and whyoom does."""
    target = start("allocs", version)
    contend(target, version)
    ours, theirs = tmp_path / "ours.pb.gz", tmp_path / "theirs.pb.gz"
    whyoom("profile", target.pid, "block", "-o", ours)
    target.say(f"block {theirs}")
    assert traces_of(ours, "contentions", frames_kept_by(version)) == \
        traces_of(theirs, "contentions")

    def total(path):
        return sum(value * count for (value, _), count in traces_of(path, "delay").items())

    assert total(ours) == pytest.approx(total(theirs), rel=0.01)


@pytest.mark.parametrize("kind", ["block", "mutex"])
def test_stacks_are_whole(whyoom, start, version, kind, tmp_path):
    """Of 1,010 calls below each other, with GODEBUG=profstackdepth=1024."""
    if minor_of(version) < 23:
        pytest.skip("Go keeps 32 frames before 1.23")
    target = start("allocs", version, env={"GODEBUG": "profstackdepth=1024"})
    contend(target, version, 1, 1)
    ours, theirs = both(whyoom, target, kind, tmp_path)
    assert traces_of(ours, "delay") == traces_of(theirs, "delay")
    assert max(len(frames) for _, frames in traces_of(ours, "delay")) > 1010


@pytest.mark.short
def test_deep_allocations_are_whole(whyoom, start, version, tmp_path):
    if minor_of(version) < 23:
        pytest.skip("Go keeps 32 frames before 1.23")
    target = start("allocs", version, env={"GODEBUG": "profstackdepth=1024,memprofilerate=1"})
    target.say("rest")
    seen = json.loads(whyoom("heap", target.pid, "--json", "--all").stdout)
    # main.allocateStacks calls 200 below each other and allocates there.
    descents = {sum(frame["function"] == "main.descend" for frame in bucket["stack"])
                for bucket in seen["buckets"]}
    assert {127, 128, 129, 200} <= descents
    ours, theirs = tmp_path / "ours.pb.gz", tmp_path / "theirs.pb.gz"
    whyoom("profile", target.pid, "allocs", "-o", ours)
    target.say(f"heap {theirs}")
    assert_same_stacks_that_count(ours, theirs, "alloc_space")


def assert_same_stacks_that_count(ours, theirs, sample_type):
    def counting(path):
        return {key: count for key, count in traces_of(path, sample_type).items() if key[0]}

    assert len(counting(theirs)) > 100
    assert counting(ours) == counting(theirs)


def test_allocs_is_the_heap_profile_by_what_was_allocated(whyoom, start, version, tmp_path):
    target = at_rest(start, version)
    path = tmp_path / "allocs.pb.gz"
    whyoom("profile", target.pid, "allocs", "-o", path)
    assert "Type: alloc_space" in run_pprof("-top", path)
    whyoom("profile", target.pid, "heap", "-o", path)
    assert "Type: inuse_space" in run_pprof("-top", path)
    theirs = tmp_path / "theirs.pb.gz"
    target.say(f"heap {theirs}")
    assert_same_stacks_that_count(path, theirs, "alloc_space")


@pytest.mark.short
@pytest.mark.parametrize("kind, word", [("block", "SetBlockProfileRate"),
                                        ("mutex", "SetMutexProfileFraction")])
def test_a_profile_that_was_never_on(whyoom, start, version, kind, word):
    failed = whyoom("profile", start("allocs", version).pid, kind, code=UNSUPPORTED)
    assert f"keeps no {kind} profile" in failed.stderr and word in failed.stderr


def test_text_and_json_name_what_took_longest(whyoom, start, version):
    target = start("allocs", version)
    contend(target, version)
    text = whyoom("profile", target.pid, "mutex").stdout
    # Which of its locks were fought for, and how long, is the scheduler's business.
    assert " delay in " in text and "internal/contention." in text
    seen = json.loads(whyoom("profile", target.pid, "mutex", "--json").stdout)
    assert seen["units"] == {"contentions": "count", "delay": "nanoseconds"}
    delays = [row["values"]["delay"] for row in seen["stacks"]]
    assert delays == sorted(delays, reverse=True) and delays[-1] > 0
    assert seen["evidence"]["damaged_buckets"] == 0


# Goroutines that the runtime has found to be leaked.

LEAKS = ["1.26.11-goroutineleakprofile", "1.27.4"]


@pytest.mark.parametrize("version", LEAKS)
def test_leaked_goroutines(whyoom, request, version, tmp_path):
    program = TARGETS / f"go{version}" / "allocs"
    if not program.exists():
        pytest.skip("built by ./dev test --all")
    target = Target(program, env=rate_of(1))
    request.addfinalizer(target.stop)
    target.say("leak 3")
    before = json.loads(whyoom("profile", target.pid, "goroutineleak", "--json").stdout)
    assert before["stacks"] == [], "nobody has looked yet"
    theirs, ours = tmp_path / "theirs.pb.gz", tmp_path / "ours.pb.gz"
    target.say(f"leaked {theirs}")
    whyoom("profile", target.pid, "goroutineleak", "-o", ours)
    found = traces_of(ours, "goroutineleak")
    assert found == traces_of(theirs, "goroutineleak")
    ours_are = sum(value for value, frames in found if any("receive" in name for name in frames))
    assert ours_are == 3
    assert sum(value for value, _ in found) > 3, "and those that the program always has"


def test_leaks_that_this_version_cannot_find(whyoom, start):
    old = next(version for version in VERSIONS if minor_of(version) < 26)
    failed = whyoom("profile", start("allocs", old).pid, "goroutineleak", code=UNSUPPORTED)
    assert "goroutineLeak" in failed.stderr and "1.27" in failed.stderr


@pytest.mark.short
def test_what_is_no_kind(whyoom, start):
    assert "there is no kind cpu" in whyoom("profile", 1, "cpu", code=USAGE).stderr
    assert "give one process id" in whyoom("profile", 1, code=USAGE).stderr
