# SPDX-License-Identifier: Apache-2.0
"""Go that is not the executable of its process: a library in a program of C, plugins in one of Go.

What is read of them is compared in the matrix (forms plugin and cshared), which `./dev test --all` runs;
here is what surrounds it. The library and the plugin are skipped where they were not built."""

import mmap
import shutil
import subprocess
import sys

import pytest

from harness import NEWEST_SERVICE, TARGET_ERROR, TARGETS, UNSUPPORTED, Target, program
from test_core import heap_of, published
from test_heap import assert_same_buckets, rate_of
from test_modes import assert_left_as_it_was

MAPS_FILES = """
import mmap, sys
maps = []
for path in sys.argv[2:]:
    with open(path) as file:
        maps.append(mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, int(sys.argv[1])))
print("ready", flush=True)
sys.stdin.read()
"""
LOOKED_AT, RUN = mmap.PROT_READ, mmap.PROT_READ | mmap.PROT_EXEC


@pytest.fixture
def maps_files(request):
    """maps_files(PROTECTION, PATHS) -> the id of a program of C that has these files mapped."""

    def start(protection, paths):
        process = subprocess.Popen([sys.executable, "-c", MAPS_FILES, str(protection), *paths],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        request.addfinalizer(process.communicate)
        assert process.stdout.readline() == "ready\n"
        return process.pid

    return start


@pytest.fixture
def hosted(request, tmp_path):
    """hosted(FORM) -> one of the forms, running from a folder of its own, at rest."""

    def start(form):
        folder = TARGETS / f"go{NEWEST_SERVICE}/forms/{form}"
        if not folder.is_dir():
            pytest.skip(f"{folder} was not built")
        for name in ("allocs", "allocs.so"):
            shutil.copy(folder / name, tmp_path / name)
        target = Target(tmp_path / "allocs", env=rate_of(1))
        request.addfinalizer(target.stop)
        target.say("rest")
        return target

    return start


@pytest.mark.short
def test_two_libraries_are_one_too_many(whyoom, maps_files):
    paths = [program("allocs", NEWEST_SERVICE), program("busy", NEWEST_SERVICE)]
    failed = whyoom("heap", maps_files(RUN, paths), code=UNSUPPORTED)
    assert "is not Go, and has loaded 2 Go libraries" in failed.stderr
    assert "--exe FILE" in failed.stderr


@pytest.mark.short
def test_a_file_that_is_only_looked_at_is_no_library(whyoom, maps_files):
    pid = maps_files(LOOKED_AT, [program("allocs", NEWEST_SERVICE)])
    assert "not a Go program" in whyoom("heap", pid, code=TARGET_ERROR).stderr


@pytest.mark.parametrize("mode", ["live", "stop", "frozen"])
@pytest.mark.parametrize("form", ["plugin", "plugin-strip", "cshared", "cshared-strip"])
def test_in_each_mode(whyoom, hosted, form, mode, tmp_path):
    target = hosted(form)
    seen = heap_of(whyoom, target.pid, "--mode", mode)
    assert seen["evidence"]["mode"].startswith(mode)
    assert_same_buckets(seen, target, 1, tmp_path)
    assert_left_as_it_was(target.pid)


@pytest.mark.parametrize("change", ["deleted", "replaced"])
def test_a_library_that_is_gone_from_disk(whyoom, hosted, change, tmp_path):
    target = hosted("cshared")
    path = tmp_path / "allocs.so"
    path.unlink()
    if change == "replaced":
        shutil.copy(program("allocs", NEWEST_SERVICE), path)
    assert_same_buckets(heap_of(whyoom, target.pid), target, 1, tmp_path)


def test_a_library_by_name(whyoom, hosted, tmp_path):
    target = hosted("cshared")
    seen = heap_of(whyoom, target.pid, "--exe", tmp_path / "allocs.so")
    assert seen["identity"]["executable"] == str(tmp_path / "allocs.so")
    assert_same_buckets(seen, target, 1, tmp_path)


@pytest.fixture
def gcore(tmp_path):
    """gcore(TARGET) -> the path of a core of it."""

    def take(target):
        subprocess.run(["gcore", "-o", tmp_path / "core", str(target.pid)], check=True,
                       capture_output=True)
        return tmp_path / f"core.{target.pid}"

    return take


@pytest.mark.parametrize("form", ["cshared", "cshared-strip"])
def test_core_of_a_program_with_a_library(whyoom, hosted, gcore, form, tmp_path):
    target = hosted(form)
    live, core = heap_of(whyoom, target.pid), gcore(target)
    failed = whyoom("heap", core, code=UNSUPPORTED)
    assert "has loaded 1 Go library" in failed.stderr and "--exe FILE" in failed.stderr
    seen = heap_of(whyoom, core, "--exe", tmp_path / "allocs.so")
    assert published(live) and published(seen) == published(live)
    assert seen["evidence"]["mode"] == "core file"
    assert seen["evidence"]["failed_reads"] == 0
    other = program("allocs", NEWEST_SERVICE)
    assert "is not the executable" in whyoom("heap", core, "--exe", other, code=TARGET_ERROR).stderr


def test_core_without_its_plugins(whyoom, hosted, gcore):
    """Of the plugin's file a core has no pages. What is missing is said, and all numbers are there."""
    target = hosted("plugin")
    live, core = heap_of(whyoom, target.pid), gcore(target)
    seen = heap_of(whyoom, core)
    assert "the functions of plugins are not known" in seen["evidence"]["layout_caveat"]
    assert "the functions of plugins are not known" in whyoom("heap", core).stdout
    for name in ("inuse_bytes", "alloc_bytes"):
        assert sum(bucket["published"][name] for bucket in seen["buckets"]) == \
            sum(bucket["published"][name] for bucket in live["buckets"])
