# SPDX-License-Identifier: Apache-2.0
"""whyoom crash over the corpus of tests/crash: what each log has to say, in each wrapping."""

import functools
import json
import os
import random
import re
import signal
import subprocess
import sys

import pytest

from harness import (NEWEST_SERVICE, ROOT, TARGET_ERROR, USAGE, WHYOOM, program)

sys.path.insert(0, str(ROOT / "tests/crash"))
from platforms import PLATFORMS  # noqa: E402
from wrappings import WRAPPINGS  # noqa: E402

CRASH = ROOT / "tests/crash"
LOGS = sorted((CRASH / "logs").glob("*.log"))
TABLE = {row[0]: row for row in (line.split("\t") for line in
                                 (CRASH / "expected.tsv").read_text().splitlines()
                                 if not line.startswith("#"))}
WRAPPED = ["1.26.8-nil", "1.26.8-giant", "1.26.8-workers", "1.11.13-sigquit", "1.17.13-again",
           "1.26.8-mapwrites", "1.4.3-giant", "1.18-sigquit-gccgo", "1.17.13-sigsegv-windows"]


def crash(data, *arguments, code=0):
    done = subprocess.run([str(WHYOOM), "crash", *arguments], input=data, capture_output=True,
                          check=False)
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode()


def crashes(data):
    return json.loads(crash(data, "--json"))["crashes"]


def way_of(name):
    """(MINOR, WAY) of "1.26.8-nil-crash.log"."""
    version, rest = name.removesuffix(".log").split("-", 1)
    way = max((way for way in TABLE if rest == way or rest.startswith(way + "-")), key=len)
    return int(version.split(".")[1]), way


def place(frame):
    return f"{frame['file'].rsplit('/', 1)[-1]}:{frame['line']}" if frame else "-"


def check(found, way, minor):
    _, kinds, causes, own, recovered, asked = TABLE[way]
    assert found["kind"] in kinds.split("|")
    assert found["cause"] in causes.split("|")
    assert found["recovered"] == (recovered == "yes")
    if found["goroutines"]:
        assert place(found["own_frame"]) in own.split("|")
    version = found["go_version"]
    assert int((version["low"] or "1.0").split(".")[1]) <= minor
    assert minor <= int((version["high"] or "1.99").split(".")[1])
    if asked.isdigit() and found["goroutines"]:
        assert (found["asked"] or found["grew"])["bytes"] == int(asked)  # gccgo: no arguments


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_each_log_says_what_happened(log):
    minor, way = way_of(log.name)
    found = crashes(log.read_bytes())
    if way in ("mapwrites", "cache", "workers") and len(found) > 1:
        found = found[-1:]  # races before it; another thread that failed, too
    assert len(found) == 1
    check(found[0], way, minor)


def essence(found):
    """What has to be the same in every wrapping."""
    return {
        **{key: found[key] for key in ("kind", "cause", "goroutines", "fault_id", "own_frame",
                                       "asked", "grew", "in_use", "go_version")},
        "groups": [(group["count"], group["state"], group["ids"], group["created_by"],
                    [(frame["function"], frame["file"], frame["line"]) for frame in group["frames"]])
                   for group in found["groups"]],
    }


@functools.cache
def plain(name):
    """The lines of a log, and what is said of it as it is."""
    text = (CRASH / f"logs/{name}.log").read_text()
    expected, = crashes(text.encode())
    return text.rstrip("\n").split("\n"), essence(expected)


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("name", WRAPPED)
def test_wrappings(name, wrapping):
    lines, expected = plain(name)
    found = crashes(WRAPPINGS[wrapping](lines))
    assert len(found) == (2 if wrapping == "twice" else 1)
    for one in found:
        assert essence(one) == expected


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", WRAPPED)
def test_platforms(name, platform):
    lines, expected = plain(name)
    found, = crashes(PLATFORMS[platform](lines))
    assert essence(found) == expected


@pytest.mark.short
def test_a_giant_request_without_its_goroutine():
    found, = crashes((CRASH / "incidents/response-dump.log").read_bytes())
    assert found["cause"] == "out-of-memory"
    assert found["asked"] == {"bytes": 0x12fffff10, "from": "runtime.largeAlloc", "certain": True}
    assert found["grew"]["bytes"] == 0x130000000
    assert found["fault"] is None
    said = {finding["id"]: finding["text"] for finding in found["findings"]}
    assert "4.75 GiB" in said["giant-request"]
    assert "doubles" in said["growth"]
    assert "not in this log" in said["not-in-log"]
    assert "4.75 GiB" in found["headline"]
    assert found["go_version"]["low"] == found["go_version"]["high"] == "1.13"


@pytest.mark.short
def test_too_many_workers_as_it_was_published():
    found, = crashes((CRASH / "incidents/too-many-workers.log").read_bytes())
    assert found["fault_id"] == 65
    assert found["asked"]["bytes"] == 16 << 10 and found["grew"]["bytes"] == 64 << 20
    said = {finding["id"]: finding["text"] for finding in found["findings"]}
    assert "last straw" in said["last-straw"]
    assert "riot.(*Engine).ForSplitData (segment.go:53)" in said["third-party"]
    assert "github.com/go-ego/riot" in said["third-party"]
    assert "riot.(*Engine).Init (engine.go:331)" in said["creator"]
    assert "goblog/src/service.init.2.func1 (search_service.go:55)" in said["started-by"]
    assert "segmenterWorker" in said["parallelism"]
    assert found["goroutines"] == 11
    assert found["go_version"]["low"] == found["go_version"]["high"] == "1.11"
    owners = {frame["owner"] for group in found["groups"] for frame in group["frames"]}
    assert owners == {"own", "third-party", "standard-library", "runtime"}


KERNEL = """\
Nov 21 03:04:05 host kernel: shop invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
Nov 21 03:04:05 host kernel: CPU: 0 PID: 4314 Comm: shop Not tainted 6.1.0 #1
Nov 21 03:04:05 host kernel: memory: usage 32768kB, limit 32768kB, failcnt 19
Nov 21 03:04:05 host kernel: oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
oom_memcg=/docker/a,task_memcg=/docker/a,task=shop,pid=4314,uid=0
Nov 21 03:04:05 host kernel: Memory cgroup out of memory: Killed process 4314 (shop) total-vm:1234kB, \
anon-rss:31000kB, file-rss:12kB, shmem-rss:0kB, UID:0 pgtables:100kB oom_score_adj:0
"""


@pytest.mark.parametrize("prefix", ["Nov 21 03:04:05 host kernel: ", "[12345.678901] ",
                                    "[Sat Nov 21 03:04:05 2026] ", ""])
def test_kernel_blocks(prefix):
    text = KERNEL.replace("Nov 21 03:04:05 host kernel: ", prefix)
    found, = crashes(("boot\n" * 50 + text + "usb 1-1: new device\n").encode())
    assert found["kind"] == "kernel-oom"
    assert found["kernel"]["victim_pid"] == 4314
    assert found["kernel"]["limit_bytes"] == 32 << 20
    assert found["kernel"]["anon_rss_bytes"] == 31000 << 10


@pytest.mark.short
def test_cut_at_every_place():
    """Never a crash of ours, never two crashes out of one."""
    text = (CRASH / "logs/1.26.8-nil-crash.log").read_bytes()
    for end in random.Random(1).sample(range(len(text)), 60):
        for piece in (text[:end], text[end:]):
            done = subprocess.run([str(WHYOOM), "crash", "--json"], input=piece,
                                  capture_output=True, check=False)
            assert done.returncode in (0, TARGET_ERROR), done.stderr
            if done.returncode == 0:
                assert len(json.loads(done.stdout)["crashes"]) == 1


@pytest.mark.short
def test_several_crashes_of_several_containers_at_once():
    first = (CRASH / "logs/1.26.8-nil-crash.log").read_text().splitlines()
    second = (CRASH / "logs/1.11.13-sigquit.log").read_text().splitlines()
    lines = []
    for i in range(max(len(first), len(second))):
        lines += [f"a-1  | {first[i]}"] if i < len(first) else []
        lines += [f"b-1  | {second[i]}"] if i < len(second) else []
    found = {one["cause"]: one for one in crashes("\n".join(lines).encode())}
    assert set(found) == {"panic-nil", "signal-quit"}
    assert found["panic-nil"]["goroutines"] == 7
    assert found["signal-quit"]["goroutines"] == 29


def test_one_goroutine_and_the_restored_log():
    text = (CRASH / "logs/1.26.8-sigquit.log").read_text()
    wrapped = WRAPPINGS["docker-json"](text.rstrip("\n").split("\n"))
    one = crash(wrapped, "--goroutine", "1")
    assert one.startswith("goroutine 1 gp=") and "main.signalled" in one
    assert "goroutine 2" not in one
    assert text.startswith(one, text.index("goroutine 1 "))
    assert "goroutine 99999" in crash_error(wrapped, "--goroutine", "99999")
    raw = crash(wrapped, "--raw")
    assert raw.split() == text.split()


def crash_error(data, *arguments):
    done = subprocess.run([str(WHYOOM), "crash", *arguments], input=data, capture_output=True,
                          check=False)
    assert done.returncode == TARGET_ERROR
    return done.stderr.decode()


def test_a_log_without_a_crash_says_what_was_looked_for():
    said = crash_error(b"2026/11/21 all is well\n" * 1000)
    assert "no crash" in said and "1000 lines" in said and "panic:" in said
    assert "no crash" in crash_error(b"")
    assert "no crash" in crash_error(bytes(range(256)) * 99)


@pytest.mark.parametrize("arguments", [["a", "b"], ["--goroutine", "x"], ["-n", "0"],
                                       ["--no-such-option"]])
def test_usage(arguments):
    crash(b"", *arguments, code=USAGE)


def test_damaged_compression_still_says_what_came_before():
    text = (CRASH / "logs/1.26.8-nil-crash.log").read_text().rstrip("\n").split("\n")
    packed = WRAPPINGS["gzip"](text)
    report = json.loads(crash(packed[:-2000], "--json"))
    assert report["input_cut"]
    assert report["crashes"][0]["cause"] == "panic-nil"


def test_equal_goroutines_are_one_group_and_memory_is_bounded():
    block = ("goroutine {id} [chan receive, {minutes} minutes]:\n"
             "main.wait(0xc000{id:06x}, 0x{id:x}?)\n\t/home/dev/shop/main.go:12 +0x1f\n"
             "created by main.main in goroutine 1\n\t/home/dev/shop/main.go:30 +0x2a\n\n")
    text = "SIGQUIT: quit\n\n" + "".join(block.format(id=i, minutes=i % 100 + 1)
                                           for i in range(1, 50001))
    found, = crashes(text.encode())
    assert found["goroutines"] == 50000
    group, = found["groups"]
    assert group["count"] == 50000
    assert group["oldest_minutes"] == 100 and group["median_minutes"] in (50, 51)
    different = re.sub(r"main.wait\(0xc000(\w+)", r"main.wait\1(0xc000\1", text)
    found, = crashes(different.encode())
    assert found["goroutines"] == 50000
    assert sum(group["count"] for group in found["groups"]) + (found["left_out"] or 0) == 50000


def test_the_program_adds_lines_where_there_are_only_addresses():
    path = program("noprof", NEWEST_SERVICE)
    process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE,
                               env={**os.environ, "GOTRACEBACK": "system"})  # each frame's pc
    try:
        assert process.stdout.readline().startswith(b"ready")
        process.send_signal(signal.SIGQUIT)
        log = process.stderr.read()  # its input stays open meanwhile: at its end it would exit
    finally:
        process.kill()
        process.wait()
    # Frames that have called another function and are not inlined: their pc is a return address.
    places = re.findall(r"^\t(\S+):(\d+)(?: \+0x\w+ fp=\w+ sp=\w+ pc=(\w+))?$", log.decode(),
                        re.MULTILINE)
    called = [(file, int(line), pc) for (_, _, above), (file, line, pc) in zip(places, places[1:])
              if above and pc and file.endswith(".go")]
    assert called
    said = json.loads(crash(log, "--json", "--exe", path))["crashes"][0]
    assert said["go_version"]["exact"] == NEWEST_SERVICE
    assert any(".go:" in note or ".s:" in note for note in said["notes"])
    profile = "goroutine profile: total 1\n1 @ " + " ".join(
        pc for _, _, pc in called) + "\n"
    group, = json.loads(crash(profile.encode(), "--json", "--exe", path))["crashes"][0]["groups"]
    assert [(frame["file"], frame["line"]) for frame in group["frames"]] == [
        (file, line) for file, line, _ in called]


def test_a_program_that_is_none(tmp_path):
    log = CRASH / "logs/1.26.8-nil.log"
    (tmp_path / "text").write_text("no program")
    crash(b"", str(log), "--exe", str(tmp_path / "text"), code=TARGET_ERROR)
    crash(b"", str(log), "--exe", str(tmp_path / "absent"), code=TARGET_ERROR)
    crash(b"", str(log), "--exe", "/usr/bin/python3", code=TARGET_ERROR)


@pytest.mark.parametrize("piece", ["goroutine 1 [", "x.go:1 y.go:2 goroutine 1 ", '"\\', '{"log":"',
                                   '"a":"panic: ', "  a", "&lt;<&", "#012goroutine 1 [running]:"])
def test_long_hostile_lines_end(piece):
    """Work that grows with the square of a line's length would reach the sandbox's limit of time."""
    line = ("panic: " + piece * ((2 << 20) // len(piece)) + "\n").encode()
    done = subprocess.run([str(WHYOOM), "crash"], input=line * 2, capture_output=True, check=False)
    assert done.returncode in (0, TARGET_ERROR), done.stderr[:500]
