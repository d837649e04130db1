# SPDX-License-Identifier: Apache-2.0
"""Reports are as docs/report.schema.json says, and the schema can tell."""

import copy
import json
import shutil
import subprocess
import sys

import jsonschema
import pytest

from harness import NEWEST_SERVICE, ROOT
from schema import faults
from test_timeline import history  # noqa: F401 (a fixture)

sys.path.insert(0, str(ROOT / "tests/incidents"))

import lab  # noqa: E402

SCHEMA = json.loads((ROOT / "docs/report.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
LOGS = ROOT / "tests/crash/logs"


def wrong(report):
    """By the validator that everybody has, and by ours, which says it in fewer words."""
    found = faults(report, SCHEMA, SCHEMA)
    theirs = [f"{error.json_path}: {error.message:.120}" for error in VALIDATOR.iter_errors(report)]
    assert bool(found) == bool(theirs), (found, theirs)
    return found


def objects(schema, where="report"):
    """Each schema of an object, with its place."""
    if not isinstance(schema, dict):
        return
    if "properties" in schema:
        yield where, schema
    for name, each in schema.get("properties", {}).items():
        yield from objects(each, f"{where}.{name}")
    for key in ("items", "additionalProperties"):
        yield from objects(schema.get(key), f"{where}[]")
    for each in schema.get("anyOf", []):
        yield from objects(each, where)
    for name, each in schema.get("$defs", {}).items():
        yield from objects(each, name)


def test_the_schema_says_what_each_property_is():
    VALIDATOR.check_schema(SCHEMA)
    seen = list(objects(SCHEMA))
    assert len(seen) > 20
    bare = [f"{where}.{name}" for where, schema in seen
            for name, each in schema["properties"].items() if not each.get("description", "").strip()]
    assert not bare, bare
    # What is not in it may not be written either.
    assert not [where for where, schema in seen if schema.get("additionalProperties", True) is True]


def core_of(target, folder):
    subprocess.run(["gcore", "-o", folder / "core", str(target.pid)], check=True,
                   capture_output=True, timeout=120)
    return next(folder.glob("core.*"))


def test_every_kind_of_evidence(whyoom, start, history, tmp_path):
    target = start("allocs", NEWEST_SERVICE)
    target.say("rest")
    incident = max((history / "out").glob("incident-*"))
    kinds = {
        "live": ["why", target.pid], "twice": ["why", target.pid, "--for", "1s"],
        "incident": ["why", incident], "stored": ["report", incident],
        "baseline": ["why", incident / "baseline"],
        "profile": ["why", incident / "heap.pb.gz"],
        "profiles": ["why", incident / "heap.pb.gz", incident / "baseline/heap.pb.gz"],
        "crash log": ["why", LOGS / "1.26.8-workers.log"],
        "dump": ["why", LOGS / "1.26.8-sigquit.log"],
        "report": ["why", incident / "report.json"],
    }
    if shutil.which("gcore"):
        kinds["core"] = ["why", core_of(target, tmp_path)]
    for kind, arguments in kinds.items():
        report = json.loads(whyoom(*arguments, "--json").stdout)
        assert not wrong(report), kind


# A cause of each shape that a report has: a class of memory, a group, a setting, healthy, files.
SHAPES = ["c-arenas", "goroutine-select", "healthy-page-cache", "limit-above", "fragmentation",
          "other-process", "thread-growth", "socket-buffers"]


@pytest.mark.parametrize("name", SHAPES)
def test_the_lab(name):
    result = lab.run(next(case for case in lab.cases() if case.name == name))
    assert result.report, result.error
    assert not wrong(result.report)


@pytest.mark.short
def test_a_live_process(whyoom, start, version):
    target = start("allocs", version)
    target.say("rest")
    report = json.loads(whyoom(target.pid, "--json").stdout)
    assert not wrong(report)
    # A language is for people: what machines read stays as it is.
    translated = json.loads(whyoom("--lang", "zh", target.pid, "--json").stdout)
    assert translated["ledger"]["label"] == report["ledger"]["label"]
    assert translated["evidence"]["mode"] == report["evidence"]["mode"]


def test_a_report_with_parts_missing(whyoom, start):
    report = json.loads(whyoom(start("allocs", NEWEST_SERVICE).pid, "--json").stdout)
    for key in ("cgroup", "ledger", "process_ledger", "memstats", "heap", "goroutines"):
        thin = copy.deepcopy(report)
        thin[key] = {"absent": {"code": "os", "message": "no", "hint": ""}}
        assert not wrong(thin)


def test_the_schema_can_tell(whyoom, start):
    report = json.loads(whyoom(start("allocs", NEWEST_SERVICE).pid, "--json").stdout)
    for change, said in (
            (lambda r: r["verdict"].pop("sentence"), "verdict.sentence is missing"),
            (lambda r: r["verdict"].update(confidence="sure"), "not one of"),
            (lambda r: r.update(extra=1), "report.extra is not in docs"),
            (lambda r: r["ledger"]["rows"][0].update(bytes="many"), "rows[0].bytes"),
            (lambda r: r["identity"].update(pid=1.5), "identity.pid"),
            (lambda r: r["goroutines"]["states"].update(x="y"), "states.x"),
            (lambda r: r.update(kill=7), "kill")):
        broken = copy.deepcopy(report)
        change(broken)
        assert any(said in fault for fault in wrong(broken)), said
