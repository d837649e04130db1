# SPDX-License-Identifier: Apache-2.0
"""Go programs for arm64, run by qemu: alive, as memory inside of qemu's; and as the cores that qemu
writes of them. What is read is what the program says of itself."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from harness import TARGET_ERROR, TARGETS, VERSIONS, Target, program
from test_core import heap_of, kernel_cores, published
from test_heap import (assert_pprof_prints_the_same, assert_same_buckets, both_profiles,
                       rate_of)
from test_runtime import FLUSH_FIELDS
from test_why import MEMSTATS, states_of

QEMU = "qemu-aarch64"
NEWEST = VERSIONS[-1]
# What `tests/targets/build matrix` built, which `./dev test --all` runs.
EXPERIMENTS = sorted(path.parent.name for path in TARGETS.glob("go*-*/allocs-arm64"))

pytestmark = pytest.mark.skipif(not shutil.which(QEMU), reason=f"{QEMU} is not installed")


@pytest.fixture
def begin(request, tmp_path):
    """begin(PATH) -> a program for arm64 at rest, in a folder that takes its cores."""
    folder = tmp_path / "running"
    folder.mkdir()
    request.addfinalizer(lambda: shutil.rmtree(folder))

    def make(path, rate=1):
        command = 'cd "$0" && ulimit -c unlimited && exec "$@" 2>/dev/null'
        target = Target(path, env={**rate_of(rate), "GOTRACEBACK": "crash"},
                        prefix=["sh", "-c", command, folder, QEMU])
        request.addfinalizer(target.stop)
        target.folder = folder
        target.say("rest")
        return target

    return make


def abort(target):
    """qemu writes a core of the program, and lets the kernel write one of itself."""
    os.kill(target.pid, signal.SIGABRT)
    target.process.wait(timeout=60)
    core, = target.folder.glob("qemu_*.core")
    return core


@pytest.mark.short
def test_live_profile(whyoom, begin, version, tmp_path):
    target = begin(program("allocs-arm64", version))
    seen = heap_of(whyoom, target.pid, "--exe", program("allocs-arm64", version))
    assert seen["identity"]["go_version"] == f"go{version}"
    assert_same_buckets(seen, target, 1, tmp_path)


@pytest.mark.short
def test_live_profile_without_being_told_the_program(whyoom, begin, tmp_path):
    target = begin(program("allocs-arm64", NEWEST))
    seen = heap_of(whyoom, target.pid)
    assert seen["identity"]["executable"] == str(program("allocs-arm64", NEWEST))
    assert_same_buckets(seen, target, 1, tmp_path)


def test_live_statistics_and_goroutines(whyoom, begin, version, tmp_path):
    target = begin(program("allocs-arm64", version))
    seen = json.loads(whyoom(target.pid, "--json").stdout)
    truth = target.memstats(tmp_path / "memstats.json")
    assert {key: seen["memstats"][key] for key in MEMSTATS} == {key: truth[key] for key in MEMSTATS}
    target.say(f"goroutines {tmp_path / 'dump'}")
    assert seen["goroutines"]["states"] == states_of((tmp_path / "dump").read_text())
    assert seen["goroutines"]["count"] == 77
    assert seen["process_ledger"]["total_bytes"] > 0


@pytest.mark.matrix
@pytest.mark.parametrize("go", EXPERIMENTS)
def test_experiments_of_the_runtime(whyoom, begin, go, tmp_path):
    """Alive and as a core."""
    path = TARGETS / go / "allocs-arm64"
    target = begin(path)
    version, _, experiment = go.partition("-")
    heap = heap_of(whyoom, target.pid)
    assert heap["identity"]["go_version"].startswith(version)
    assert experiment in heap["identity"]["go_version"]
    assert heap["evidence"]["layout_caveat"] == ""
    assert_same_buckets(heap, target, 1, tmp_path)
    seen = json.loads(whyoom(target.pid, "--json").stdout)
    truth = target.memstats(tmp_path / "memstats.json")
    fields = set(MEMSTATS) - FLUSH_FIELDS
    assert {key: seen["memstats"][key] for key in fields} == {key: truth[key] for key in fields}
    target.say(f"goroutines {tmp_path / 'dump'}")
    assert seen["goroutines"]["states"] == states_of((tmp_path / "dump").read_text())
    live, heap = (json.loads(whyoom(target.pid, "--json").stdout), heap_of(whyoom, target.pid))
    core = abort(target)
    seen = json.loads(whyoom(core, "--exe", path, "--json").stdout)
    assert seen["memstats"] == live["memstats"]
    assert seen["goroutines"]["count"] == live["goroutines"]["count"]
    assert published(heap_of(whyoom, core, "--exe", path)) == published(heap)


@pytest.mark.parametrize("arguments", [["-top"], ["-traces"], ["-peek", r"main\."]], ids=" ".join)
def test_pprof_prints_the_same(whyoom, begin, version, arguments, tmp_path):
    ours, theirs = both_profiles(whyoom, begin(program("allocs-arm64", version), 512), tmp_path)
    assert_pprof_prints_the_same(ours, theirs, *arguments)


@pytest.mark.short
@pytest.mark.parametrize("change", ["deleted", "replaced", "copied"])
def test_program_that_is_gone_from_disk(whyoom, begin, tmp_path, change):
    """The mapped file counts, whatever its name leads to; and a copy of it will do."""
    path = tmp_path / "service"
    shutil.copy(program("allocs-arm64", NEWEST), path)
    target = begin(path)
    path.unlink()
    if change == "replaced":
        shutil.copy(program("allocs-arm64", VERSIONS[0]), path)
    arguments = ["--exe", program("allocs-arm64", NEWEST)] if change == "copied" else []
    assert_same_buckets(heap_of(whyoom, target.pid, *arguments), target, 1, tmp_path)


@pytest.mark.short
@pytest.mark.parametrize("other", [("allocs-arm64", VERSIONS[0]), ("allocs", NEWEST)], ids="-".join)
def test_another_program(whyoom, begin, other):
    target = begin(program("allocs-arm64", NEWEST))
    failed = whyoom("heap", target.pid, "--exe", program(*other), code=TARGET_ERROR)
    assert "does not run" in failed.stderr and str(program(*other)) in failed.stderr


def test_emulator_without_a_go_program(whyoom, tmp_path):
    """Something that maps files and runs under the name of the emulator."""
    path = tmp_path / QEMU
    shutil.copy("/bin/sleep", path)
    running = subprocess.Popen([path, "60"])
    try:
        failed = whyoom("heap", running.pid, code=TARGET_ERROR)
    finally:
        running.kill()
        running.wait()
    assert "runs no Go program" in failed.stderr and "--exe" in failed.stderr


@pytest.mark.short
def test_core_of_qemu(whyoom, begin, version):
    """It has no build ID in it: the program is known by what it cannot write."""
    path = program("allocs-arm64", version)
    target = begin(path)
    live = json.loads(whyoom(target.pid, "--json").stdout)
    heap = heap_of(whyoom, target.pid)
    core = abort(target)
    seen = heap_of(whyoom, core, "--exe", path)
    assert published(heap) and published(seen) == published(heap)
    assert seen["evidence"]["mode"] == "core file"
    assert seen["evidence"]["failed_reads"] == seen["evidence"]["damaged_buckets"] == 0
    report = json.loads(whyoom(core, "--exe", path, "--json").stdout)
    assert report["memstats"] == live["memstats"]
    assert report["goroutines"]["count"] == 77
    assert report["identity"]["go_version"] == f"go{version}"


@pytest.mark.short
def test_core_of_qemu_and_another_program(whyoom, begin, tmp_path):
    path = tmp_path / "service"
    shutil.copy(program("allocs-arm64", NEWEST), path)
    target = begin(path)
    heap = heap_of(whyoom, target.pid)
    core = abort(target)
    for other in (("allocs-arm64", VERSIONS[0]), ("allocs", NEWEST)):
        failed = whyoom("heap", core, "--exe", program(*other), code=TARGET_ERROR)
        assert "is not the executable of this core" in failed.stderr
    path.unlink()
    assert "--exe" in whyoom("heap", core, code=TARGET_ERROR).stderr
    assert published(heap_of(whyoom, core, "--exe", program("allocs-arm64", NEWEST))) == published(heap)


@kernel_cores
def test_core_of_the_emulator_itself(whyoom, begin):
    target = begin(program("allocs-arm64", NEWEST))
    abort(target)
    core, = target.folder.glob("core*")
    failed = whyoom("heap", core, code=TARGET_ERROR)
    assert "qemu_" in failed.stderr
