# SPDX-License-Identifier: Apache-2.0
"""The table of runtime layouts is what the toolchains' own DWARF says."""

import re
import shutil
import subprocess

from harness import ROOT, WHYOOM

GO_LAYOUT = WHYOOM.parents[2] / "tools/go-layout/go-layout"


def update(*arguments, root=ROOT):
    return subprocess.run(
        [str(root / "tools/go-layout/update"), "--check", "--have", "--go-layout", str(GO_LAYOUT),
         *arguments], capture_output=True, text=True, timeout=600)


def test_table_is_what_dwarf_says():
    """Every toolchain that is on this machine is compared, at least those of the tests."""
    result = update()
    assert result.returncode == 0, result.stdout
    compared = int(re.search(r"^(\d+) toolchains compared, 0 differences$", result.stdout,
                             re.MULTILINE).group(1))
    assert compared >= 4


def test_a_wrong_cell_is_named(tmp_path):
    for folder in ("tools", "src/golang"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "build-targets").symlink_to(ROOT / "build-targets")
    table = tmp_path / "src/golang/layout_table.h"
    text = table.read_text()
    row = re.search(r'^GO_FIELD\(GO_SIZEOF_MEM_RECORD, .* 64\)$', text, re.MULTILINE).group()
    table.write_text(text.replace(row, row[:-3] + "65)"))
    result = update(root=tmp_path)
    assert result.returncode == 1
    assert re.search(r"^Go 1\.27\.4 .*GO_SIZEOF_MEM_RECORD runtime\.memRecord: "
                     r"the table says 65, DWARF 64$", result.stdout, re.MULTILINE)


def test_what_has_no_dwarf_is_no_success():
    for binary in ("/dev/null", "/nonexistent"):
        result = subprocess.run([str(GO_LAYOUT), binary], input="", capture_output=True, text=True)
        assert result.returncode == 2 and result.stderr
