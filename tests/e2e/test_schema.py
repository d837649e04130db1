# SPDX-License-Identifier: Apache-2.0
"""Reports are as docs/report.schema.json says, and the schema can tell."""

import copy
import json

import pytest

from harness import NEWEST_SERVICE, ROOT
from schema import faults

SCHEMA = json.loads((ROOT / "docs/report.schema.json").read_text())


def wrong(report):
    return faults(report, SCHEMA, SCHEMA)


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
