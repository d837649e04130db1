# SPDX-License-Identifier: Apache-2.0
"""Evidence that cannot be right, on every face: clocks that are apart, facts that contradict one
another, halves, two processes, forged bundles. A clear error or less confidence; never a crash,
never a control character, never a claim that the evidence does not carry."""

import copy
import io
import json
import random
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from harness import MIB, OK, TARGET_ERROR, UNSUPPORTED
from test_timeline import copied, history, read_json, rewrite  # noqa: F401 (fixtures)

ESCAPES = ("\x1b", "\x07", "\x9b")


def faces(whyoom, folder, tmp_path, baseline=None):
    """What each face says: {name: (exit code, text)}."""
    page = tmp_path / "face.html"
    page.unlink(missing_ok=True)
    commands = {
        "why": ["why", folder], "why json": ["why", folder, "--json"],
        "facts": ["why", folder, "--facts"], "zh": ["why", folder, "--lang", "zh"],
        "report": ["report", folder], "retold": ["report", folder, "--lang", "zh"],
        "ticket": ["report", folder, "--md"], "ticket zh": ["report", folder, "--md", "--lang", "zh"],
        "page": ["report", folder, "--html", page, "--db", "none"],
        "diff": ["diff", folder, baseline or folder],
        "diff json": ["diff", baseline or folder, folder, "--json"],
    }
    said = {}
    for name, command in commands.items():
        result = whyoom(*command, code=None)
        shown = result.stdout + result.stderr
        assert result.returncode in (OK, TARGET_ERROR, UNSUPPORTED), shown
        # JSON is for programs: it has what a text of UTF-8 may have.
        for escape in ESCAPES[:2] if "json" in name else ESCAPES:
            assert escape not in shown, (name, shown)
        assert result.returncode == OK or result.stderr.startswith("whyoom"), shown
        said[name] = (result.returncode, result.stdout)
    if page.exists():
        raw = page.read_text()
        assert raw.count("<script") == 2 and "\x1b" not in raw
    return said


@pytest.fixture
def report(copied):
    return json.loads((copied / "report.json").read_text())


def put(folder, report):
    rewrite(folder, "report.json", json.dumps(report).encode())


def verdict(said):
    return json.loads(said["why json"][1])["verdict"]


def quick(whyoom, folder):
    return read_json(whyoom, "why", folder, "--json")["verdict"]


def test_clocks_that_are_apart(whyoom, copied, report, tmp_path):
    """The kill long before the evidence, the evidence in another century, a start after all of it,
    growth outside of what was watched."""
    whole = verdict(faces(whyoom, copied, tmp_path))
    assert whole["status"] == "cause" and whole["grown_bytes"] > 0

    def changed(**times):
        other = copy.deepcopy(report)
        for name, time in times.items():
            part, key = name.split("__")
            other[part][key] = time
        put(copied, other)
        return quick(whyoom, copied)

    for time in ("1970-01-01T00:00:00.000Z", "2290-01-01T00:00:00.000Z", "9999-12-31T23:59:59.000Z",
                 "", "no time"):
        assert changed(kill__time=time)["guilty"] == whole["guilty"]
        assert changed(identity__started=time)["guilty"] == whole["guilty"]
    # Evidence from before its baseline: nothing is known to have grown.
    early = changed(evidence__taken="2001-01-01T00:00:00.000Z")
    assert early["grown_bytes"] == 0 and early["confidence"] in ("low", "none"), early
    assert "newer" in json.dumps(early)
    for key, value in (("from_unix_ns", -1), ("to_unix_ns", 0), ("to_unix_ns", 1 << 62),
                       ("from_unix_ns", 1 << 62), ("to_unix_ns", "soon")):
        assert changed(**{f"course__{key}": value})["guilty"] == whole["guilty"]
    other = copy.deepcopy(report)
    other["kill"]["time"] = "1970-01-01T00:00:00.000Z"
    other["identity"]["started"] = "9999-12-31T23:59:59.000Z"
    for number in other["course"]["numbers"]:
        number.update(began_unix_ns=5, give_ns=-(1 << 62), now=-1, memory_bytes=1 << 62)
    put(copied, other)
    said = verdict(faces(whyoom, copied, tmp_path))
    assert said["guilty"] == whole["guilty"] and not said["timeline"]


def test_facts_that_contradict_one_another(whyoom, copied, report, tmp_path):
    """More objects than heap, more heap than memory, negative counts, a kill at no limit."""
    for numbers in ({"heap.alloc": 1 << 50}, {"memory": 0}, {"memory": -5, "rss": -5},
                    {"go.heap.objects": 1e300}, {"goroutines": -3}, {"limit": 1},
                    {"heap.marked": 1 << 60, "heap.alloc": 1}, {"gc.cycles": -1}):
        other = copy.deepcopy(report)
        other["facts"]["numbers"].update(numbers)
        put(copied, other)
        said = quick(whyoom, copied)
        assert said["share"] <= 1 and said["growth_share"] <= 1, (numbers, said)
    other = copy.deepcopy(report)
    other["kill"].update(cause="none", limit_bytes=-1, held_ns=-(1 << 63), oom_kills_after=1 << 62,
                         signal=-77, exit_source="\x1b[31mme", victim="\x9b31m" * 20)
    other["evidence"].update(mode="\x1b]0;owned\x07", missing_symbols="\x9b31m", duration_ns=-1)
    put(copied, other)
    faces(whyoom, copied, tmp_path)


@pytest.mark.parametrize("part", ["heap", "ledger", "process_ledger", "memstats", "goroutines",
                                  "cgroup", "identity", "facts", "evidence", "kill", "course"])
def test_half_a_snapshot(whyoom, copied, report, part, tmp_path):
    """Without a part the verdict is thinner or the same, and nobody else is accused."""
    guilty = report["verdict"]["guilty"]["function"]
    for nothing in ({"absent": {"code": "FAULT", "message": "gone", "hint": ""}}, None, [], "x"):
        other = copy.deepcopy(report)
        other[part] = nothing
        put(copied, other)
        said = quick(whyoom, copied)
        assert said["guilty"]["function"] in ("", guilty), (part, nothing, said)
    del other[part]
    put(copied, other)
    assert verdict(faces(whyoom, copied, tmp_path))["guilty"]["function"] in ("", guilty)


def test_two_processes(whyoom, copied, report, tmp_path):
    """A baseline of another program, and of another build of this one, tells nothing of growth."""
    baseline = copied / "baseline"
    its = json.loads((baseline / "report.json").read_text())
    for identity in ({"command": "other", "build_id": "ab" * 20}, {"build_id": "cd" * 20}):
        other = copy.deepcopy(its)
        other["identity"].update(identity)
        put(baseline, other)
        said = verdict(faces(whyoom, copied, tmp_path, baseline))
        assert said["grown_bytes"] == 0 and said["confidence"] == "low", said
        assert "another program" in json.dumps(said)
    difference = read_json(whyoom, "diff", baseline, copied, "--json")
    assert "build" in [each["name"] for each in difference["experiment"]["variables"]]


def test_any_value_by_any_other(whyoom, copied, report, tmp_path):
    text = json.dumps(report)
    random.seed(11)
    forged = [each for each in ('"label": "', '"mode": "', '"note": "') if each in text]
    for each in forged:  # in what is shown besides the names
        rewrite(copied, "report.json", text.replace(each, each + "\\u009b31m\\u001b[2J").encode())
        faces(whyoom, copied, tmp_path)
    evil = ["-1", "1e308", "9223372036854775807", "-9223372036854775808", "null", "[]", "{}", "true",
            '"\\u001b[2J<script>"', '"\\u009b31m"', '"' + "x" * 5000 + '"']
    for _ in range(6):
        changed = text
        for _ in range(40):
            spot = random.choice(list(re.finditer(r": (-?\d+(?:\.\d+)?|\"[^\"]*\")", changed)))
            changed = changed[:spot.start(1)] + random.choice(evil) + changed[spot.end(1):]
        rewrite(copied, "report.json", changed.encode())
        faces(whyoom, copied, tmp_path)


# ---- bundles ----

def pack(path, entries):
    """A .tar.zst of (name, data) or of tarfile.TarInfo."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            info = tarfile.TarInfo(entry[0])
            info.size = len(entry[1])
            archive.addfile(info, io.BytesIO(entry[1]))
    compressed = subprocess.run(["zstd", "-q", "-c"], input=raw.getvalue(), check=True,
                                stdout=subprocess.PIPE).stdout
    path.write_bytes(compressed)


def link(name, target, kind):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_forged_bundles(whyoom, copied, tmp_path):
    """Names that lead elsewhere, links, devices, the same name twice, what was changed."""
    path = tmp_path / "b.tar.zst"
    files = {name: (copied / name).read_bytes()
             for name in ("report.json", "heap.pb.gz", "manifest.json")}
    good = [(f"i/{name}", data) for name, data in files.items()]
    pack(path, good)
    whole = read_json(whyoom, "why", path, "--json")["verdict"]
    assert whole["guilty"]["function"]
    before = sorted(tmp_path.rglob("*"))
    for name in ("../../etc/passwd", "/etc/passwd", "i/../../x", "\x1b[31m/report.json", "i//x", "a" * 300):
        pack(path, [(name, b"x"), *good])
        result = whyoom("why", path, code=None)
        assert result.returncode in (OK, TARGET_ERROR) and "\x1b" not in result.stdout + result.stderr
    for kind, target in ((tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "../../etc/passwd"),
                         (tarfile.CHRTYPE, ""), (tarfile.FIFOTYPE, ""), (tarfile.DIRTYPE, "")):
        pack(path, [link("i/report.json", target, kind), *good[1:]])
        assert "root:" not in whyoom("why", path, code=TARGET_ERROR).stdout
    for name in files:
        pack(path, [*good, (f"i/{name}", files[name])])
        whyoom("why", path, code=TARGET_ERROR)
        pack(path, [entry for entry in good if entry[0] != f"i/{name}"])
        whyoom("why", path, code=TARGET_ERROR)
    changed = files["report.json"].replace(b"exportd", b"another")
    pack(path, [("i/report.json", changed), *good[1:]])
    assert "hash" in whyoom("why", path, code=TARGET_ERROR).stderr
    assert sorted(tmp_path.rglob("*")) == before, "nothing was unpacked"


def test_bundles_that_lie_about_their_size(whyoom, copied, tmp_path):
    path = tmp_path / "b.tar.zst"
    whyoom("report", copied, "--bundle", path, "--db", "none")
    data = path.read_bytes()
    for cut in [*range(0, 400, 13), *range(400, len(data) - 1, max(1, len(data) // 40))]:
        path.write_bytes(data[:cut])
        result = whyoom("why", path, code=None)
        assert result.returncode in (OK, TARGET_ERROR), result
    # Two gigabytes of nothing in a few kilobytes, and an entry that says that it is larger still.
    for said in (2 << 30, (1 << 33) - 1):
        info = tarfile.TarInfo("i/report.json")
        info.size = said
        head = info.tobuf(tarfile.GNU_FORMAT)
        packer = subprocess.Popen(["zstd", "-q", "-c"], stdin=subprocess.PIPE,
                                  stdout=path.open("wb"))
        packer.stdin.write(head)
        for _ in range(300):
            packer.stdin.write(bytes(MIB))
        packer.stdin.close()
        packer.wait()
        assert path.stat().st_size < MIB
        whyoom("why", path, code=TARGET_ERROR)
