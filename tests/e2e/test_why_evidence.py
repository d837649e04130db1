# SPDX-License-Identifier: Apache-2.0
"""`whyoom why` over any evidence: two instants, the facts, incidents, bundles, reports, profiles,
crash logs; pairs that do not belong together; files that anybody may have written."""

import json
import os
import pty
import random
import re
import shutil
import subprocess
import time

import pytest

from harness import MIB, OK, TARGET_ERROR, USAGE, WHYOOM

VERSION = "1.26.8"
LEAK = "main.(*leakyCache).remember"


@pytest.fixture
def leaking(start):
    target = start("leak", VERSION, "-rate", "40", "-warm", "60", "-await")
    target.process.stdin.write("\n")
    target.process.stdin.flush()
    return target


def verdict_of(result):
    return json.loads(result.stdout)["verdict"]


@pytest.mark.short
def test_two_instants_tell_who_grows(whyoom, leaking):
    verdict = verdict_of(whyoom("why", leaking.pid, "--for", "4s", "--json"))
    assert verdict["status"] == "cause", verdict
    assert verdict["guilty"]["function"] == LEAK
    assert verdict["grown_bytes"] > 20 * MIB
    assert re.fullmatch("[0-9a-f]{16}", verdict["fingerprint"])
    assert verdict["fix"] and verdict["refuted_by"] and verdict["steps"]
    assert any("flatCache" in line for line in verdict["rejected"]) or verdict["share"] > 0.5


@pytest.mark.short
def test_facts(whyoom, leaking):
    text = whyoom("why", leaking.pid, "--for", "1s", "--facts").stdout
    assert re.search(r"^heap\.alloc +\S+ \S+", text, re.MULTILINE)
    assert LEAK in text
    seen = json.loads(whyoom("why", leaking.pid, "--for", "1s", "--facts", "--json").stdout)
    for name in ("memory", "heap.alloc", "gc.percent", "goroutines", "threads", "fds"):
        fact = seen["numbers"][name]
        assert fact["before"] is not None and fact["unit"], name
    assert seen["numbers"]["gc.percent"]["value"] == 100
    assert seen["numbers"]["heap.alloc"]["value"] > seen["numbers"]["heap.alloc"]["before"]
    assert "limit" not in seen["numbers"] or seen["numbers"]["limit"]["value"] > 0
    assert any(site["function"] == LEAK for site in seen["sites"])


class Between:
    """`whyoom why --for` of a target that does things meanwhile."""

    def __init__(self, target, seconds, tmp_path):
        self.target, self.path = target, tmp_path / "numbers"
        self.process = subprocess.Popen(
            [WHYOOM, "why", str(target.pid), "--for", f"{seconds}s", "--facts", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def do(self, *commands):
        """The last collection was seen. What the program says of itself then."""
        for command in [*commands, "collect"]:
            self.target.say(command)
        time.sleep(0.3)
        return self.target.ask_json("numbers", self.path)

    def numbers(self):
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == OK, err
        return json.loads(out)["numbers"]


def test_between_two_looks(start, tmp_path):
    target = start("grow", VERSION)
    for command in ("keep 10", "goroutines 60", "collect"):
        target.say(command)
    between = Between(target, 14, tmp_path)
    time.sleep(1.5)
    first = [between.do("keep 40", "goroutines 300"),
             between.do("forget", "keep 5", "end", "goroutines 20"),
             between.do("keep 15", "goroutines 30"), between.do("keep 15", "goroutines 30")]
    time.sleep(6)
    last = [between.do("keep 80", "goroutines 700"),
            between.do("forget", "keep 9", "end", "goroutines 44"),
            between.do("keep 10", "goroutines 10"), between.do("keep 10", "goroutines 10")]
    numbers = between.numbers()
    for name, own in [("heap", "heap_live"), ("goroutines", "goroutines")]:
        lows, highs = [[end(row[own] for row in half) for half in (first, last)] for end in (min, max)]
        assert numbers[f"between.{name}.low"]["value"] == lows[1]
        assert numbers[f"between.{name}.low_grown"]["value"] == lows[1] - lows[0]
        assert numbers[f"between.{name}.low_rises"]["value"] == 0
        assert numbers[f"between.{name}.high"]["value"] == min(highs)
        assert numbers[f"between.{name}.most"]["value"] == max(highs)


def test_too_few_collections_between(start, tmp_path):
    target = start("grow", VERSION)
    between = Between(target, 4, tmp_path)
    time.sleep(1)
    between.do("keep 40")
    numbers = between.numbers()
    assert "between.heap.low" not in numbers and numbers["between.goroutines.low"]["value"] == 1
    assert numbers["between"]["value"] == pytest.approx(4e9, rel=0.01)


def test_a_collection_is_waited_for(start, tmp_path):
    target = start("grow", VERSION)
    for command in ("keep 200", "collect", "collect"):
        target.say(command)
    between = Between(target, 4, tmp_path)
    time.sleep(1.5)
    target.say("keep 30")
    time.sleep(3.2)
    assert between.process.poll() is None
    target.say("collect")
    numbers = between.numbers()
    assert numbers["gc.cycles"]["value"] == numbers["gc.cycles"]["before"] + 1


def test_a_person_sees_the_time_between(start):
    target = start("grow", VERSION)
    leader, terminal = pty.openpty()
    done = subprocess.run([WHYOOM, "why", str(target.pid), "--for", "3s"], stdout=subprocess.PIPE,
                          stderr=terminal, check=True, timeout=60)
    os.close(terminal)
    shown = os.read(leader, 1 << 16).decode()
    os.close(leader)
    assert re.search(r"\r\x1b\[K[12]\.0 s of 3\.0 s: heap \S+ \S+, \S+ \S+ live, 1 goroutines",
                     shown), shown
    assert shown.endswith("\r\x1b[K") and b"of 3.0 s" not in done.stdout


def test_the_end_between_two_looks(start, tmp_path):
    target = start("grow", VERSION)
    between = Between(target, 30, tmp_path)
    time.sleep(1)
    target.stop()
    _, err = between.process.communicate(timeout=20)
    assert between.process.returncode == TARGET_ERROR
    assert "ended before it was looked at again" in err and "whyoom watch" in err


def test_descriptors_are_counted(whyoom, start):
    target = start("allocs", VERSION)
    seen = json.loads(whyoom("why", target.pid, "--facts", "--json").stdout)["numbers"]
    listed = subprocess.run(["ls", f"/proc/{target.pid}/fd"], check=True, capture_output=True,
                            text=True).stdout.split()
    assert seen["fds"]["value"] == len(listed)
    assert seen["fds.pipes"]["value"] >= 2  # its stdin and stdout


@pytest.fixture
def saved(whyoom, leaking, tmp_path):
    """Two reports and two profiles of it, some seconds apart, and an incident-like pair."""
    paths = []
    for name in ("a", "b"):
        report, heap = tmp_path / f"{name}.json", tmp_path / f"{name}.pb.gz"
        report.write_text(whyoom("why", leaking.pid, "--json").stdout)
        whyoom("heap", leaking.pid, "-o", heap)
        paths.append((report, heap))
        if name == "a":
            whyoom("why", leaking.pid, "--for", "3s", "--json")
    return paths


def test_profiles_alone_give_a_thin_verdict(whyoom, saved):
    (_, before), (_, after) = saved
    verdict = verdict_of(whyoom("why", after, before, "--json"))
    assert verdict["guilty"]["function"] == LEAK, verdict
    assert verdict["confidence"] == "low"
    assert verdict["grown_bytes"] > 0
    alone = verdict_of(whyoom("why", after, "--json"))
    assert alone["grown_bytes"] == 0 and alone["confidence"] == "low"


def test_a_report_is_read_back(whyoom, saved):
    (report, _), _ = saved
    first = json.loads(report.read_text())
    again = json.loads(whyoom("why", report, "--json").stdout)
    assert again["identity"]["command"] == first["identity"]["command"] == "leak"
    assert again["process_ledger"]["rows"] == first["process_ledger"]["rows"]
    assert again["goroutines"]["groups"] == first["goroutines"]["groups"]
    numbers = again["facts"]["numbers"]
    assert numbers.items() >= {key: value for key, value in first["facts"]["numbers"].items()
                               if key.startswith(("go.", "heap.", "gc."))}.items()


def test_a_newer_baseline_is_not_believed(whyoom, saved):
    (old, _), (new, _) = saved
    verdict = verdict_of(whyoom("why", old, new, "--json"))
    assert verdict["confidence"] in ("low", "none")
    said = json.dumps(verdict)
    assert "the baseline is newer" in said and verdict["grown_bytes"] == 0


def test_another_program_is_no_baseline(whyoom, start, saved, tmp_path):
    other = tmp_path / "other.json"
    other.write_text(whyoom("why", start("allocs", VERSION).pid, "--json").stdout)
    _, (new, _) = saved
    verdict = verdict_of(whyoom("why", new, other, "--json"))
    assert "another program" in json.dumps(verdict)
    assert verdict["grown_bytes"] == 0 and verdict["confidence"] in ("low", "none")


def test_a_crash_log_alone(whyoom, tmp_path):
    log = tmp_path / "crash.log"
    stuck = "".join(f"goroutine {i} [chan send, 12 minutes]:\n"
                    "main.ask.func1()\n\t/app/main.go:30 +0x1d\n"
                    "created by main.ask in goroutine 1\n\t/app/main.go:28 +0x5c\n\n"
                    for i in range(20, 1520))
    log.write_text("fatal error: runtime: out of memory\n\ngoroutine 1 [running]:\nmain.main()\n"
                   "\t/app/main.go:10 +0x1d\n\n" + stuck)
    verdict = verdict_of(whyoom("why", log, "--json"))
    assert verdict["rule"] == "goroutine-send", verdict
    assert verdict["guilty"]["function"].startswith("main.ask")
    assert verdict["guilty"]["line"] == 30
    assert verdict["confidence"] == "low"
    assert "watch" in verdict["next_capture"]


def test_incident_and_bundle(whyoom, watch, start, cgroup, tmp_path):
    group = cgroup(160 * MIB)
    target = start("leak", VERSION, "-rate", "60", "-warm", "20", cgroup=group)
    running = watch("--pid", target.pid, "--hold", "--out", tmp_path / "out")
    running.wait(60)
    incident = running.incident()
    verdict = verdict_of(whyoom("why", incident, "--json"))
    assert verdict["guilty"]["function"] == LEAK
    assert "was killed at its memory limit of 160 MiB" in verdict["sentence"]
    assert verdict["rule"] == json.loads((incident / "report.json").read_text())["verdict"]["rule"]
    # One of its files stands for all of it, but for the heap profile, which is evidence by itself.
    for part in ("report.json", "report.txt", "goroutines.txt", "ledger.json", "manifest.json"):
        assert verdict_of(whyoom("why", incident / part, "--json"))["sentence"] == verdict["sentence"]
    assert verdict_of(whyoom("why", incident / "heap.pb.gz", "--json"))["status"] == "holder"
    bundle = tmp_path / "incident.tar.zst"
    whyoom("report", incident, "--bundle", bundle)
    assert verdict_of(whyoom("why", bundle, "--json"))["sentence"] == verdict["sentence"]
    # What is not what was written is refused.
    (incident / "report.json").write_text("{}")
    assert "hash" in whyoom("why", incident, code=TARGET_ERROR).stderr


@pytest.mark.parametrize("arguments", [
    ["--for", "soon", "1"], ["--for", "0s", "1"], ["--for", "1s", "/etc/passwd"], ["1", "2"],
], ids=" ".join)
def test_usage(whyoom, arguments):
    whyoom("why", *arguments, code=USAGE)


def test_files_that_say_nothing(whyoom, tmp_path):
    for name, content in {"empty": b"", "text": b"hello\n" * 100, "json": b"{",
                          "gzip": b"\x1f\x8b" + b"x" * 50, "zstd": b"\x28\xb5\x2f\xfd" + b"x" * 50,
                          "bundle": b"\x28\xb5\x2f\xfd"}.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert whyoom("why", path, code=TARGET_ERROR).stderr.startswith("whyoom: ")


def test_hostile_reports(whyoom, saved, tmp_path):
    """A report is cut, and its values are replaced by others: an answer or an error, no crash."""
    (report, _), _ = saved
    text = report.read_text()
    random.seed(7)
    evil = ["-1", "1e308", "9223372036854775807", "null", "[]", '"\\u001b[2J<script>"', "{}", "true"]
    path = tmp_path / "evil.json"
    for _ in range(30):
        changed = text
        for _ in range(20):
            spots = list(re.finditer(r": (-?\d+(?:\.\d+)?|\"[^\"]*\")", changed))
            spot = random.choice(spots)
            changed = changed[:spot.start(1)] + random.choice(evil) + changed[spot.end(1):]
        path.write_text(changed if random.random() < 0.7 else changed[:random.randrange(len(text))])
        result = whyoom("why", path, code=None)
        assert "\x1b" not in result.stdout + result.stderr
