# SPDX-License-Identifier: Apache-2.0
"""Fixtures. Everything that a test starts or makes through them is ended and removed again."""

import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from harness import (VERSIONS, WHYOOM, Exportd, MemoryCgroup, Target, Watch, program,  # noqa: E402
                     run_whyoom)
from reach import Results, places  # noqa: E402

_numbers = itertools.count(1)


def pytest_addoption(parser):
    parser.addoption("--all-versions", action="store_true",
                     help="the matrix over all of tests/targets/versions-all")
    parser.addoption("--reach", type=Path, help="write the matrix' table into this file")


def pytest_configure(config):
    # Watches of the tests do not write to the machine's own timeline.
    folder = tempfile.TemporaryDirectory(prefix="whyoom-test-state-")
    os.chmod(folder.name, 0o777)
    os.environ["STATE_DIRECTORY"] = folder.name
    config.add_cleanup(folder.cleanup)
    config.reach = Results()
    if not WHYOOM.exists():
        pytest.exit(f"{WHYOOM} is missing: run ./dev build", returncode=1)


SECOND_CHANCES = 5  # of a run of nearly two thousand tests; more is a defect, of whomever


def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    again = len(reporter.stats.get("rerun", [])) if reporter else 0
    if again > SECOND_CHANCES:
        reporter.write_line(f"{again} tests needed a second chance, more than {SECOND_CHANCES}",
                            red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    path = session.config.getoption("reach")
    if path and session.config.reach.cells:
        session.config.reach.write(path)


def pytest_generate_tests(metafunc):
    if "matrix_place" in metafunc.fixturenames:
        found = places(metafunc.config.getoption("all_versions"))
        metafunc.parametrize("matrix_place", found, ids=[f"go{v}-{form}" for v, form in found])


# A pass that is there for another reason than the versions needs the oldest and the newest only.
FEW = [VERSIONS[0], VERSIONS[-1]] if os.environ.get("WHYOOM_TESTS_FEW_VERSIONS") else VERSIONS


@pytest.fixture(params=FEW, ids=lambda version: f"go{version}")
def version(request):
    return request.param


@pytest.fixture
def rounds():
    """rounds(FEW, MANY): how often; MANY in `./dev test --all`, which sets WHYOOM_TESTS_ALL."""
    return lambda few, many: many if os.environ.get("WHYOOM_TESTS_ALL") else few


@pytest.fixture
def whyoom():
    return run_whyoom


@pytest.fixture
def start(request):
    """start(NAME, VERSION, *arguments, env=..., cgroup=...) -> a Target that is ready."""

    def start_target(name, version, *arguments, **options):
        target = Target(program(name, version), arguments, **options)
        request.addfinalizer(target.stop)
        return target

    return start_target


@pytest.fixture
def cgroup(request):
    """cgroup(LIMIT_BYTES, ABOVE) -> a MemoryCgroup, below that one; None is no limit."""
    reason = MemoryCgroup.why_not()
    if reason:
        pytest.skip(reason)

    def make(limit_bytes, above=None):
        name = f"whyoom-test-{os.getpid()}-{next(_numbers)}"
        group = MemoryCgroup(above.path / name if above else name, limit_bytes)
        request.addfinalizer(group.close)
        return group

    return make


@pytest.fixture
def tmpfs(request, tmp_path):
    """tmpfs(OPTIONS) -> a folder with a file system of its own."""

    def mount(options):
        folder = tmp_path / f"tmpfs-{next(_numbers)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode != 0:
            pytest.skip("no permission to mount")
        request.addfinalizer(lambda: subprocess.run(["umount", "--lazy", folder], check=True))
        return folder

    return mount


@pytest.fixture
def open_folder():
    """A folder that every user may enter, which tmp_path is not."""
    with tempfile.TemporaryDirectory(prefix="whyoom-test-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture
def exportd(request, tmp_path):
    """exportd(CGROUP, SIZE_BYTES) -> the demo's service, running in that cgroup."""

    def start_service(group, size_bytes):
        service = Exportd(tmp_path, group, size_bytes)
        request.addfinalizer(service.stop)
        return service

    return start_service


@pytest.fixture
def watch(request, tmp_path):
    """watch(*arguments) -> a running `whyoom watch`."""

    def start_watch(*arguments):
        running = Watch(tmp_path, *arguments)
        request.addfinalizer(running.stop)
        return running

    return start_watch
