# SPDX-License-Identifier: Apache-2.0
"""Every Go version in every form it is built in: what whyoom reads is what the program itself says.

The fast subset runs by default, everything with --all-versions; --reach FILE writes the table.
"""

import json
import re

import pytest

from dumps import frames_of_runtime, parse_dump
from harness import OK, UNSUPPORTED, Target, minor_of
from reach import forms_of
from test_heap import assert_same_buckets, rate_of
from test_profile import assert_same_contention, contend
from test_why import MEMSTATS, states_of

pytestmark = pytest.mark.matrix


class Refused(Exception):
    """whyoom says that it cannot read this one, and why."""


class Cell:
    """One version in one form, with a target that is at rest."""

    def __init__(self, whyoom, target, version, form, folder):
        self.whyoom, self.target, self.folder = whyoom, target, folder
        self.version, self.form = version, form

    def read(self, *arguments):
        result = self.whyoom(*arguments, self.target.pid, "--json", code=None)
        answer = json.loads(result.stdout)
        if result.returncode == UNSUPPORTED:
            raise Refused(answer["error"]["message"])
        assert result.returncode == OK, result.stderr
        return answer

    def text(self, command, *arguments):
        result = self.whyoom(command, self.target.pid, *arguments, code=None)
        if result.returncode == UNSUPPORTED:
            raise Refused(result.stderr.removeprefix("whyoom: ").splitlines()[0])
        assert result.returncode == OK, result.stderr
        return result.stdout

    def part(self, name):
        """Of the report."""
        part = self.read("why")[name]
        if "absent" in part:
            assert part["absent"]["code"] == "unsupported", part
            raise Refused(part["absent"]["message"])
        return part

    def may_be_refused(self):
        return self.form != "plain"


def check_version(cell):
    identity = cell.read("why")["identity"]
    version, _, experiment = cell.version.partition("-")
    expected = "unknown" if cell.form == "garble" else f"go{version}"
    assert identity["go_version"].split()[0].split("-")[0] == expected
    assert experiment in identity["go_version"]
    if cell.form != "garble" and minor_of(version) >= 13:  # there was no more before
        name = "plughost" if cell.form.startswith("plugin") else "allocs"
        assert re.fullmatch(rf"example\.com/targets(-old)?/{name}", identity["main_package"])


def check_heap(cell):
    assert_same_buckets(cell.read("heap", "--all"), cell.target, 1, cell.folder)


def check_memstats(cell):
    seen = cell.part("memstats")
    truth = cell.target.memstats(cell.folder / "memstats.json")
    assert {name: seen[name] for name in MEMSTATS} == {name: truth[name] for name in MEMSTATS}


def check_goroutines(cell):
    seen = cell.part("goroutines")
    dump = cell.folder / "dump"
    cell.target.say(f"goroutines {dump}")
    truth = states_of(dump.read_text())
    assert seen["states"] == truth
    assert seen["count"] == sum(truth.values()) > 60


def frames_to_compare(theirs, ours, minor):
    """Both as far as the dump goes. Before Go 1.21 it ends after 100 physical frames without a word,
    before 1.16 it shows functions of the runtime where they are inlined, and only there."""
    shown, expected = frames_of_runtime(theirs, ours, minor), theirs.frames
    if minor < 16:
        expected = [frame for frame in expected
                    if frame[2] or not frame[0].startswith("runtime.")]
    if minor < 21 and len(expected) > 90:
        shown = shown[:len(expected)]
    return shown, expected


def check_stacks(cell):
    """Every goroutine's frames and creator; the one that takes the dump runs then, and waits now."""
    ours = parse_dump(cell.text("goroutines", "--stacks"))
    dump = cell.folder / "dump"
    cell.target.say(f"goroutines {dump}")
    truth = parse_dump(dump.read_text())
    assert ours.keys() == truth.keys()
    compared = 0
    for id, theirs in truth.items():
        if theirs.state == "running":
            continue
        shown, expected = frames_to_compare(theirs, ours[id], minor_of(cell.version))
        assert shown == expected, id
        assert ours[id].created_by == theirs.created_by, id
        compared += 1
    assert compared == len(truth) - 1 > 60


def check_contention(cell, kind):
    contend(cell.target, cell.version)
    cell.text("profile", kind, "-o", cell.folder / "first.pb.gz")
    assert_same_contention(cell.whyoom, cell.target, cell.version, kind, cell.folder)


CHECKS = {
    "version": check_version,
    "heap profile": check_heap,
    "MemStats": check_memstats,
    "goroutines": check_goroutines,
    "stacks": check_stacks,
    "block profile": lambda cell: check_contention(cell, "block"),
    "mutex profile": lambda cell: check_contention(cell, "mutex"),
}


@pytest.mark.parametrize("check", CHECKS)
def test_reads_what_the_program_says(request, whyoom, matrix_place, check, tmp_path):
    version, form = matrix_place
    path = forms_of(version)[form]
    assert path.exists(), f"{path} is missing: run tests/targets/build matrix"
    target = Target(path, env=rate_of(1))
    request.addfinalizer(target.stop)
    target.say("rest")
    cell = Cell(whyoom, target, version, form, tmp_path)
    result = "FAILS"
    try:
        CHECKS[check](cell)
        result = "ok"
    except Refused as refused:
        assert cell.may_be_refused(), f"refused: {refused}"
        result = str(refused)
    finally:
        request.config.reach.add(version, form, check, result)
