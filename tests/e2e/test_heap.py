# SPDX-License-Identifier: Apache-2.0
"""`whyoom heap` says what the target's own profile says, number for number and line for line."""

import json
import os
import subprocess
from collections import Counter

import pytest

from harness import TARGET_ERROR, UNSUPPORTED, VERSIONS, Target, program, run_pprof

COUNTS = ("alloc_objects", "alloc_bytes", "inuse_objects", "inuse_bytes")
DEFAULT_RATE = 512 * 1024
RATES = [1, 512, DEFAULT_RATE]


def at_rest(start, version, rate=1, name="allocs"):
    target = start(name, version, env={"GODEBUG": f"memprofilerate={rate}"})
    target.say("rest")
    return target


def counted(records, counts_of):
    """{(stack, counts): how often}, without records that count nothing."""
    rows = Counter()
    for record in records:
        counts = tuple(counts_of(record)[name] for name in COUNTS)
        frames = tuple((f["pc"], f["function"], f["file"], f["line"]) for f in record["stack"])
        if any(counts):
            rows[frames, counts] += 1
    return rows


def assert_same_buckets(whyoom, target, rate, tmp_path):
    seen = json.loads(whyoom("heap", target.pid, "--json", "--all").stdout)
    truth = target.ask_json("memprofile", tmp_path / "memprofile.json")
    assert truth["rate"] == rate
    assert seen["rate"] == rate
    ours = counted(seen["buckets"], lambda bucket: bucket["published"])
    theirs = counted(truth["records"], lambda record: record)
    assert ours - theirs == Counter(), "whyoom shows what the target does not have"
    assert theirs - ours == Counter(), "whyoom lacks what the target has"
    return seen


@pytest.mark.parametrize("rate", RATES)
def test_equals_the_targets_own_profile(whyoom, start, version, rate, tmp_path):
    assert_same_buckets(whyoom, at_rest(start, version, rate), rate, tmp_path)


@pytest.mark.short
def test_equals_the_profile_of_a_position_independent_program(whyoom, start, tmp_path):
    assert_same_buckets(whyoom, at_rest(start, "1.26.8", 1, "allocs-pie"), 1, tmp_path)


@pytest.mark.short
def test_bucket_sizes_and_depths(whyoom, start, version, tmp_path):
    seen = assert_same_buckets(whyoom, at_rest(start, version), 1, tmp_path)
    for bucket in seen["buckets"]:
        for side in ("published", "now"):
            counts = bucket[side]
            assert counts["alloc_bytes"] == counts["alloc_objects"] * bucket["size"]
            assert counts["inuse_bytes"] == counts["inuse_objects"] * bucket["size"]
    deepest = max(len(bucket["stack"]) for bucket in seen["buckets"])
    # The runtime cuts at 32 before Go 1.23, at 128 (and a few of its own frames) after.
    assert deepest == 32 if version.startswith("1.22.") else deepest >= 128


def test_now_holds_what_is_not_published_yet(whyoom, start, version, tmp_path):
    target = at_rest(start, version)
    target.say("grow 64")
    seen = json.loads(whyoom("heap", target.pid, "--json", "--all").stdout)
    grown = [b for b in seen["buckets"]
             if {"main.grow", "main.touched"} <= {f["function"] for f in b["stack"]}]
    published = sum(b["published"]["inuse_bytes"] for b in grown)
    now = sum(b["now"]["inuse_bytes"] for b in grown)
    assert now == 64 << 20
    assert published <= now


@pytest.mark.parametrize("arguments", [
    ["-top"],
    ["-top", "-sample_index=alloc_space"],
    ["-top", "-sample_index=inuse_objects"],
    ["-top", "-cum", "-lines", "-sample_index=alloc_objects"],
    ["-tree"],
    ["-peek", r"main\."],
], ids=lambda arguments: " ".join(arguments))
@pytest.mark.parametrize("rate", [1, DEFAULT_RATE])
def test_pprof_prints_the_same(whyoom, start, version, rate, arguments, tmp_path):
    target = at_rest(start, version, rate)
    ours, theirs = tmp_path / "ours.pb.gz", tmp_path / "theirs.pb.gz"
    whyoom("heap", target.pid, "-o", ours)
    target.say(f"heap {theirs}")
    everything = ["-nodecount=0", "-nodefraction=0", "-edgefraction=0"]
    expected = run_pprof(*arguments, *everything, theirs)
    assert len(expected) > 3
    assert run_pprof(*arguments, *everything, ours) == expected


@pytest.mark.short
def test_reads_while_the_target_churns(whyoom, start, version):
    target = start("allocs", version)
    target.say("churn on")
    for _ in range(10):
        seen = json.loads(whyoom("heap", target.pid, "--json", "--all").stdout)
        for bucket in seen["buckets"]:
            assert all(bucket["published"][name] >= 0 for name in COUNTS)
            assert all(frame["function"] for frame in bucket["stack"])
    target.say("rest")


@pytest.mark.short
def test_terminal_output_names_the_top_holder(whyoom, start, version):
    target = start("allocs", version)
    target.say("grow 200")
    target.say("rest")
    out = whyoom("heap", target.pid).stdout
    assert "main.touched" in out
    assert "published" in out.lower() and "now" in out.lower()
    assert "\x1b" not in out


@pytest.mark.short
def test_profiler_linked_out(whyoom, start, version):
    target = start("noprof", version)
    failed = whyoom("heap", target.pid, code=UNSUPPORTED)
    assert "profiler" in failed.stderr and "linked out" in failed.stderr


@pytest.mark.short
def test_profiling_rate_zero(whyoom, start, version):
    target = start("rate0", version)
    failed = whyoom("heap", target.pid, code=UNSUPPORTED)
    assert "MemProfileRate" in failed.stderr


@pytest.mark.short
def test_stripped_program(whyoom, start, version):
    target = start("allocs-stripped", version)
    failed = whyoom("heap", target.pid, code=UNSUPPORTED)
    assert "stripped" in failed.stderr


def test_failure_writes_no_file(whyoom, start, tmp_path):
    target = start("noprof", "1.26.8")
    whyoom("heap", target.pid, "-o", tmp_path / "none.pb.gz", code=UNSUPPORTED)
    assert not list(tmp_path.glob("none*"))


@pytest.mark.short
def test_not_a_process(whyoom):
    failed = whyoom("heap", 2 ** 22 + 1, code=TARGET_ERROR)  # above the kernel's highest pid
    assert "no such process" in failed.stderr.lower()


@pytest.mark.short
def test_not_a_go_program(whyoom):
    sleeper = subprocess.Popen(["/bin/sleep", "60"])
    try:
        failed = whyoom("heap", sleeper.pid, code=TARGET_ERROR)
    finally:
        sleeper.kill()
        sleeper.wait()
    assert "not a go program" in failed.stderr.lower()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to give up")
def test_no_permission_names_the_capability(whyoom, start):
    target = start("allocs", "1.26.8")
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    failed = whyoom("heap", target.pid, code=TARGET_ERROR, prefix=powerless)
    assert "CAP_SYS_PTRACE" in failed.stderr


def test_program_deleted_while_it_runs(whyoom, start, tmp_path, request):
    """The executable is read through /proc/PID/exe, so an upgrade on disk does not matter."""
    copy = tmp_path / "allocs"
    copy.write_bytes(program("allocs", VERSIONS[-1]).read_bytes())
    copy.chmod(0o755)
    target = Target(copy, env={"GODEBUG": "memprofilerate=1"})
    request.addfinalizer(target.stop)
    copy.unlink()
    target.say("rest")
    assert_same_buckets(whyoom, target, 1, tmp_path)


def test_diff_of_two_profiles(whyoom, start, version, tmp_path):
    target = at_rest(start, version, DEFAULT_RATE)
    before, after = tmp_path / "before.pb.gz", tmp_path / "after.pb.gz"
    whyoom("heap", target.pid, "-o", before)
    target.say("grow 100")
    target.say("rest")
    whyoom("heap", target.pid, "-o", after)
    out = whyoom("heap", "--diff", before, after).stdout
    assert "main.touched" in out
    json.loads(whyoom("heap", "--diff", before, after, "--json").stdout)
