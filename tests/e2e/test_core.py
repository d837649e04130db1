# SPDX-License-Identifier: Apache-2.0
"""Core files: what is read from one equals what was read from the live process just before, and
what the process said of itself."""

import gzip
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from harness import OK, TARGET_ERROR, UNSUPPORTED, VERSIONS, Target, program
from test_heap import assert_same_buckets, counted, rate_of
from test_why import MEMSTATS, states_of

NEWEST = VERSIONS[-1]

# As the kernel's settings stand in /proc/PID/coredump_filter.
FILTER_DEFAULT, FILTER_NO_HEADERS, FILTER_EVERYTHING = 0x33, 0x23, 0x7F


def why_no_kernel_cores():
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith("|") or "/" in pattern:
        return f"kernel.core_pattern is {pattern}: cores do not stay in the folder of the program"
    return None


kernel_cores = pytest.mark.skipif(bool(why_no_kernel_cores()), reason=str(why_no_kernel_cores()))
needs_gcore = pytest.mark.skipif(not shutil.which("gcore"), reason="gcore (gdb) is not installed")


class Crashing:
    """A target in a folder of its own, which takes the cores that it leaves away with it."""

    def __init__(self, path, folder, core_filter=FILTER_DEFAULT):
        begin = (f'cd "$0" && echo {core_filter} > /proc/self/coredump_filter && '
                 'ulimit -c unlimited && exec "$@" 2>/dev/null')
        self.folder = folder
        self.target = Target(path, env={**rate_of(1), "GOTRACEBACK": "crash"},
                             prefix=["sh", "-c", begin, folder])
        self.target.say("rest")

    def abort(self):
        """Lets the kernel write the core."""
        os.kill(self.target.pid, signal.SIGABRT)
        self.target.process.wait(timeout=60)
        core, = self.folder.glob("core*")
        return core

    def gcore(self):
        """Lets gdb write the core; the target goes on."""
        subprocess.run(["gcore", "-o", self.folder / "gcore", str(self.target.pid)],
                       check=True, capture_output=True, timeout=300)
        core, = self.folder.glob("gcore.*")
        return core

    def close(self):
        self.target.stop()
        shutil.rmtree(self.folder)


@pytest.fixture
def crashing(request, tmp_path):
    """crashing(PATH, core_filter=...) -> a Crashing target at rest."""

    def make(path, **options):
        folder = tmp_path / "crashing"
        folder.mkdir()
        made = Crashing(path, folder, **options)
        request.addfinalizer(made.close)
        return made

    return make


def heap_of(whyoom, what, *arguments):
    return json.loads(whyoom("heap", what, *arguments, "--json", "--all").stdout)


def published(seen):
    return counted(seen["buckets"], lambda bucket: bucket["published"])


def assert_same_heap(live, core):
    assert published(live) and published(core) == published(live)
    assert (counted(core["buckets"], lambda bucket: bucket["now"]) ==
            counted(live["buckets"], lambda bucket: bucket["now"]))
    assert core["rate"] == live["rate"]
    assert core["evidence"]["failed_reads"] == core["evidence"]["damaged_buckets"] == 0
    assert core["evidence"]["mode"] == "core file"


@pytest.mark.short
@kernel_cores
def test_core_of_the_kernel(whyoom, crashing, version, tmp_path):
    made = crashing(program("allocs", version))
    live, live_report = heap_of(whyoom, made.target.pid), whyoom(made.target.pid, "--json").stdout
    core = made.abort()
    assert_same_heap(live, heap_of(whyoom, core))

    seen, before = json.loads(whyoom(core, "--json").stdout), json.loads(live_report)
    assert seen["memstats"] == before["memstats"]
    assert seen["goroutines"]["count"] == before["goroutines"]["count"] == 77
    for name in ("pid", "command", "executable", "build_id", "go_version", "main_package"):
        assert seen["identity"][name] == before["identity"][name], name
    assert seen["identity"]["threads"] >= before["identity"]["threads"]
    for part in ("process_ledger", "cgroup"):
        assert "core file does not tell" in json.dumps(seen[part])


def gcore_at_rest(whyoom, made):
    """To be stopped by gdb may wake the runtime, which then makes one more thread: again then."""
    def memstats():
        return json.loads(whyoom(made.target.pid, "--json").stdout)["memstats"]

    for _ in range(5):
        before, core = memstats(), made.gcore()
        if memstats() == before:
            return core
        core.unlink()
    raise AssertionError("the target does not rest")


@needs_gcore
@pytest.mark.parametrize("name, version", [
    *[pytest.param("allocs", version, marks=[pytest.mark.short] if version == NEWEST else [])
      for version in VERSIONS],
    pytest.param("allocs-pie", "1.26.8", marks=pytest.mark.short),
])
def test_core_of_gcore(whyoom, crashing, name, version, tmp_path):
    """The program goes on, and is asked itself about the moment of its core."""
    made = crashing(program(name, version))
    core = gcore_at_rest(whyoom, made)
    truth = made.target.memstats(tmp_path / "memstats.json")
    made.target.say(f"goroutines {tmp_path / 'dump'}")
    seen = json.loads(whyoom(core, "--json").stdout)
    assert {key: seen["memstats"][key] for key in MEMSTATS} == {key: truth[key] for key in MEMSTATS}
    assert seen["goroutines"]["states"] == states_of((tmp_path / "dump").read_text())
    assert seen["goroutines"]["count"] == 77


@needs_gcore
@pytest.mark.short
@pytest.mark.parametrize("name", ["allocs", "allocs-pie"])
def test_profile_in_a_core_of_gcore(whyoom, crashing, name, tmp_path):
    made = crashing(program(name, "1.26.8"))
    seen = heap_of(whyoom, gcore_at_rest(whyoom, made))
    assert seen["evidence"]["mode"] == "core file"
    assert_same_buckets(seen, made.target, 1, tmp_path)


@kernel_cores
def test_core_of_a_position_independent_program(whyoom, crashing):
    made = crashing(program("allocs-pie", "1.26.8"))
    live = heap_of(whyoom, made.target.pid)
    assert_same_heap(live, heap_of(whyoom, made.abort()))


# Which executable.

@pytest.fixture
def moved(whyoom, crashing, tmp_path):
    """moved(version, ...) -> (core, where its executable was, what was read live). The executable
    is gone from there."""

    def make(version=NEWEST, name="allocs", **options):
        path = tmp_path / "service"
        shutil.copy(program(name, version), path)
        made = crashing(path, **options)
        live = heap_of(whyoom, made.target.pid)
        core = made.abort()
        path.unlink()
        return core, path, live

    return make


def build_id_of(path):
    """Go's, as the toolchain-independent note has it."""
    notes = subprocess.run(["readelf", "-nW", path], capture_output=True, text=True).stdout
    return [line.split()[-1] for line in notes.splitlines() if "Build ID:" in line]


@pytest.mark.short
@kernel_cores
def test_executable_that_is_not_there(whyoom, moved, version):
    core, path, live = moved(version)
    failed = whyoom("heap", core, code=TARGET_ERROR)
    assert "--exe" in failed.stderr and str(path) in failed.stderr
    assert "build" in failed.stderr
    for build_id in build_id_of(program("allocs", version)):
        assert build_id in failed.stderr
    assert_same_heap(live, heap_of(whyoom, core, "--exe", program("allocs", version)))


@pytest.mark.short
@kernel_cores
@pytest.mark.parametrize("other", [("allocs", VERSIONS[0]), ("leak", NEWEST), ("allocs-stripped", NEWEST)],
                         ids="-".join)
def test_executable_of_another_build(whyoom, moved, other):
    core, path, live = moved()
    shutil.copy(program(*other), path)
    for arguments in ([], ["--exe", path]):
        failed = whyoom("heap", core, *arguments, code=TARGET_ERROR)
        assert "is not the executable of this core" in failed.stderr
        assert str(path) in failed.stderr and "--exe" in failed.stderr
    assert_same_heap(live, heap_of(whyoom, core, "--exe", program("allocs", NEWEST)))


@pytest.mark.short
@kernel_cores
def test_given_executable_has_the_symbols_that_ran_without(whyoom, crashing, tmp_path):
    whole, shipped = program("allocs", NEWEST), tmp_path / "service"
    subprocess.run(["strip", "--strip-all", "-o", shipped, whole], check=True)
    made = crashing(shipped)
    live = heap_of(whyoom, made.target.pid, "--exe", whole)
    assert_same_heap(live, heap_of(whyoom, made.abort(), "--exe", whole))


@kernel_cores
@pytest.mark.parametrize("content", [b"", b"garbage", b"\x7fELF"], ids=["empty", "text", "cut"])
def test_executable_that_is_garbage(whyoom, moved, content):
    core, path, _ = moved()
    path.write_bytes(content)
    for arguments in ([], ["--exe", path]):
        failed = whyoom("heap", core, *arguments, code=TARGET_ERROR)
        assert str(path) in failed.stderr and "ELF" in failed.stderr


@kernel_cores
def test_executable_that_is_no_file(whyoom, moved):
    core, path, _ = moved()
    os.mkfifo(path)  # opening it would wait for ever
    for arguments in ([], ["--exe", path]):
        failed = whyoom("heap", core, *arguments, code=TARGET_ERROR, seconds=20)
        assert "not a regular file" in failed.stderr


@kernel_cores
def test_core_without_the_headers_of_its_executable(whyoom, moved):
    """Nothing tells the build: only what the user gives is taken, and it is said so."""
    core, path, live = moved(core_filter=FILTER_NO_HEADERS)
    shutil.copy(program("allocs", NEWEST), path)
    assert "--exe" in whyoom("heap", core, code=TARGET_ERROR).stderr
    seen = heap_of(whyoom, core, "--exe", path)
    assert "could not be verified" in seen["evidence"]["mode"]
    assert published(seen) == published(live)
    failed = whyoom("heap", core, "--exe", program("allocs", VERSIONS[0]), code=TARGET_ERROR)
    assert "is not the executable of this core" in failed.stderr


@pytest.mark.short
@kernel_cores
@pytest.mark.parametrize("name, version", [("allocs", NEWEST), ("allocs-pie", "1.26.8")])
def test_core_that_holds_its_executable(whyoom, moved, name, version):
    """The symbol table is no part of memory: what needs one says so."""
    core, _, live = moved(version, name, core_filter=FILTER_EVERYTHING)
    result = whyoom("heap", core, "--json", "--all", code=None)
    assert result.returncode in (OK, UNSUPPORTED)
    if result.returncode == OK:
        seen = json.loads(result.stdout)
        assert "the executable taken from it" in seen["evidence"]["mode"]
        assert published(seen) == published(live)
    else:
        assert "symbol table" in result.stderr
    assert_same_heap(live, heap_of(whyoom, core, "--exe", program(name, version)))


# Damage.

@pytest.mark.short
@kernel_cores
def test_cut_core(whyoom, crashing):
    """Whatever is cut off: an error or what is left, and never a wrong number."""
    made = crashing(program("allocs", NEWEST))
    live = published(heap_of(whyoom, made.target.pid))
    core = made.abort()
    size = core.stat().st_size
    cuts = {size * part // 24 for part in range(24)}
    cuts |= {0, 1, 16, 63, 64, 65, 1000, 1800, 3000, 5000, 10000, 20000, 30000, size - 1}
    outcomes = set()
    for cut in sorted(cuts, reverse=True):
        os.truncate(core, cut)
        result = whyoom("heap", core, "--json", "--all", code=None)
        outcomes.add(result.returncode)
        assert result.returncode in (OK, TARGET_ERROR)
        seen = json.loads(result.stdout)
        if result.returncode == TARGET_ERROR:
            assert seen["error"]["message"]
            continue
        assert "cut short" in seen["evidence"]["mode"]
        assert not published(seen) - live
        if published(seen) != live:
            assert seen["evidence"]["failed_reads"] > 0
    assert outcomes == {OK, TARGET_ERROR}


@pytest.mark.short
@pytest.mark.parametrize("content", [
    b"", b"garbage", b"\x7fELF", b"\x7fELF\2\1\1" + bytes(200), bytes(5000),
], ids=["empty", "text", "cut", "headers of zeros", "zeros"])
@pytest.mark.parametrize("command", ["heap", "why"])
def test_no_core(whyoom, tmp_path, command, content):
    path = tmp_path / "core"
    path.write_bytes(content)
    failed = whyoom(command, path, code=TARGET_ERROR)
    assert "not a core file" in failed.stderr and str(path) in failed.stderr


@pytest.mark.short
def test_what_is_no_core_either(whyoom, tmp_path):
    executable = whyoom("heap", program("allocs", NEWEST), code=TARGET_ERROR).stderr
    assert "an ELF executable" in executable
    packed = tmp_path / "core.gz"
    packed.write_bytes(gzip.compress(b"a core, but packed"))
    assert "unpack" in whyoom("heap", packed, code=TARGET_ERROR).stderr
    assert "not a regular file" in whyoom("heap", tmp_path, code=TARGET_ERROR).stderr
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in whyoom("heap", tmp_path / "pipe", code=TARGET_ERROR).stderr
    assert "No such file" in whyoom("heap", tmp_path / "none", code=TARGET_ERROR).stderr


@pytest.mark.short
def test_core_of_another_program(whyoom, tmp_path):
    """Of a program that is not Go."""
    sleeper = subprocess.Popen(["sh", "-c", 'cd "$0" && ulimit -c unlimited && exec sleep 60', tmp_path])
    subprocess.run(["sleep", "0.3"], check=True)
    sleeper.send_signal(signal.SIGABRT)
    sleeper.wait(timeout=30)
    cores = list(tmp_path.glob("core*"))
    if not cores:
        pytest.skip("no core in the folder of the program")
    assert "not a Go program" in whyoom("heap", cores[0], code=TARGET_ERROR).stderr
