# SPDX-License-Identifier: Apache-2.0
"""A part of the lab (`./dev lab` runs all of it): programs with one thing wrong, or nothing, and
whether whyoom says so."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "incidents"))

import lab  # noqa: E402

SHORT = [case for case in lab.cases() if case.get("short")]


@pytest.mark.parametrize("case", SHORT, ids=lambda case: case.name)
def test_the_cause_is_named(case):
    result = lab.run(case)
    shown = f"{result.verdict} {result.error}"
    assert not result.error, shown
    assert not result.accused_wrongly, shown
    assert result.cause_right, shown
    assert result.function_right is not False, shown
    assert result.line_right is not False, shown
