# SPDX-License-Identifier: Apache-2.0
"""Reports in Chinese: everything that a reader sees, chosen by --lang or the environment."""

import importlib.machinery
import importlib.util
import json
import re
import shutil

import pytest

from chinese import english_left
from harness import MIB, NEWEST_SERVICE, ROOT, USAGE, WHYOOM, run_whyoom, wait_until
from test_page import look
from test_watch import FAST

CHINESE = re.compile("[\u4e00-\u9fff]")
NO_LANGUAGE = {"LC_ALL": "", "LC_MESSAGES": "", "LANG": "", "LANGUAGE": ""}


def translations():
    loader = importlib.machinery.SourceFileLoader("translations", str(ROOT / "tools/translations"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("translations", loader))
    loader.exec_module(module)
    return module.entries((ROOT / "po/zh_CN.po").read_text())


@pytest.fixture
def target(start):
    made = start("allocs", NEWEST_SERVICE)
    made.say("rest")
    return made


def is_chinese(text):
    assert ("结论" in text.splitlines()[0]) != ("VERDICT" in text.splitlines()[0]), text
    return "结论" in text.splitlines()[0]


@pytest.mark.parametrize("arguments, environment, chinese", [
    ([], {}, False),
    ([], {"LANG": "zh_CN.UTF-8"}, True),
    ([], {"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN"}, True),
    ([], {"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, False),
    ([], {"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"}, True),
    ([], {"LANG": "de_DE.UTF-8"}, False),
    (["--lang", "zh"], {"LANG": "C"}, True),
    (["--lang=zh_CN.UTF-8"], {}, True),
    (["--lang", "en"], {"LANG": "zh_CN.UTF-8"}, False),
])
def test_which_language(target, arguments, environment, chinese):
    shown = run_whyoom(target.pid, *arguments, env={**NO_LANGUAGE, **environment}).stdout
    assert is_chinese(shown) == chinese
    assert json.loads(run_whyoom(target.pid, "--json", *arguments,
                                 env={**NO_LANGUAGE, **environment}).stdout
                      )["evidence"]["mode"] == "live, the target was not stopped"


def test_no_such_language(target):
    assert "en or zh" in run_whyoom("--lang", "xx", target.pid, code=USAGE).stderr
    assert "missing" in run_whyoom(target.pid, "--lang", code=USAGE).stderr


def test_installed(target, open_folder):
    """Below any prefix; without its catalogue it speaks English."""
    (open_folder / "bin").mkdir()
    program = open_folder / "bin/whyoom"
    shutil.copy(WHYOOM, program)
    zh = {**NO_LANGUAGE, "LANG": "zh_CN.UTF-8"}
    assert not is_chinese(run_whyoom(target.pid, program=program, env=zh).stdout)
    built = WHYOOM.parents[2] / "po/zh_CN/LC_MESSAGES/whyoom.mo"
    place = open_folder / "share/locale/zh_CN/LC_MESSAGES"
    place.mkdir(parents=True)
    shutil.copy(built, place)
    assert is_chinese(run_whyoom(target.pid, program=program, env=zh).stdout)


def labels(report):
    for key in ("ledger", "process_ledger"):
        for row in report[key].get("rows", []) + report[key].get("beside", []):
            yield row["label"]
            yield row["note"]
        yield report[key].get("label", "")
    yield report["evidence"]["mode"]
    for group in report["goroutines"]["groups"]:
        yield group["no_stack"] or ""


def test_what_lower_layers_say_is_translated(target):
    """What is not in src/report/shown_texts.c stays English where it should not."""
    known = translations()
    report = json.loads(run_whyoom(target.pid, "--json").stdout)
    said = {label for label in labels(report) if re.search("[a-z]{3}", label)}
    said = {label for label in said if not re.match(r"process \d+ \(|\d+ (smaller|other)", label)}
    assert len(said) > 15
    assert not {label for label in said if label not in known}


def test_the_text_is_chinese(target):
    shown = run_whyoom(target.pid, "--lang", "zh").stdout
    for title in ("结论", "内存", "堆", "协程", "进程", "证据"):
        assert re.search(f"^{title} ", shown, re.MULTILINE), title
    markdown = run_whyoom(target.pid, "--lang", "zh", "--md").stdout
    assert all(CHINESE.search(line) for line in markdown.splitlines() if line.startswith("## "))


def test_the_page_is_chinese(target, tmp_path):
    page = tmp_path / "zh.html"
    run_whyoom(target.pid, "--lang", "zh", "--html", page, "--db", "none")
    seen = look(page, "main.")
    assert seen["language"] == "zh-CN"
    assert seen["headings"][0] == "结论" and all(CHINESE.search(text) for text in seen["headings"])
    left = english_left(seen["body"])
    assert not left, left
    assert "堆对象" in seen["body"] and "火焰图" in seen["body"] and "heap objects" not in seen["body"]


def test_what_a_watch_stores_is_english(exportd, cgroup, watch, tmp_path, monkeypatch):
    """And what it prints is not; the page is in the reader's language."""
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    group = cgroup(100 * MIB)
    service = exportd(group, 1024 * MIB)
    running = watch("--cgroup", group.path, "--out", tmp_path / "out", "--db", "none")
    wait_until(lambda: "基线" in running.output(), 20, "a baseline")
    service.download(FAST)
    assert running.wait(60) == 0, running.output()
    folder = running.incident()
    assert not CHINESE.search((folder / "report.txt").read_text())
    report = json.loads((folder / "report.json").read_text())
    assert not CHINESE.search(json.dumps(report, ensure_ascii=False))
    assert "结论" in running.output()
    assert '<html lang="zh-CN">' in (folder / "report.html").read_text()
