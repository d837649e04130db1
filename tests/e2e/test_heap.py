# SPDX-License-Identifier: Apache-2.0
"""`whyoom heap` says what the target's own profile says, number for number and line for line."""

import json
import re
import subprocess
from collections import Counter

import pytest

from harness import MIB, NOT_STORED, TARGET_ERROR, UNSUPPORTED, WHYOOM, minor_of, run_pprof

COUNTS = ("alloc_objects", "alloc_bytes", "inuse_objects", "inuse_bytes")
DEFAULT_RATE = 512 * 1024
RATES = [1, 512, DEFAULT_RATE]
EVERYTHING = ["-nodecount=0", "-nodefraction=0", "-edgefraction=0"]


def rate_of(rate):
    return {"GODEBUG": f"memprofilerate={rate}"}


def at_rest(start, version, rate=1, name="allocs"):
    target = start(name, version, env=rate_of(rate))
    target.say("rest")
    return target


def buckets_of(whyoom, target):
    return json.loads(whyoom("heap", target.pid, "--json", "--all").stdout)


def counted(records, counts_of):
    """{(stack, counts): how often}, without records that count nothing."""
    rows = Counter()
    for record in records:
        counts = tuple(counts_of(record)[name] for name in COUNTS)
        frames = tuple((f["pc"], f["function"], f["file"], f["line"]) for f in record["stack"])
        if any(counts):
            rows[frames, counts] += 1
    return rows


def assert_same_buckets(seen, target, rate, tmp_path):
    truth = target.ask_json("memprofile", tmp_path / "memprofile.json")
    assert truth["rate"] == rate
    assert seen["rate"] == rate
    assert seen["evidence"]["damaged_buckets"] == seen["evidence"]["failed_reads"] == 0
    ours = counted(seen["buckets"], lambda bucket: bucket["published"])
    theirs = counted(truth["records"], lambda record: record)
    assert ours
    assert ours - theirs == Counter(), "whyoom shows what the target does not have"
    assert theirs - ours == Counter(), "whyoom lacks what the target has"


@pytest.mark.parametrize("rate", RATES)
def test_equals_the_targets_own_profile(whyoom, start, version, rate, tmp_path):
    target = at_rest(start, version, rate)
    assert_same_buckets(buckets_of(whyoom, target), target, rate, tmp_path)


@pytest.mark.short
def test_bucket_sizes_and_depths(whyoom, start, version, tmp_path):
    target = at_rest(start, version)
    seen = buckets_of(whyoom, target)
    assert_same_buckets(seen, target, 1, tmp_path)
    for bucket in seen["buckets"]:
        for side in ("published", "now"):
            counts = bucket[side]
            assert counts["alloc_bytes"] == counts["alloc_objects"] * bucket["size"]
            assert counts["inuse_bytes"] == counts["inuse_objects"] * bucket["size"]
    deepest = max(len(bucket["stack"]) for bucket in seen["buckets"])
    # The runtime cuts at 32 before Go 1.23, at 128 (and a few of its own frames) after.
    assert deepest == 32 if minor_of(version) < 23 else deepest >= 128


def grown(bucket):
    """Of the blocks that "grow" makes; the same calls also allocate a little for the collector."""
    return (bucket["size"] == MIB and
            {"main.grow", "main.touched"} <= {frame["function"] for frame in bucket["stack"]})


@pytest.mark.short
def test_now_holds_what_is_not_published_yet(whyoom, start, version):
    target = at_rest(start, version)
    target.say("grow 64")
    buckets = list(filter(grown, buckets_of(whyoom, target)["buckets"]))
    now = Counter()
    for bucket in buckets:
        now.update(bucket["now"])
        assert all(bucket["published"][name] <= bucket["now"][name] for name in COUNTS)
    assert now["inuse_bytes"] == now["alloc_bytes"] == 64 * MIB
    assert sum(bucket["published"]["inuse_bytes"] for bucket in buckets) < 64 * MIB

    target.say("rest")  # publishes all of it
    for bucket in filter(grown, buckets_of(whyoom, target)["buckets"]):
        assert bucket["published"] == bucket["now"]
        now.subtract(bucket["published"])
    assert not any(now.values())


def test_now_is_what_is_published_at_rest(whyoom, start, version):
    target = at_rest(start, version)
    buckets = [bucket for bucket in buckets_of(whyoom, target)["buckets"]
               if "main.allocateEverything" in {frame["function"] for frame in bucket["stack"]}]
    assert len(buckets) > 300
    for bucket in buckets:
        assert bucket["published"] == bucket["now"]


def both_profiles(whyoom, target, tmp_path):
    ours, theirs = tmp_path / "ours.pb.gz", tmp_path / "theirs.pb.gz"
    whyoom("heap", target.pid, "-o", ours)
    target.say(f"heap {theirs}")
    return ours, theirs


def printed(arguments, path):
    """Without the stacks that count nothing, of which the target makes more in order to answer."""
    lines = run_pprof(*arguments, *EVERYTHING, path)
    if "-traces" not in arguments:
        return lines
    stacks = re.split(r"^-+\+-+\n", "\n".join(lines) + "\n", flags=re.MULTILINE)
    return [stack for stack in stacks if not re.search(r"^ +0   ", stack, re.MULTILINE)]


def assert_pprof_prints_the_same(ours, theirs, *arguments):
    expected = printed(arguments, theirs)
    assert len(expected) > 6
    assert printed(arguments, ours) == expected


@pytest.mark.parametrize("arguments", [
    ["-top"],
    ["-top", "-sample_index=alloc_space"],
    ["-top", "-sample_index=alloc_objects"],
    ["-top", "-sample_index=inuse_objects"],
    ["-top", "-cum"],
    ["-tree"],
    ["-traces"],
    ["-peek", r"main\."],
    ["-peek", r"main\.", "-sample_index=alloc_space"],
], ids=" ".join)
@pytest.mark.parametrize("rate", [1, DEFAULT_RATE])
def test_pprof_prints_the_same(whyoom, start, version, rate, arguments, tmp_path):
    ours, theirs = both_profiles(whyoom, at_rest(start, version, rate), tmp_path)
    assert_pprof_prints_the_same(ours, theirs, *arguments)


def by_line(path, *arguments):
    """{(function, file and line): [flat, cum]} of -top -lines.

    Go's own writer keeps one file for each name of a function. That is wrong for the initialisers
    of a package, which are one function with pieces from many files: theirs count by line only.
    """
    rows = {}
    for line in run_pprof("-top", "-lines", *arguments, *EVERYTHING, path):
        words = line.split()
        if len(words) < 7 or "/" not in words[-1 - (words[-1] == "(inline)")]:
            continue
        inlined = words[-1] == "(inline)"
        function, place = " ".join(words[5:-1 - inlined]), words[-1 - inlined]
        if function.endswith(".init"):
            place = place.rpartition(":")[2]
        sums = rows.setdefault((function, place, inlined), [0, 0])
        sums[0] += int(words[0])
        sums[1] += int(words[3])
    return rows


@pytest.mark.parametrize("index", ["alloc_objects", "inuse_objects"])
def test_pprof_prints_the_same_lines(whyoom, start, version, index, tmp_path):
    ours, theirs = both_profiles(whyoom, at_rest(start, version), tmp_path)
    expected = by_line(theirs, f"-sample_index={index}")
    assert len(expected) > 100
    assert by_line(ours, f"-sample_index={index}") == expected


@pytest.mark.short
def test_position_independent_program(whyoom, start, tmp_path):
    target = at_rest(start, "1.26.8", 1, "allocs-pie")
    ours, theirs = both_profiles(whyoom, target, tmp_path)
    for arguments in (["-top"], ["-peek", r"main\."], ["-traces"]):
        assert_pprof_prints_the_same(ours, theirs, *arguments)
    target.say("rest")
    assert_same_buckets(buckets_of(whyoom, target), target, 1, tmp_path)


@pytest.mark.short
def test_reads_while_the_target_churns(whyoom, start, version):
    """The runtime makes buckets, and maps memory for them, while they are read."""
    for _ in range(3):
        target = start("allocs", version, env=rate_of(1))
        target.say("churn on")
        for _ in range(8):
            seen = buckets_of(whyoom, target)
            assert seen["evidence"]["damaged_buckets"] == 0
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
    table = out[out.index("function\n"):].splitlines()
    assert "main.touched  main.go:" in table[1]
    assert "published" in out and "now" in out
    assert "\x1b" not in out


@pytest.mark.short
def test_profiler_linked_out(whyoom, start, version):
    target = start("noprof", version)
    failed = whyoom("heap", target.pid, code=UNSUPPORTED)
    assert "linker left the memory profiler out" in failed.stderr
    assert "net/http/pprof" in failed.stderr, "what helps"
    assert 'an import of "runtime/pprof" alone does not' in failed.stderr, "as noprof has it"


@pytest.mark.short
def test_profiling_rate_zero(whyoom, start, version):
    target = start("rate0", version)
    failed = whyoom("heap", target.pid, code=UNSUPPORTED)
    assert "MemProfileRate is 0" in failed.stderr


@pytest.mark.short
@pytest.mark.parametrize("rate", [1, DEFAULT_RATE])
def test_stripped_program(whyoom, start, version, rate, tmp_path):
    target = at_rest(start, version, rate, "allocs-stripped")
    assert_same_buckets(buckets_of(whyoom, target), target, rate, tmp_path)


@pytest.mark.short
@pytest.mark.parametrize("name", ["noprof-stripped", "rate0-stripped"])
def test_stripped_program_without_a_profile(whyoom, start, version, name):
    target = start(name, version)
    failed = whyoom("heap", target.pid, code=UNSUPPORTED)
    why = "linker left the memory profiler out" if "noprof" in name else "MemProfileRate is 0"
    assert why in failed.stderr


def test_failure_writes_no_file(whyoom, start, tmp_path):
    target = start("noprof", "1.26.8")
    whyoom("heap", target.pid, "-o", tmp_path / "none.pb.gz", code=UNSUPPORTED)
    assert not list(tmp_path.glob("none*"))


# Where the profile goes.

@pytest.fixture
def resting(start):
    return at_rest(start, "1.26.8")


def assert_not_stored(whyoom, target, path, word, prefix=()):
    failed = whyoom("heap", target.pid, "-o", path, code=NOT_STORED, prefix=prefix)
    assert word in failed.stderr and str(path) in failed.stderr
    assert failed.stdout == ""


def test_output_replaces_an_older_file_at_once(whyoom, resting, tmp_path):
    path = tmp_path / "heap.pb.gz"
    path.write_text("old")
    reader = path.open()
    whyoom("heap", resting.pid, "-o", path)
    assert reader.read() == "old"
    assert run_pprof("-top", path)
    assert list(tmp_path.iterdir()) == [path]


def test_output_to_standard_output(whyoom, resting, tmp_path):
    path = tmp_path / "heap.pb.gz"
    whyoom("heap", resting.pid, "-o", path)
    command = 'exec "$0" heap "$1" -o - > "$2"'
    subprocess.run(["sh", "-c", command, WHYOOM, str(resting.pid), tmp_path / "copy"],
                   check=True, timeout=60)
    assert run_pprof("-top", tmp_path / "copy") == run_pprof("-top", path)


@pytest.mark.short
def test_output_to_a_full_disk(whyoom, resting, tmpfs):
    folder = tmpfs("size=16k")
    assert_not_stored(whyoom, resting, folder / "heap.pb.gz", "No space left")
    assert not list(folder.iterdir())


@pytest.mark.short
def test_output_beyond_the_limit_on_file_sizes(whyoom, resting, tmp_path):
    path = tmp_path / "heap.pb.gz"
    assert_not_stored(whyoom, resting, path, "File too large", prefix=("prlimit", "--fsize=4096"))
    assert not list(tmp_path.iterdir())


def test_output_to_a_read_only_disk(whyoom, resting, tmpfs):
    assert_not_stored(whyoom, resting, tmpfs("ro") / "heap.pb.gz", "Read-only")


def test_output_where_no_file_can_be(whyoom, resting, tmp_path):
    assert_not_stored(whyoom, resting, tmp_path / "none" / "heap.pb.gz", "No such file")
    assert_not_stored(whyoom, resting, tmp_path, "Is a directory")
    assert not list(tmp_path.iterdir())


def test_output_to_devices_and_links_leaves_them_what_they_are(whyoom, resting, tmp_path):
    full, null, link = (tmp_path / name for name in ("full", "null", "link"))
    if subprocess.run(["mknod", full, "c", "1", "7"], capture_output=True).returncode != 0:
        pytest.skip("no permission to make devices")
    subprocess.run(["mknod", null, "c", "1", "3"], check=True)
    link.symlink_to(tmp_path / "linked.pb.gz")
    link.resolve().write_bytes(b"")
    assert_not_stored(whyoom, resting, full, "No space left")
    for path in (null, link):
        whyoom("heap", resting.pid, "-o", path)
    assert full.is_char_device() and null.is_char_device() and link.is_symlink()
    assert run_pprof("-top", link.resolve())
    assert len(list(tmp_path.iterdir())) == 4


# What grew.

def grown_profiles(whyoom, start, version, rate, tmp_path):
    target = at_rest(start, version, rate)
    before, after = tmp_path / "before.pb.gz", tmp_path / "after.pb.gz"
    whyoom("heap", target.pid, "-o", before)
    target.say("grow 100")
    target.say("rest")
    whyoom("heap", target.pid, "-o", after)
    return before, after


@pytest.mark.short
@pytest.mark.parametrize("rate", [1, DEFAULT_RATE])
def test_diff_names_what_grew_first(whyoom, start, version, rate, tmp_path):
    before, after = grown_profiles(whyoom, start, version, rate, tmp_path)
    lines = whyoom("heap", "--diff", before, after).stdout.splitlines()
    heading = next(i for i, line in enumerate(lines) if line.endswith("function"))
    assert "main.touched" in lines[heading + 1]
    seen = json.loads(whyoom("heap", "--diff", before, after, "--json").stdout)
    assert seen["type"] == "now_space" and seen["unit"] == "bytes"
    first = seen["stacks"][0]
    assert [frame["function"] for frame in first["stack"][:2]] == ["main.touched", "main.grow"]
    sampled_least = 50 * MIB  # of 100: what the default rate sees scatters
    assert first["delta"] == first["after"] - first["before"] > sampled_least
    # The collector's own few bytes are allocated below the same calls, and its frames hidden.
    assert rate != 1 or 0 <= first["delta"] - 100 * MIB < 4096


def test_diff_by_type(whyoom, start, tmp_path):
    before, after = grown_profiles(whyoom, start, "1.26.8", 1, tmp_path)
    arguments = ["heap", "--diff", before, after, "--json", "--type"]
    seen = json.loads(whyoom(*arguments, "inuse_objects").stdout)
    assert 100 <= seen["stacks"][0]["delta"] < 110 and seen["unit"] == "count"
    failed = whyoom(*arguments, "no_such_type", code=TARGET_ERROR)
    assert "no_such_type" in failed.stderr and "inuse_objects" in failed.stderr


def test_diff_with_a_profile_that_the_target_wrote(whyoom, start, version, tmp_path):
    ours, theirs = both_profiles(whyoom, at_rest(start, version), tmp_path)
    seen = json.loads(whyoom("heap", "--diff", ours, theirs, "--json", "-n", "10000").stdout)
    # Where Go names another file, the same stack is another one: only the sums are the same.
    assert seen["type"] == "inuse_space"
    assert seen["total_before"] == seen["total_after"] > 0
    assert sum(row["delta"] for row in seen["stacks"]) == 0


def test_diff_of_a_profile_with_itself(whyoom, start, tmp_path):
    ours, _ = both_profiles(whyoom, at_rest(start, "1.26.8"), tmp_path)
    seen = json.loads(whyoom("heap", "--diff", ours, ours, "--json").stdout)
    assert not any(row["delta"] for row in seen["stacks"])


@pytest.mark.short
@pytest.mark.parametrize("content", [
    b"", b"garbage", b"\x1f\x8b", b"\x1f\x8b\x08\0\0\0\0\0\0\3 garbage", b"\xff" * 5000, bytes(5000),
], ids=["empty", "text", "gzip cut", "gzip damaged", "ones", "zeros"])
@pytest.mark.parametrize("place", [0, 1], ids=["before", "after"])
def test_diff_of_garbage(whyoom, start, tmp_path, content, place):
    good = tmp_path / "good.pb.gz"
    whyoom("heap", at_rest(start, "1.26.8").pid, "-o", good)
    files = [good, good]
    files[place] = tmp_path / "bad.pb.gz"
    files[place].write_bytes(content)
    failed = whyoom("heap", "--diff", *files, code=TARGET_ERROR)
    assert str(files[place]) in failed.stderr and failed.stdout == ""


def test_diff_of_a_cut_profile(whyoom, start, tmp_path):
    good, bad = tmp_path / "good.pb.gz", tmp_path / "bad.pb.gz"
    whyoom("heap", at_rest(start, "1.26.8").pid, "-o", good)
    whole = good.read_bytes()
    for size in range(1, len(whole), len(whole) // 16):
        bad.write_bytes(whole[:size])
        assert str(bad) in whyoom("heap", "--diff", good, bad, code=TARGET_ERROR).stderr


def test_diff_of_a_file_that_is_not_there(whyoom, tmp_path):
    failed = whyoom("heap", "--diff", tmp_path / "a", tmp_path / "b", code=TARGET_ERROR)
    assert str(tmp_path / "a") in failed.stderr
