# SPDX-License-Identifier: Apache-2.0
"""The three experiments that found a logger for each call: a writer and a pusher for each call, one
writer for all, one pusher for all. Each gives an incident; `whyoom diff` says what was different, and
what came of it."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "incidents"))

import lab  # noqa: E402
from harness import MIB, wait_until  # noqa: E402

LOGGER = "lumberjack"
CONFIG = "triggers:\n  - name: later\n    when: goroutines > 0 for 6s\n"


def experiment(share, watch, cgroup, folder):
    """An incident of the service that shares that much: of its kill, or after some seconds."""
    case = next(case for case in lab.cases() if case.name == "logger-per-call-fast")
    case.answer = case.answer | {"args": ["-share", share]}
    folder.mkdir()
    (folder / "watch.yaml").write_text(CONFIG)
    group = cgroup(150 * MIB)
    service = lab.Service(lab.build(case), case, group)
    killed = share == "nothing"
    options = ["--hold"] if killed else ["--config", folder / "watch.yaml"]
    running = watch("--pid", service.pid, "--out", folder / "out", "--db", "none", *options)
    try:
        wait_until(lambda: "baseline taken" in running.output(), 20, running.output)
        service.go()
        wait_until(lambda: list((folder / "out").glob("incident-*/manifest.json")), 60,
                   running.output)
    finally:
        running.stop()
        service.stop()
    return next((folder / "out").glob("incident-*/manifest.json")).parent


@pytest.fixture
def incidents(watch, cgroup, tmp_path):
    return {share: experiment(share, watch, cgroup, tmp_path / share)
            for share in ("nothing", "writer", "pusher")}


def test_the_variable_that_made_the_difference(whyoom, incidents):
    verdicts = {share: json.loads((path / "report.json").read_text())["verdict"]
                for share, path in incidents.items()}
    assert verdicts["nothing"]["rule"] == "logger-each", verdicts["nothing"]
    assert verdicts["writer"]["status"] != "cause", verdicts["writer"]
    assert verdicts["pusher"]["status"] != "cause", verdicts["pusher"]
    for share in ("writer", "pusher"):
        arguments = ("diff", incidents["nothing"], incidents[share])
        found = json.loads(whyoom(*arguments, "--json").stdout)["experiment"]
        assert [each["name"] for each in found["variables"]] == ["arguments"], found
        kind = found["kinds"][0]
        assert LOGGER in kind["start"] + kind["created_by"], found
        assert kind["before"] > 100 * max(kind["after"], 1), found
        assert found["fds"]["before"] > 10 * found["fds"]["after"], found
        assert found["rss"]["before"] > 2 * found["rss"]["after"], found
        assert found["guilty"]["function"] == "main.(*pusher).push"
        assert found["guilty"]["before"] > 3 * max(found["guilty"]["after"], MIB), found
        text = whyoom(*arguments).stdout
        assert "one thing was different before: arguments" in text and LOGGER in text, text
    # Between these two it makes no difference that matters.
    found = json.loads(whyoom("diff", incidents["writer"], incidents["pusher"],
                              "--json").stdout)["experiment"]
    assert [each["name"] for each in found["variables"]] == ["arguments"], found
    assert not any(LOGGER in each["start"] + each["created_by"] for each in found["kinds"]), found
    assert found["guilty"] is None
