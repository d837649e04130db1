# SPDX-License-Identifier: Apache-2.0
"""The promise, kill after kill: with --hold there is evidence of each, and the profile explains what
the program kept."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import MemoryCgroup
from kills import GOOD_SHARE, LARGE, MANY, SHAPES, kill_under_whyoom

HOLD = ("--hold", "--hold-limit", "20s")  # a machine that others keep busy is slow
ROUNDS = 50 if os.environ.get("WHYOOM_TESTS_ALL") else 2  # of each shape


@pytest.mark.parametrize("shape", [*SHAPES, LARGE], ids=lambda shape: shape.name)
def test_held_kills(shape):
    if MemoryCgroup.why_not():
        pytest.skip(MemoryCgroup.why_not())
    for _ in range(ROUNDS if shape in SHAPES else 1):
        kill = kill_under_whyoom(shape, *HOLD)
        assert kill.has_evidence, kill.note
        assert kill.share >= GOOD_SHARE, f"{kill.share:.1%} of what it kept\n{kill.note}"
        assert kill.restored, kill.note
        # Who gets no memory for a system call meanwhile may end itself.
        how = "ended itself with code 2" if kill.ended_itself else "held the kill for"
        assert how in kill.note, kill.note


def test_twenty_held_kills_at_once():
    """Each has a watch of its own; no evidence is lost because others die at the same time."""
    if MemoryCgroup.why_not():
        pytest.skip(MemoryCgroup.why_not())
    with ThreadPoolExecutor(20) as pool:
        everybody = threading.Barrier(20)
        kills = list(pool.map(lambda _: kill_under_whyoom(MANY, *HOLD, before_go=everybody.wait),
                              range(20)))
    assert all(kill.has_evidence for kill in kills), [kill.note for kill in kills]
    assert min(kill.share for kill in kills) >= GOOD_SHARE, [kill.share for kill in kills]
    assert all(kill.restored for kill in kills)
