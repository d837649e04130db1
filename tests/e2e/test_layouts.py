# SPDX-License-Identifier: Apache-2.0
"""The table of runtime layouts is what the toolchains' own DWARF says."""

import re
import subprocess

import pytest

from harness import ROOT, VERSIONS, WHYOOM, program

GO_LAYOUT = WHYOOM.parents[2] / "tools/go-layout/go-layout"


def go_layout(*arguments):
    return subprocess.run(
        [str(GO_LAYOUT), *map(str, arguments)], capture_output=True, text=True, timeout=60)


@pytest.mark.short
def test_table_is_what_dwarf_says(version):
    result = go_layout("--check", version, program("allocs", version))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.short
def test_a_wrong_column_is_named():
    """1.27 moved what memRecordCycle holds: the check must see it."""
    result = go_layout("--check", "1.27", program("allocs", "1.26.8"))
    assert result.returncode == 1
    assert re.search(r"^GO_SIZEOF_MEM_RECORD runtime\.memRecord: the table says 64, DWARF 128$",
                     result.stdout, re.MULTILINE)


@pytest.mark.short
def test_a_column_has_each_row_of_the_table():
    table = (ROOT / "src/golang/layout_table.h").read_text()
    rows = re.findall(r"^GO_FIELD\(.*?, (-?\d+)\)$", table, re.MULTILINE)  # the last column
    assert VERSIONS[-1].startswith("1.27.")
    result = go_layout("--column", program("allocs", VERSIONS[-1]))
    assert result.returncode == 0
    assert result.stdout.split() == rows


@pytest.mark.short
@pytest.mark.parametrize("arguments", [
    ["--check", "1.21", program("allocs", VERSIONS[-1])],
    ["--check", "x", program("allocs", VERSIONS[-1])],
    [program("allocs-stripped", VERSIONS[-1])],
    ["/dev/null"],
    ["/nonexistent"],
    [],
], ids=str)
def test_what_cannot_be_compared_is_no_success(arguments):
    result = go_layout(*arguments)
    assert result.returncode == 2
    assert result.stderr
