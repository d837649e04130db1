# SPDX-License-Identifier: Apache-2.0
"""Every command in Chinese: no English sentence is left of what it prints on real targets, real crash
logs and real incidents; JSON stays English; columns stay columns."""

import json
import re
import shutil
import unicodedata

import pytest

from chinese import english_left
from harness import MIB, NEWEST_SERVICE, ROOT, run_whyoom, wait_until
from test_timeline import history, rewrite  # noqa: F401 (a fixture)
from test_watch import FAST

LOGS = ROOT / "tests/crash"
CHINESE = re.compile("[\u4e00-\u9fff]")
# What tools are called, and titles of columns that are the same in all languages.
TOOLS = ["go tool pprof inuse_space", "kubectl top、docker stats、cAdvisor working set", "top RES, ps RSS",
         "smaps PSS, smem", "whyoom profiler on ", 'import _ "net/http/pprof"',
         'import \\_ "net/http/pprof"']
METRICS = ("limit_used, growth, limit_in, usage, anon, file, rss, heap_live, heap_marked, goroutines, fds, "
           "threads, psi_some, psi_full, limit_hits, high_hits, ooms, oom_kills")
# What a race report says of an access, in its own words.
ACCESS = re.compile(r"(?:Previous )?(?:[Rr]ead|[Ww]rite) at 0x\w+ by (?:main goroutine|goroutine \d+)")


def zh(*arguments, code=0, seconds=60):
    result = run_whyoom(*arguments, "--lang", "zh", code=code, seconds=seconds)
    return result.stdout + result.stderr


def check(text, keep=(), least=1):
    left = english_left(text, [*TOOLS, *keep])
    assert not left, "\n".join(left)
    assert sum(bool(CHINESE.search(line)) for line in text.splitlines()) >= least, text


def test_the_test_can_fail():
    assert english_left("  the program is in English\n  这是中文 GOGC=100\n  main.f at a/b.go:12") == [
        "  the program is in English"]


@pytest.mark.parametrize("name, ask", [("allocs", "rest"), ("waits", None), ("churn", None)])
@pytest.mark.parametrize("arguments", [
    ["why"], ["why", "--md"], ["why", "--for", "1s"], ["account"], ["heap"], ["runtime", "--classes"],
    ["goroutines"], ["goroutines", "--who"], ["goroutines", "--by", "creator"],
    ["goroutines", "--by", "label"], ["goroutines", "--by", "function"], ["relieve"],
    ["profile", "block"], ["profile", "goroutine"]], ids=" ".join)
def test_live(start, name, ask, arguments):
    target = start(name, NEWEST_SERVICE, *(["-count", 40, "held"] if name == "waits" else []))
    if ask:
        target.say(ask)
    command, *options = arguments
    place = [target.pid, "block"] if options == ["block"] else [target.pid]
    if command == "profile":
        place, options = [target.pid, options[0]], []
    check(zh(command, *place, *options, code=None))


def test_changes(start, tmp_path):
    target = start("churn", NEWEST_SERVICE)
    state = ["--state", tmp_path]
    tmp_path.chmod(0o700)
    for arguments in (["relieve", target.pid, "--memory-limit", "800MiB", "--gogc", "50"],
                      ["relieve", target.pid, "--undo"], ["relieve", target.pid, "--undo"],
                      ["profiler", "64KiB", target.pid], ["profiler", target.pid, "--undo"],
                      ["relieve", target.pid, "--memory-limit", "5MiB", "--dry-run"]):
        check(zh(*arguments, *state, code=None))


LOG_WORDS = ["out of stock", "cannot open store: file does not exist", "no such product",
             "in the callback of another module", "the second, while the first was on its way",
             "line breaks"]


@pytest.mark.parametrize("log", sorted(LOGS.glob("logs/*.log")) + sorted(LOGS.glob("incidents/*.log")),
                         ids=lambda path: path.stem)
def test_crash_logs(log):
    seen = json.loads(run_whyoom("crash", log, "--json", code=None).stdout)
    if "crashes" not in seen:
        return
    # What the program and the runtime said stays as they said it.
    said = [crash["message"] for crash in seen["crashes"]]
    said += [note for crash in seen["crashes"] for note in crash["notes"]]
    said += [panic["text"] for crash in seen["crashes"] for panic in crash["panics"]]
    shown = ACCESS.sub("", zh("crash", log))
    check(shown, keep=sorted(filter(None, said), key=len, reverse=True))
    assert not CHINESE.search(json.dumps(seen, ensure_ascii=False))


def test_two_dumps():
    before, after = LOGS / "logs/1.26.8-sigquit.log", LOGS / "logs/1.26.8-workers.log"
    check(zh("goroutines", "--diff", before, after))
    check(zh("goroutines", after))


@pytest.mark.parametrize("arguments", [
    ["runtime", 3999999], ["runtime", "x y"], ["heap", "/etc/passwd"], ["crash", "/etc/passwd"],
    ["crash", "/nonexistent"], ["watch"], ["watch", "--pid", 3999999], ["watch", "--pid", 1, "--when", "xx"],
    ["watch", "--pid", 1, "--when", "goroutines >"], ["watch", "--keep", "soon", "--all"],
    ["watch", "--check", "/etc/passwd"], ["timeline", "nobody", "--db", "/nonexistent/none.db"],
    ["heap", 1, "--rows", "x"], ["nosuch"], ["runtime", "--foo"], ["account", "--container", "nosuch"],
    ["diff", "a", "b"], ["report", "a"], ["heap", "--exe"], ["why", "--for", "x", 1],
    ["relieve"], ["relieve", 3999999, "--memory-limit", "x"], ["profiler", "sometimes", 1],
    ["goroutines", "a", "b"], ["mark"], ["account", "--diff", "a"], ["profile", 1, "nosuch"]],
    ids=lambda arguments: " ".join(map(str, arguments)))
def test_errors(arguments):
    shown = zh(*arguments, code=None)
    assert shown.startswith("whyoom")
    check(shown, keep=["root:x:0:0:root:/root:/bin/bash", METRICS])


def test_not_go(start):
    process = start("cmalloc", NEWEST_SERVICE)
    check(zh("account", process.pid))


def help_of(command):
    """Without what is to be typed."""
    shown = zh(command, "--help") if command else zh("--help")
    return re.sub(r"^(?:用法：|\s+whyoom).*$", "", shown, flags=re.MULTILINE)


def commands():
    listed = run_whyoom("--help", "--lang", "en").stdout.split("commands:\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in listed.splitlines()]


def test_help():
    assert len(commands()) > 12
    check(help_of(None), least=15)
    for command in commands():
        shown = help_of(command)
        check(shown, least=3)
        options = [line for line in shown.splitlines() if re.match(r"\s+(?:-\w, )?--", line)]
        assert all(CHINESE.search(line) or line.rstrip().endswith("JSON") for line in options), options


def test_what_a_watch_will_do(tmp_path):
    config = tmp_path / "watch.yaml"
    config.write_text("""
triggers:
  - name: many
    when: goroutines > 50000 and usage > baseline 10m + 50% for 10s
    do:
      - snapshot
      - hold
      - relieve: {memory-limit: auto}
""")
    check(zh("watch", "--check", config, code=None))


def columns(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def test_tables_stay_tables(start):
    """The numbers of a column end where those of the line above end, and below their title."""
    target = start("waits", NEWEST_SERVICE, "-count", 40, "held")
    lines = zh("goroutines", target.pid, "--by", "creator").splitlines()
    head = next(i for i, line in enumerate(lines) if line.lstrip().startswith("数量"))
    ends = [columns(lines[head][:match.end()]) for match in re.finditer(r"\S+", lines[head])][:5]
    for line in lines[head + 1:head + 4]:
        cells = re.findall(r"\s+(?:[\d,.]+(?: ?[KMG]?i?B|%)?|-)", line)[:5]
        assert [columns("".join(cells[:i + 1])) for i in range(5)] == ends, line


def test_lines_fit(start):
    """Wrapped sentences stay within their width, where no name is longer."""
    target = start("allocs", NEWEST_SERVICE)
    for line in zh("account", target.pid).splitlines():
        if not re.search(r"\S{30}", line):
            assert columns(line) <= 100, line
    for line in zh("crash", LOGS / "incidents/too-many-workers.log").splitlines():
        if line.startswith("  - ") or re.match(r"    [^\s>+]", line):
            assert columns(line) <= 104, line


def test_watch_and_what_it_leaves(exportd, cgroup, watch, tmp_path, monkeypatch):
    """Progress, the kill's report, the timeline, incidents, a report of one and two compared."""
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    for name in ("LC_ALL", "LC_MESSAGES", "LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    db = ["--db", tmp_path / "timeline.db"]
    run_whyoom("mark", "deploy v1.4", *db)
    for i in range(2):
        group = cgroup(100 * MIB)
        service = exportd(group, 1024 * MIB)
        running = watch("--cgroup", group.path, "--out", tmp_path / f"out{i}", *db)
        wait_until(lambda: "基线" in running.output(), 20, "a baseline")
        service.download(FAST)
        assert running.wait(60) == 0, running.output()
        shown = running.output()
        running.incident()  # the last line stays as machines read it
        check(re.sub(r"^incident: .*$", "", shown, flags=re.MULTILINE), least=30)
        service.stop()
    listed = json.loads(run_whyoom("incidents", "--json", *db).stdout)
    sentences = [incident["sentence"] for incident in listed]  # as they were stored
    assert not CHINESE.search(json.dumps(listed, ensure_ascii=False))
    for name in ([], ["exportd"]):
        shown = run_whyoom("timeline", *name, *db).stdout
        check(re.sub(r"(事故 \d+：).*(?:\n {8,}.*)*", r"\1", shown), keep=["deploy v1.4"], least=4)
    check(run_whyoom("incidents", *db).stdout, keep=sentences)
    for options in ([], ["--md"]):
        shown = run_whyoom("report", 1, *options, *db)
        assert not shown.stderr, "told in Chinese, and says that it is not"
        check(shown.stdout, least=20)
    check(run_whyoom("why", listed[0]["directory"]).stdout)
    check(run_whyoom("diff", 1, 2, *db).stdout, least=8)
    different = json.loads(run_whyoom("diff", 1, 2, "--json", *db).stdout)
    assert not CHINESE.search(json.dumps(different, ensure_ascii=False))


def test_a_diff_says_all_of_it(history):
    """Verdicts and endings too, which are stored in English; the JSON stays English."""
    shown = zh("diff", 1, 2, "--db", history / "t.db")
    check(shown, least=10)
    verdicts = re.search(r"^  结论 +(.*)\n +-> +(.*)$", shown, re.MULTILINE)
    assert verdicts and all("被杀" in sentence for sentence in verdicts.groups()), shown
    assert "100 MiB" in verdicts[1] and "150 MiB" in verdicts[2], shown
    other = max((history / "out").glob("incident-*")) / "baseline"  # it lived
    ends = zh("diff", other, 2, "--db", history / "t.db")
    assert re.search(r"^  结束 +无 -> 在其 cgroup 的上限处被杀$", ends, re.MULTILINE), ends


def forge(folder, change, absent=None):
    """The incident with other facts; what grew counts where one of them says so."""
    if "go.metadata" not in change:
        shutil.rmtree(folder / "baseline")
    report = json.loads((folder / "report.json").read_text())
    report["facts"]["numbers"].update(change)
    for key in ("course", "baseline"):
        report.pop(key, None)
    if absent:
        report["heap"] = {"absent": absent}
        rewrite(folder, "heap.pb.gz", b"")
    rewrite(folder, "report.json", json.dumps(report).encode())


def off(message):
    return {"code": "unsupported", "message": message, "hint": ""}


SMALL, LARGE = 1 * MIB, 1 << 36
NOT_DETERMINED = {
    "the Go heap is small": ({"heap.alloc": SMALL}, None, "Go 堆很小"),
    "only of the memory": ({"heap.resident": 20 * MIB, "memory": LARGE}, None, "Go 堆只占内存的"),
    "only of the growth": ({"go.metadata": LARGE, "memory": LARGE}, None, "内存增长中 Go 堆只占"),
    "kept free": ({"go.heap.objects": SMALL}, None, "对象只占 Go 堆的"),
    "few samples": ({"heap.alloc": LARGE}, None, "堆 profile 只代表 Go 堆的"),
    "profiler off": ({}, off("the program's memory profiler is off (runtime.MemProfileRate is 0)"),
                     "内存剖析器是关闭的"),
    "left out": ({}, off("the linker left the memory profiler out of this program: nothing in it "
                         "uses runtime.MemProfile, so it keeps no heap profile"), "链接器"),
    "damaged": ({}, off("heap profile: no profile bucket at 0x7f00 (depth 9)"), "0x7f00 处"),
    "no symbol": ({}, off("the executable is stripped: the executable has no symbol "
                          "runtime.mbuckets that its code would show"), "去掉了符号"),
    "unreadable": ({}, off("cannot read 8 bytes of the target at 0x7f00"), "8 字节"),
}


@pytest.mark.parametrize("reason", NOT_DETERMINED)
def test_why_it_is_not_determined(history, tmp_path, reason):
    """The verdict says it on each face in Chinese, and the same in English as when it was taken."""
    change, absent, said = NOT_DETERMINED[reason]
    folder = tmp_path / "copied"
    shutil.copytree(max((history / "out").glob("incident-*")), folder)
    forge(folder, change, absent)
    verdict = json.loads(run_whyoom("why", folder, "--json").stdout)["verdict"]
    assert not verdict["determined"] and verdict["sentence"].startswith("Not determined: "), verdict
    if absent:
        assert absent["message"] in verdict["sentence"], verdict
    for options in ([], ["--md"]):
        shown = zh("why", folder, *options)
        first = next(line for line in shown.splitlines() if "未能确定" in line)
        assert said in first, first
        check(shown)
