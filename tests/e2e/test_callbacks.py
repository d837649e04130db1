# SPDX-License-Identifier: Apache-2.0
"""Goroutines in Go that C has called: their stacks go on behind C, as the runtime says itself."""

import json

import pytest

from dumps import parse_dump
from harness import NEWEST_SERVICE

CALLED_BY_C = "main.parkInGo"


@pytest.fixture(params=["callbacks", "callbacks-stripped"])
def callbacks(request, start):
    return start(request.param, NEWEST_SERVICE)


@pytest.mark.parametrize("mode", ["live", "stop", "frozen"])
def test_the_dump_is_that_of_the_runtime(whyoom, callbacks, mode, tmp_path):
    text = whyoom("goroutines", callbacks.pid, "--stacks", "--mode", mode).stdout
    ours = parse_dump(text)
    callbacks.say(f"goroutines {tmp_path / 'dump'}")
    truth = parse_dump((tmp_path / "dump").read_text())
    assert ours.keys() == truth.keys()
    through_c = on_c_threads = again = 0
    for id, theirs in truth.items():
        if theirs.state == "running":  # it takes the dump
            continue
        assert ours[id].frames == theirs.frames, id
        assert (ours[id].state, ours[id].rest) == (theirs.state, theirs.rest)
        assert ours[id].created_by == theirs.created_by, id
        functions = [function for function, *_ in theirs.frames]
        through_c += CALLED_BY_C in functions
        on_c_threads += CALLED_BY_C in functions and not theirs.created_by
        again += functions.count(CALLED_BY_C) == 6
    # Six depths in four ways; the deepest of each comes through C six times.
    assert (through_c, on_c_threads, again) == (24, 6, 4)


def names(seen, goroutine):
    return [frame["function"] for frame in seen["stacks"][goroutine["stack"]]["frames"]]


@pytest.mark.parametrize("mode", ["stop", "frozen"])
def test_to_and_fro(whyoom, callbacks, rounds, mode):
    """Caught anywhere between Go and C, a stack comes from where its goroutine began."""
    callbacks.say("work")
    called_by_c = failed = 0
    for _ in range(rounds(5, 300)):
        seen = json.loads(whyoom("goroutines", callbacks.pid, "--json", "--mode", mode).stdout)
        assert seen["evidence"]["running_stacks"] == 0
        failed += seen["evidence"]["failed_stacks"]
        working = [goroutine for goroutine in seen["goroutines"]
                   if (goroutine["start"] or {}).get("function") == "main.toAndFro"]
        assert len(working) == 4
        for goroutine in working:
            if goroutine["stack"] is None:
                continue
            shown = names(seen, goroutine)
            assert shown[-1] == "main.toAndFro", shown
            called_by_c += CALLED_BY_C in shown
    assert called_by_c > 0
    print(f"{failed} stacks were between two others")
    assert failed <= rounds(1, 10)
    callbacks.say("rest")
