# SPDX-License-Identifier: Apache-2.0
"""The HTML face of a report, in a real Chromium: it needs no network, works by mouse and keyboard,
and nothing that a target is called becomes part of the page."""

import gzip
import json
import re
import shutil
import subprocess

import pytest

from harness import OK, ROOT, TARGET_ERROR
from test_schema import lab, wrong
from test_timeline import history, rewrite  # noqa: F401 (a fixture)
from test_watch import CULPRIT

BROWSER = ROOT / "tests/browser"
HEADINGS = ["Verdict", "Timeline", "Memory", "Go heap", "Goroutines", "Kill", "What it is not",
            "Go runtime", "Quality of the evidence", "Provenance"]
CONTRAST = 4.5  # WCAG AA


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.fail("no Chromium: ./dev setup installs it")


def look(path, search=""):
    """What look.mjs saw; fails where the page asked for anything or said anything."""
    assert (BROWSER / "node_modules").is_dir(), "./dev setup installs what drives the browser"
    run = subprocess.run(["node", BROWSER / "look.mjs", chromium(), path, search],
                         capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
    assert not seen["requests"] and not seen["console"] and not seen["errors"], seen
    assert seen["scripts"] == 2 and seen["foreign"] == 0 and seen["owned"] is None
    assert seen["broken"] == 0
    assert not seen["accessibility"], seen["accessibility"]
    assert not seen["crowded"], seen["crowded"]
    assert not seen["torn"], seen["torn"]
    for theme in ("light", "dark"):
        assert seen["contrast"][theme]["ratio"] >= CONTRAST, seen["contrast"]
    assert seen["phone"][0] <= seen["phone"][1], "the page is wider than a phone"
    assert seen["closedOnPaper"] == 0 and seen["paper"] == "rgb(255, 255, 255)"
    assert seen["darkGround"] != "rgb(251, 250, 248)"
    return seen


def model_of(page):
    found = re.search(r'id="model">(.*?)</script>', page.read_text(), re.DOTALL)
    return json.loads(found.group(1))


@pytest.fixture
def incident(history):
    """The folder of the newer incident, as the watch left it."""
    return max((history / "out").glob("incident-*"))


@pytest.mark.short
def test_each_incident_has_its_page(whyoom, incident, history, tmp_path):
    page = (incident / "report.html").read_text()
    assert 50_000 < len(page) < 500_000
    assert (incident / "report.html").stat().st_mode & 0o777 == 0o644
    assert not (incident / "baseline/report.html").exists(), "captures are not delayed by it"
    assert not list(incident.glob("*.partial"))
    made = tmp_path / "made.html"
    assert whyoom("report", incident, "--html", made, "--db", history / "t.db").stdout.strip() == str(made)
    told = [model_of(each) for each in (incident / "report.html", made)]
    for key in ("report", "graph", "directory", "format"):
        assert told[0][key] == told[1][key], key
    stored = json.loads((incident / "report.json").read_text())
    del stored["facts"]  # the page shows none
    assert told[0]["report"] == stored
    for one in told:
        assert one["timeline"]["rows"], "the stored timeline is in it"
        assert any(event["text"] == "deploy v1.1" for event in one["timeline"]["events"])


def test_its_reports_are_as_the_schema_says(incident):
    for part in (incident, incident / "baseline"):
        assert not wrong(json.loads((part / "report.json").read_text())), part


def test_an_incident_in_the_browser(incident):
    seen = look(incident / "report.html", "bodyrecorder")
    assert seen["headings"] == HEADINGS
    assert seen["title"] == "exportd: whyoom" and seen["language"] == "en"
    assert re.search(CULPRIT, seen["verdict"]) and "high confidence" in seen["verdict"]
    assert seen["kills"] == 1 and "Charged memory" in seen["chart"]
    assert "deploy v1.1" in seen["body"] and "Killed process" in seen["body"]
    assert "exact" in seen["body"] and "differs from the total" not in seen["body"]
    flame = seen["flame"]
    assert re.search(CULPRIT, flame["name"]) and flame["frames"] > 20
    assert flame["faded"] > 5 and flame["zoomedWidth"] > 0.99 * flame["whole"] - 1
    assert flame["zoomed"] == flame["name"] and re.search(CULPRIT, flame["detail"])
    assert flame["fadedAfterEscape"] == 0
    assert flame["level"] == "2" and flame["fadedByKeyboard"] == 1
    assert re.fullmatch(r"[\d.]+ MiB matched: 9\d(\.\d)?%", flame["matched"]) and flame["matches"] >= 1
    assert flame["matchedNothing"] == "0 B matched: 0%"
    assert seen["differential"] > 20
    # The numbers on top fit one another: what the cause holds is a part of what was charged.
    charged, held = (tile.splitlines() for tile in seen["tiles"][:2])
    assert charged[:2] == ["charged at the end", "150 MiB"] and held[0] == "held by the cause"
    share = float(re.fullmatch(r"([\d.]+)% of the memory", held[2])[1])
    assert abs(float(held[1].split()[0]) / 150 * 100 - share) < 1.5, seen["tiles"]
    assert re.search(r"anonymous memory grew\s+[\d.]+ [KM]iB → 1\d\d MiB in [\d.]+ m?s, [\d.]+ [MG]iB/s", seen["body"])
    assert "VERDICT" in seen["withoutScript"] and re.search(CULPRIT, seen["withoutScript"])


@pytest.mark.short
def test_a_live_process(whyoom, start, tmp_path):
    target = start("allocs", "1.26.8")
    target.say("rest")
    page = tmp_path / "live.html"
    whyoom(target.pid, "--html", page, "--db", "none")
    seen = look(page, "main.")
    assert seen["headings"] == HEADINGS
    assert "alive when it was looked at" in seen["body"] and "nothing was killed" in seen["body"]
    assert "No timeline" in seen["body"] and "No baseline" in seen["body"]
    assert seen["differential"] == 0 and seen["flame"]["frames"] > 3
    assert f"process {target.pid}" in seen["body"]
    # It has room: what is large in it is nobody's fault.
    assert "the largest holder, no fault" in seen["badges"] and "cause" not in str(seen["badges"])
    assert not any("held by the cause" in tile for tile in seen["tiles"])


@pytest.mark.parametrize("name, badge", [("healthy-tables", "healthy"), ("gogc-off", "cause: gogc-off")])
def test_what_is_called_a_cause(tmp_path, name, badge):
    """A healthy process has none, and a setting holds no memory."""
    case = next(case for case in lab.cases() if case.name == name)
    page = tmp_path / "page.html"

    def look_at(case, program, result):
        program.go()
        lab.time.sleep(case.get("warm", 2))
        wait = ["--for", "2s"] if case.get("how", "live") == "live" else []
        done = lab.run_whyoom("why", program.pid, "--html", page, "--db", "none", *wait)
        assert done.returncode == 0, done.stderr
        result.report = model_of(page)["report"]

    result = lab.run(case, look=look_at)
    assert not result.error and result.cause_right, f"{result.error} {result.verdict}"
    seen = look(page)
    assert badge in seen["badges"], seen["badges"]
    assert ("held by the cause" in str(seen["tiles"])) == (result.status == "cause" and
                                                          bool(result.verdict["guilty"]["function"])), seen["tiles"]


def test_without_some_parts(whyoom, incident, tmp_path):
    folder = tmp_path / "copied"
    shutil.copytree(incident, folder)
    shutil.rmtree(folder / "baseline")
    rewrite(folder, "heap.pb.gz", b"")
    report = json.loads((folder / "report.json").read_text())
    for key in ("ledger", "process_ledger", "memstats", "heap", "goroutines", "cgroup"):
        report[key] = {"absent": {"code": "os", "message": f"no {key} today", "hint": ""}}
    report["verdict"] = {"determined": False, "sentence": "Not determined: nothing was read."}
    del report["timeline"], report["baseline"]
    rewrite(folder, "report.json", json.dumps(report).encode())
    page = tmp_path / "thin.html"
    whyoom("report", folder, "--html", page, "--db", "none")
    seen = look(page)
    assert seen["flame"] is None and "not determined" in seen["verdict"]
    for key in ("ledger", "memstats", "heap", "goroutines"):
        assert f"no {key} today" in seen["body"]


# What a name may be, with every way out of the places where names stand.
HOSTILE = [
    "</script><script>window.owned=1</script>",
    "<img src=x onerror=window.owned=1>",
    "\" onmouseover=\"window.owned=1",
    "'-window.owned-'", "{{constructor.constructor('window.owned=1')()}}", "javascript:window.owned=1",
    "</noscript><script>window.owned=1</script>", "</title><script>window.owned=1</script>",
    "<!--<script>", "]]>", "&lt;script&gt;", "\u2028\u2029", "__proto__", "constructor",
    "\u202egnp.exe\u202c", "\u2066rtl\u2069", "zero\u200bwidth\ufeff", "\x1b]0;owned\x07\x1b[31m", "\x9b31m",
    "{0} {1}", "a" * 5000, "长" * 300,
]


def poison(value, texts):
    """Every text of a report but times, with something hostile in it."""
    if isinstance(value, dict):
        return {key: poison(item, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [poison(item, texts) for item in value]
    if isinstance(value, str) and not re.match(r"\d{4}-\d\d-\d\dT", value):
        return next(texts) + value
    return value


def endless(items):
    while True:
        yield from items


def test_nothing_foreign_becomes_part_of_the_page(whyoom, incident, tmp_path):
    folder = tmp_path / "copied"
    shutil.copytree(incident, folder)
    report = poison(json.loads((folder / "report.json").read_text()), endless(HOSTILE))
    report["goroutines"]["states"] = {text: 7 for text in HOSTILE}
    report["verdict"].update(alternatives=HOSTILE, relief=HOSTILE, cause=HOSTILE[0],
                             fingerprint=HOSTILE[1], sentence="".join(HOSTILE))
    rewrite(folder, "report.json", json.dumps(report).encode())
    rewrite(folder, "report.txt", "\n".join(HOSTILE).encode())
    # Names of the same length in the profile, which has their lengths in front of them.
    heap = gzip.decompress((folder / "heap.pb.gz").read_bytes())
    for number, name in enumerate((b"example.com/exportd/internal/accesslog.(*bodyRecorder).Write",
                                   b"github.com/gin-gonic/gin.(*Context).File")):
        assert name in heap
        wanted = HOSTILE[number].encode()[:len(name)].ljust(len(name), b">")
        heap = heap.replace(name, wanted)
    rewrite(folder, "heap.pb.gz", gzip.compress(heap))
    named = tmp_path / "<img src=x onerror=window.owned=1>"
    folder.rename(named)
    page = tmp_path / "hostile.html"
    whyoom("report", named, "--html", page, "--db", "none")
    raw = page.read_bytes()
    assert raw.count(b"<script") == 2 and raw.count(b"</script") == 2 and b"<img" not in raw
    assert b"\x1b" not in raw and b"\xe2\x80\xae" not in raw and b"\x9b31m" not in raw
    seen = look(page, "script")
    assert seen["headings"] == HEADINGS
    assert "<script>window.owned=1</script>" in seen["body"], "it is shown as what it is"
    assert "<U+202E>gnp.exe" in seen["body"] and "\u202e" not in seen["body"]
    assert "\u202e" not in seen["withoutScript"] and "\x1b" not in seen["withoutScript"]
    assert seen["flame"]["matches"] >= 1


def render(text):
    """As a ticket system would, one that lets HTML through and makes links of what looks like one."""
    run = subprocess.run(["node", BROWSER / "render.mjs"], input=text, capture_output=True,
                         text=True, timeout=60, check=True)
    return run.stdout


TICKET_TAGS = {"h1", "h2", "p", "strong", "ul", "li", "code", "pre", "table", "thead", "tbody", "tr",
               "th", "td"}


def test_a_ticket(whyoom, incident):
    text = whyoom("report", incident, "--md").stdout
    shown = render(text)
    assert re.search("<p><strong>exportd was killed at its memory limit", shown)
    assert re.search(f"<code>{CULPRIT}</code>", shown)
    assert re.search("<h2>Proof</h2>\n<ul>", shown) and "<h2>Kill</h2>" in shown
    assert re.search(r"<pre><code>[^<]*Killed process \d+ \(exportd\)", shown)
    rows = re.findall(r"<tr>\n<td[^>]*>(.*?)</td>\n<td[^>]*>(.*?)</td>", shown)
    assert any(name == "anonymous memory of processes" for name, _ in rows), rows
    assert set(re.findall(r"<(\w+)", shown)) <= TICKET_TAGS


def test_nothing_foreign_becomes_part_of_a_ticket(whyoom, incident, tmp_path):
    folder = tmp_path / "copied"
    shutil.copytree(incident, folder)
    marks = ["**bold** _it_ `code` ~~no~~", "[link](https://www.example.com/)", "https://www.example.com/",
             "![image](https://www.example.com/i.png)", "# title", "- item", "> quote", "| a | b |\n|---|---|",
             "~~~~~~~~\n# out of the block", "```\n# out", "@team #123", "a|b", "``", "`", "<b>", "\\"]
    report = poison(json.loads((folder / "report.json").read_text()), endless(HOSTILE + marks))
    rewrite(folder, "report.json", json.dumps(report).encode())
    text = whyoom("report", folder, "--md").stdout
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    shown = render(text)
    assert set(re.findall(r"<(\w+)", shown)) <= TICKET_TAGS, set(re.findall(r"<(\w+)", shown))
    assert shown.count("<h1>") == 1


JUNK = [None, True, -1, 1e308, "", "x", [], {}, [[]], [None], {"absent": 7}, {"rows": [[], 7, None]}]


def test_a_report_of_other_shapes(whyoom, incident, tmp_path):
    """Any JSON at all makes a page, or a clear error; parts that make no sense do not hide others."""
    folder = tmp_path / "copied"
    shutil.copytree(incident, folder)
    report = json.loads((folder / "report.json").read_text())
    for number, junk in enumerate(JUNK):
        mixed = {key: junk if (number + place) % 2 else value
                 for place, (key, value) in enumerate(sorted(report.items()))}
        rewrite(folder, "report.json", json.dumps(mixed if number else []).encode())
        page = tmp_path / f"junk{number}.html"
        run = whyoom("report", folder, "--html", page, "--db", "none", code=None)
        assert run.returncode in (OK, TARGET_ERROR), run.stderr
        assert page.exists() == (run.returncode == OK)
    rewrite(folder, "report.json", b"{")
    assert "no JSON" in whyoom("report", folder, "--html", tmp_path / "no.html", code=TARGET_ERROR).stderr
    assert not (tmp_path / "no.html").exists() and not list(tmp_path.glob("*.partial*"))


def test_a_page_that_cannot_be_written(whyoom, incident, tmp_path):
    from harness import NOT_STORED
    run = whyoom("report", incident, "--html", tmp_path / "no/such/folder.html", code=NOT_STORED)
    assert "cannot create" in run.stderr
    (incident / "heap.pb.gz").rename(incident / "kept")
    try:
        whyoom("report", incident, "--html", tmp_path / "no.html", code=TARGET_ERROR)
    finally:
        (incident / "kept").rename(incident / "heap.pb.gz")
    assert not list(tmp_path.glob("no*"))
