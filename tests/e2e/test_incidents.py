# SPDX-License-Identifier: Apache-2.0
"""A part of the lab (`./dev lab` runs all of it): programs with one thing wrong, or nothing, and
whether whyoom says so."""

import hashlib
import json
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


def forget(incident, *parts):
    """The incident without these parts of its report."""
    path, manifest = incident / "report.json", json.loads((incident / "manifest.json").read_text())
    report = json.loads(path.read_text())
    for part in parts:
        del report[part]
    numbers = report["facts"]["numbers"]
    report["facts"]["numbers"] = {name: value for name, value in numbers.items()
                                  if not name.startswith("growing.")}
    path.write_text(json.dumps(report))
    for entry in manifest["files"]:
        if entry["name"] == path.name:
            entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (incident / "manifest.json").write_text(json.dumps(manifest))


def test_what_came_first_decides(whyoom, tmp_path):
    """Most of the memory is in goroutines that wait, and they are a consequence. Without the
    timeline nobody could know."""
    case = next(case for case in lab.cases() if case.name == "waits-follow")
    tmp_path.chmod(0o777)
    result = lab.run(case, keep=str(tmp_path))
    assert result.right, f"{result.verdict} {result.error}"
    incident = next(tmp_path.glob("incident-*"))
    again = json.loads(whyoom("why", incident, "--json").stdout)
    assert again["verdict"]["rule"] == "map-grows"
    assert again["verdict"]["timeline"] == result.verdict["timeline"]
    assert again["course"] == result.report["course"]
    assert any("goroutines as the cause" in line for line in again["verdict"]["rejected"])
    forget(incident, "course")
    blind = json.loads(whyoom("why", incident, "--json").stdout)["verdict"]
    assert blind["rule"] == "goroutine-mutex" and not blind["timeline"], blind
