# SPDX-License-Identifier: Apache-2.0
"""The promise, kill after kill: with --hold there is evidence of each, and the profile explains what
the program kept."""

import os

import pytest

from harness import MemoryCgroup
from kills import GOOD_SHARE, LARGE, SHAPES, kill_under_whyoom

ROUNDS = 50 if os.environ.get("WHYOOM_TESTS_ALL") else 2  # of each shape


@pytest.mark.parametrize("shape", [*SHAPES, LARGE], ids=lambda shape: shape.name)
def test_held_kills(shape):
    if MemoryCgroup.why_not():
        pytest.skip(MemoryCgroup.why_not())
    for _ in range(ROUNDS if shape in SHAPES else 1):
        kill = kill_under_whyoom(shape, "--hold")
        assert kill.has_evidence, kill.note
        assert kill.share >= GOOD_SHARE, f"{kill.share:.1%} of what it kept\n{kill.note}"
        assert kill.restored, kill.note
        assert "held the kill for" in kill.note, kill.note
