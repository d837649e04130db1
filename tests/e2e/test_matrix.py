# SPDX-License-Identifier: Apache-2.0
"""Every Go version in every form it is built in: what whyoom reads is what the program itself says.

The fast subset runs by default, everything with --all-versions; --reach FILE writes the table.
"""

import json
import re

import pytest

from harness import OK, UNSUPPORTED, Target, minor_of
from reach import forms_of
from test_heap import assert_same_buckets, rate_of
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
        assert re.fullmatch(r"example\.com/targets(-old)?/allocs", identity["main_package"])


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


CHECKS = {
    "version": check_version,
    "heap profile": check_heap,
    "MemStats": check_memstats,
    "goroutines": check_goroutines,
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
