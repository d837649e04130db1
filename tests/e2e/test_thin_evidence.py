# SPDX-License-Identifier: Apache-2.0
"""Each kind of evidence gives a verdict, or says that it cannot, and which capture is missing. The same
trouble has the same fingerprint, wherever and however the program was built."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "incidents"))

import lab  # noqa: E402
from harness import MIB  # noqa: E402

VERSION = "1.26.8"
LEAK = "main.(*leakyCache).remember"
STUCK = "".join(f"goroutine {i} [chan send, 12 minutes]:\nmain.ask.func1()\n\t/app/main.go:30 +0x1d\n"
                "created by main.ask in goroutine 1\n\t/app/main.go:28 +0x5c\n\n"
                for i in range(20, 1520))
DEBUG_1 = ("goroutine profile: total 1501\n1500 @ 0x1 0x2\n#\t0x1\tmain.ask.func1+0x1d\t/app/main.go:30\n\n"
           "1 @ 0x5\n#\t0x5\tmain.main+0x1d\t/app/main.go:10\n\n")


def verdict_of(whyoom, *arguments):
    """With what every verdict has, thin as it may be."""
    verdict = json.loads(whyoom("why", *arguments, "--json", "--db", "none").stdout)["verdict"]
    assert verdict["sentence"]
    assert verdict["determined"] == (verdict["status"] != "not-determined")
    assert verdict["determined"] or verdict["next_capture"], verdict
    assert verdict["determined"] or not verdict["guilty"]["function"], verdict
    return verdict


@pytest.fixture
def leaking(start, cgroup):
    group = cgroup(900 * MIB)
    target = start("leak", VERSION, "-rate", "20", "-warm", "40", "-await", cgroup=group)
    target.process.stdin.write("\n")
    target.process.stdin.flush()
    time.sleep(3)
    target.group = group
    return target


def test_a_process_and_its_cgroup(whyoom, leaking):
    twice = verdict_of(whyoom, leaking.pid, "--for", "3s")
    assert twice["status"] == "cause" and twice["guilty"]["function"] == LEAK, twice
    for target in (leaking.pid, leaking.group.path):
        once = verdict_of(whyoom, target)
        assert once["status"] in ("holder", "not-determined"), once
        assert "--for 30s" in once["next_capture"]


def test_profiles(whyoom, leaking, tmp_path):
    before, after = tmp_path / "a.pb.gz", tmp_path / "b.pb.gz"
    whyoom("heap", leaking.pid, "-o", before)
    time.sleep(4)
    whyoom("heap", leaking.pid, "-o", after)
    alone = verdict_of(whyoom, after)
    assert alone["status"] != "cause" and alone["confidence"] in ("low", "none"), alone
    assert "EARLIER-PROFILE" in alone["next_capture"]
    both = verdict_of(whyoom, after, before)
    assert both["status"] == "cause" and both["guilty"]["function"] == LEAK, both
    assert both["confidence"] == "low" and "why PID --for 30s" in both["next_capture"]


@pytest.mark.skipif(not shutil.which("gcore"), reason="gcore (gdb) is not installed")
def test_a_core(whyoom, leaking, tmp_path):
    subprocess.run(["gcore", "-o", tmp_path / "core", str(leaking.pid)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    core = next(tmp_path.glob("core.*"))
    try:
        verdict = verdict_of(whyoom, core)
        assert verdict["status"] in ("holder", "not-determined") and verdict["next_capture"]
        assert verdict["guilty"]["function"] in ("", LEAK)
    finally:
        core.unlink()


def test_goroutines_alone(whyoom, start, tmp_path):
    """With states there is a verdict; a profile of goroutines has none."""
    dump = tmp_path / "debug-2.txt"
    dump.write_text("goroutine 1 [running]:\nmain.main()\n\t/app/main.go:10 +0x1d\n\n" + STUCK)
    verdict = verdict_of(whyoom, dump)
    assert verdict["rule"] == "goroutine-send" and verdict["confidence"] == "low"
    assert "goroutines alone" in verdict["next_capture"]
    crash = tmp_path / "crash.log"
    crash.write_text("fatal error: runtime: out of memory\n\ngoroutine 1 [running]:\nmain.main()\n"
                     "\t/app/main.go:10 +0x1d\n")
    assert "goroutines alone" in verdict_of(whyoom, crash)["next_capture"]
    thin = tmp_path / "debug-1.txt"
    thin.write_text(DEBUG_1)
    assert verdict_of(whyoom, thin)["status"] == "not-determined"
    profile = tmp_path / "goroutines.pb.gz"
    whyoom("goroutines", start("stacks", VERSION).pid, "-o", profile)
    assert "goroutines alone" in verdict_of(whyoom, profile)["next_capture"]
    shown = whyoom("why", profile, "--json").stdout
    assert json.loads(shown)["goroutines"]["count"] > 0


@pytest.fixture
def built(tmp_path):
    """built(FOLDER, FLAG...) -> map-grows, built from a copy of its source in that folder."""

    def build(folder, *flags, change=None, version=VERSION):
        source = tmp_path / folder / "src"
        for name in ("internal", "map-grows"):
            shutil.copytree(lab.HERE / name, source / name)
        shutil.copy(lab.HERE / "go.mod", source)
        main = source / "map-grows/main.go"
        if change:
            main.write_text(main.read_text().replace(*change))
        path = tmp_path / folder / "service"
        case = next(case for case in lab.cases() if case.name == "map-grows")
        subprocess.run([lab.go_of(version), "build", "-buildvcs=false", *flags, "-o", path,
                        "./map-grows"], cwd=source, env=lab.environment(case), check=True)
        return path

    return build


def fingerprint(whyoom, path):
    case = next(case for case in lab.cases() if case.name == "map-grows")
    program = lab.Program(path, case)
    try:
        program.go()
        time.sleep(2)
        verdict = verdict_of(whyoom, program.pid, "--for", "4s")
    finally:
        program.stop()
    assert verdict["rule"] == "map-grows", verdict
    return verdict["fingerprint"]


def test_one_fingerprint_on_all_machines(whyoom, built):
    """Another directory, no symbols, no paths, another Go, other lines: the same trouble. Another
    function: another."""
    first = fingerprint(whyoom, built("home/a"))
    same = [built("srv/build/b", "-ldflags=-s -w"), built("c", "-trimpath"),
            built("d", change=("func remember(", "// Moved.\n\nfunc remember("))]
    assert {fingerprint(whyoom, path) for path in same} == {first}
    other = built("e", change=("remember(i", "keepAll(i"))
    assert fingerprint(whyoom, other) != first
