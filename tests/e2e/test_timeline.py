# SPDX-License-Identifier: Apache-2.0
"""What a watch stores, and what is shown of it: timeline, marks, incidents, reports, bundles."""

import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from harness import (MIB, NOBODY, NOT_STORED, OK, TARGET_ERROR, USAGE, VERSIONS, WHYOOM, Exportd,
                     Watch, wait_until)

NEWEST = VERSIONS[-1]
FAST = 1000  # MiB/s of the download
CULPRIT = "accesslog.(*bodyRecorder).Write"
FILES = ["heap.pb.gz", "goroutines.txt", "ledger.json", "report.json", "report.txt"]


def events(timeline, kind):
    return [event for event in timeline["events"] if event["kind"] == kind]


def read_json(whyoom, *arguments):
    return json.loads(whyoom(*arguments).stdout)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """The service killed twice, the second time with a larger limit: a folder with db and out."""
    from harness import MemoryCgroup, run_whyoom
    reason = MemoryCgroup.why_not()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("history")
    for number, limit in enumerate((100 * MIB, 150 * MIB)):
        group = MemoryCgroup(f"whyoom-test-{os.getpid()}-history-{number}", limit)
        service = Exportd(folder, group, 4096 * MIB)
        running = Watch(folder, "--cgroup", group.path, "--out", folder / "out", "--hold",
                        "--db", folder / "t.db")
        try:
            wait_until(lambda: "baseline taken" in running.output(), 20, "a baseline")
            run_whyoom("mark", f"deploy v1.{number}", "--db", folder / "t.db")
            time.sleep(1.5)  # a sample in calm
            service.download(FAST)
            assert running.wait(60) == OK, running.output()
            assert "timeline" not in running.stderr_path.read_text(), running.output()
        finally:
            running.stop()
            service.stop()
            group.close()
    return folder


@pytest.mark.short
def test_a_watch_fills_the_timeline(whyoom, history):
    timeline = read_json(whyoom, "timeline", "exportd", "--json", "--db", history / "t.db")
    first, second = timeline["targets"]
    assert first["ending"] == second["ending"] == "cgroup-oom"
    assert first["build_id"] and first["build_id"] == second["build_id"]
    for target, limit in ((first, 100 * MIB), (second, 150 * MIB)):
        samples = [row for row in timeline["samples"] if row["target"] == target["id"]]
        seen = set().union(*samples)
        assert {"usage_bytes", "anon_bytes", "file_bytes", "rss_bytes", "fds", "threads",
                "heap_live_bytes", "heap_goal_bytes", "goroutines"} <= seen
        most = max(value["most"] if isinstance(value, dict) else value
                   for value in (row.get("usage_bytes", 0) for row in samples))
        assert limit * 0.9 < most < limit * 1.05  # the kernel may charge a little over
    assert [event["text"] for event in events(timeline, "hand")] == ["deploy v1.0", "deploy v1.1"]
    assert len(events(timeline, "kill")) == len(events(timeline, "incident")) == 2
    assert len(events(timeline, "restart")) == 1
    assert "150 MiB (before: 100 MiB)" in events(timeline, "limit")[0]["text"]
    assert not events(timeline, "binary")
    assert len(events(timeline, "snapshot")) >= 4
    assert "held" in {event["text"] for event in events(timeline, "snapshot")}


def test_the_screen_fits_and_tells_it(whyoom, history):
    for width in (60, 80, 200):
        for locale, block in (("C.UTF-8", "█"), ("C", "#")):
            env = {"LC_ALL": locale, "COLUMNS": str(width)}
            text = whyoom("timeline", "exportd", "--db", history / "t.db", env=env).stdout
            assert max(map(len, text.splitlines())) <= width, text
            assert block in text and text.isascii() == (locale == "C"), text
            for word in ("limit", "anon", "live heap", "goroutines", "fds", "threads", "limit",
                         "deploy v1.1", "incident 2", "killed at the limit"):
                assert word in " ".join(text.split()), word
    whole = whyoom("timeline", "--db", history / "t.db").stdout
    assert "exportd" in whole


def test_csv_has_the_same_samples(whyoom, history):
    rows = whyoom("timeline", "--csv", "--db", history / "t.db").stdout.splitlines()
    timeline = read_json(whyoom, "timeline", "--json", "--db", history / "t.db")
    assert len(rows) == 1 + len(timeline["samples"])
    assert {len(row.split(",")) for row in rows} == {6 + 3 * 12}


def test_selecting(whyoom, history):
    pid = read_json(whyoom, "incidents", "--json", "--db", history / "t.db")[0]["pid"]
    timeline = read_json(whyoom, "timeline", pid, "--json", "--db", history / "t.db")
    assert [target["pid"] for target in timeline["targets"]] == [pid]
    nothing = whyoom("timeline", "nobody", "--db", history / "t.db", code=TARGET_ERROR)
    assert "exportd" in nothing.stderr
    whyoom("timeline", "--since", "soon", "--db", history / "t.db", code=USAGE)
    whyoom("timeline", "--json", "--csv", "--db", history / "t.db", code=USAGE)


def test_incidents_and_their_reports(whyoom, history):
    newest, oldest = read_json(whyoom, "incidents", "--json", "--db", history / "t.db")
    assert newest["cause"] == oldest["cause"] == "cgroup-oom"
    assert CULPRIT in newest["function"] and newest["rule"] and newest["build_id"]
    listed = whyoom("incidents", "--db", history / "t.db").stdout
    assert newest["sentence"] in listed and newest["directory"] in listed
    folder = Path(newest["directory"])
    shown = whyoom("report", newest["id"], "--db", history / "t.db").stdout
    assert shown == (folder / "report.txt").read_text()
    assert whyoom("report", folder).stdout == shown
    report = read_json(whyoom, "report", newest["id"], "--json", "--db", history / "t.db")
    assert report == json.loads((folder / "report.json").read_text())
    whyoom("report", 99, "--db", history / "t.db", code=TARGET_ERROR)


def test_two_incidents_compared(whyoom, history):
    difference = read_json(whyoom, "diff", 1, 2, "--json", "--db", history / "t.db")
    limit = difference["settings"]["different"]["limit_bytes"]
    assert limit == {"before": 100 * MIB, "after": 150 * MIB}
    assert {"build_id", "go_version"} <= set(difference["identity"]["same"])
    assert {"gogc", "gomaxprocs"} <= set(difference["settings"]["same"])
    assert difference["cgroup_ledger"] and difference["process_ledger"]
    assert difference["holders"][0]["delta_bytes"] > 10 * MIB
    text = whyoom("diff", 1, 2, "--db", history / "t.db").stdout
    for word in ("identity", "settings", "100 MiB -> 150 MiB", "holders", "goroutines"):
        assert word in text, text
    same = read_json(whyoom, "diff", 2, 2, "--json", "--db", history / "t.db")
    assert not any(same[part]["different"] for part in ("identity", "settings", "outcome"))


def test_a_bundle_is_opened_by_standard_tools(whyoom, history, tmp_path):
    bundle = tmp_path / "incident.tar.zst"
    whyoom("report", 2, "--bundle", bundle, "--db", history / "t.db")
    assert subprocess.run(["file", bundle], capture_output=True).returncode in (0, 1)
    if shutil.which("zstd"):
        subprocess.run(["tar", "-C", tmp_path, "-xf", bundle], check=True)
        (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
        sums = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True,
                              text=True)
        assert sums.returncode == 0, sums.stdout
        assert len(sums.stdout.splitlines()) >= 12  # the incident and its baseline
        assert whyoom("report", folder).stdout
    whyoom("report", 2, "--bundle", "/proc/no/such", "--db", history / "t.db", code=NOT_STORED)


# ---- incidents that were written by anybody ----

@pytest.fixture
def copied(history, whyoom, tmp_path):
    source = read_json(whyoom, "incidents", "--json", "--db", history / "t.db")[0]["directory"]
    folder = tmp_path / "copied"
    shutil.copytree(source, folder)
    return folder


def test_a_changed_incident_is_not_shown(whyoom, copied, tmp_path):
    for name in FILES:
        path = copied / name
        before = path.read_bytes()
        path.write_bytes(before + b"\n")
        failed = whyoom("report", copied, code=TARGET_ERROR)
        assert name in failed.stderr and not failed.stdout, failed
        bundle = tmp_path / "b.tar.zst"
        whyoom("report", copied, "--bundle", bundle, code=TARGET_ERROR)
        whyoom("diff", copied, copied, code=TARGET_ERROR)
        assert not bundle.exists() and not list(tmp_path.glob("*.partial*"))
        path.unlink()
        assert "missing" in whyoom("report", copied, code=TARGET_ERROR).stderr
        path.symlink_to("/etc/hostname")
        whyoom("report", copied, code=TARGET_ERROR)
        path.unlink()
        os.mkfifo(path)
        whyoom("report", copied, code=TARGET_ERROR)
        path.unlink()
        path.write_bytes(before)
    whyoom("report", copied)
    for manifest in (b"", b"{", b"[]", b"\xff\xfe", b'{"files": 7}', b'{"files": [[], 1, null]}',
                     b"[" * 100000):
        (copied / "manifest.json").write_bytes(manifest)
        whyoom("report", copied, code=TARGET_ERROR)
    (copied / "manifest.json").unlink()
    assert "no incident" in whyoom("report", copied, code=TARGET_ERROR).stderr


def rewrite(folder, name, data):
    """With the hash that belongs to it."""
    (folder / name).write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_text())
    for entry in manifest["files"]:
        if entry["name"] == name:
            entry["sha256"] = hashlib.sha256(data).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.short
def test_hostile_incidents(whyoom, copied, history):
    rewrite(copied, "report.txt", b"\x1b]0;owned\x07\x9b31mred\x00tail\nsecond\n")
    shown = whyoom("report", copied).stdout
    assert "\x1b" not in shown and "\x07" not in shown and "second" in shown
    for name, data in (("report.json", b"[]"), ("report.json", b"{"),
                       ("report.json", b'{"memstats": {"gogc": 9223372036854775807},'
                                       b'"goroutines": {"states": {"\x1b[31m": 5, "x": []}}}'),
                       ("ledger.json", b"[]"), ("ledger.json", b'{"total":"rss","rows":[1]}'),
                       ("heap.pb.gz", b""), ("heap.pb.gz", b"\x1f\x8b not a profile")):
        folder = copied.parent / "again"
        shutil.copytree(copied, folder)
        rewrite(folder, name, data)
        result = whyoom("diff", folder, copied, code=None)
        assert result.returncode in (OK, TARGET_ERROR) and "\x1b" not in result.stdout
        whyoom("diff", folder, copied, "--json", code=None)
        shutil.rmtree(folder)


# ---- databases that were written by anybody ----

@pytest.mark.short
def test_hostile_databases(whyoom, history, tmp_path):
    path = tmp_path / "t.db"

    def crafted(*statements):
        for name in ("t.db", "t.db-wal", "t.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        with sqlite3.connect(history / "t.db") as source, sqlite3.connect(path) as copy:
            source.backup(copy)
            for statement in statements:
                copy.execute(statement)
        copy.close()

    crafted("UPDATE target SET name = char(27) || '[31m\";=1+1', executable = char(7)",
            "UPDATE mark SET text = char(27) || ']0;x' || char(10)",
            "UPDATE incident SET sentence = char(155) || 'x', directory = 'relative/path'",
            "UPDATE sample_1 SET anon_bytes = 9223372036854775807, rss_bytes = -5,"
            " samples = 9223372036854775807",
            "UPDATE target SET first_seen_ns = -9223372036854775807 WHERE id = 1")
    for command in (["timeline"], ["timeline", "--csv"], ["incidents"], ["timeline", "7"],
                    ["timeline", "--json"], ["incidents", "--json"]):
        shown = whyoom(*command, "--db", path, code=None)
        assert not {"\x1b", "\x07"} & set(shown.stdout + shown.stderr), shown
        assert "--json" in command or "\x9b" not in shown.stdout
    whyoom("report", 1, "--db", path, code=None)
    crafted("CREATE TRIGGER t AFTER INSERT ON mark BEGIN DELETE FROM incident; END")
    whyoom("mark", "x", "--db", path, code=TARGET_ERROR)
    crafted("PRAGMA user_version = 77")
    assert "newer" in whyoom("timeline", "--db", path, code=None).stderr
    data = (history / "t.db").read_bytes()
    for cut in (0, 10, 99, 100, 512, 4096, 5000, len(data) // 2, len(data) - 1):
        for suffix in ("-wal", "-shm"):
            (tmp_path / f"t.db{suffix}").unlink(missing_ok=True)
        path.write_bytes(data[:cut])
        for command in ("timeline", "incidents"):
            whyoom(command, "--db", path, code=None)
        assert path.read_bytes() == data[:cut]  # a reader never repairs


# ---- without a place to write ----

@pytest.fixture
def sleeper(start, cgroup):
    group = cgroup(300 * MIB)
    return start("stats", NEWEST, cgroup=group)


def test_the_watch_goes_on_without_the_timeline(sleeper, tmpfs, tmp_path):
    full, readonly = tmpfs("size=64k"), tmpfs("size=1m")
    subprocess.run(["mount", "-o", "remount,ro", readonly], check=True)
    text = tmp_path / "notes.txt"
    text.write_text("not a database\n" * 100)
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(os.urandom(20000))
    locked = tmp_path / "locked.db"
    holder = sqlite3.connect(locked, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    cases = {full / "t.db": "no room", readonly / "t.db": "cannot be", text: "left as it is",
             damaged: "is kept as", locked: "another process", tmp_path / "no/such/dir/x/y/t.db": None}
    watches = {}
    try:
        for number, (path, words) in enumerate(cases.items()):
            folder = tmp_path / f"watch-{number}"
            folder.mkdir()
            watches[path] = Watch(folder, "--pid", sleeper.pid, "--out", folder / "out",
                                  "--db", path)
        for path, words in cases.items():
            output = watches[path].output
            if words:
                wait_until(lambda: words in output(), 30, f"{words}: {output()}")
            assert watches[path].process.poll() is None
        holder.execute("ROLLBACK")
        wait_until(lambda: "written again" in watches[locked].output(), 30, "the lock's end")
        os.kill(sleeper.pid, signal.SIGKILL)
        for path in cases:
            assert watches[path].wait(30) == OK, watches[path].output()
            assert "ended by signal 9" in watches[path].stdout()
    finally:
        holder.close()
        for running in watches.values():
            running.stop()
    assert text.read_text() == "not a database\n" * 100
    assert len([path for path in tmp_path.iterdir() if "damaged.db.damaged-" in path.name]) == 1
    assert sqlite3.connect(locked).execute("SELECT count(*) FROM sample_1").fetchone()[0] >= 1


def test_a_killed_watch_leaves_what_it_saw(whyoom, sleeper, tmp_path, rounds):
    database = tmp_path / "t.db"
    for _ in range(rounds(2, 20)):
        running = Watch(tmp_path, "--pid", sleeper.pid, "--out", tmp_path / "out", "--db", database)
        try:
            wait_until(lambda: "baseline taken" in running.output(), 20, "a baseline")
            time.sleep(1.2)
        finally:
            running.process.kill()
            running.process.wait()
    wait_until(lambda: not holders(database), 20, "the keeper's end")
    connection = sqlite3.connect(database)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    # The same process each time: one target, no restart.
    timeline = read_json(whyoom, "timeline", "--json", "--db", database)
    assert len(timeline["targets"]) == 1 and not timeline["targets"][0]["ended"]
    assert len(timeline["samples"]) >= rounds(2, 20)
    assert not events(timeline, "restart")


def holders(path):
    """The processes that have the file open."""
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) == str(path):
                found.append(link.parts[2])
        except OSError:
            pass
    return found


# ---- marks, and where the database is ----

def test_marks_and_places(whyoom, open_folder):
    nothing = whyoom("timeline", env={"STATE_DIRECTORY": str(open_folder / "none")},
                     code=TARGET_ERROR)
    assert "no timeline yet" in nothing.stderr
    state = {"STATE_DIRECTORY": f"{open_folder}/state:/somewhere/else"}
    whyoom("mark", "deploy \x1b[31m v1", env=state)
    assert (open_folder / "state/whyoom.db").stat().st_mode & 0o777 == 0o600
    whyoom("mark", env=state, code=USAGE)
    whyoom("mark", "x" * 5000, env=state, code=USAGE)
    whyoom("mark", "x", "--db", "none", code=USAGE)
    home = open_folder / "home"
    home.mkdir()
    shutil.chown(home, 65534, 65534)
    user = {"STATE_DIRECTORY": "", "HOME": str(home), "XDG_STATE_HOME": ""}
    whyoom("mark", "mine", env=user, prefix=NOBODY)
    assert (home / ".local/state/whyoom/whyoom.db").exists()
    # Another user's database cannot be read, and root leaves it the user's.
    failed = whyoom("timeline", "--db", open_folder / "state/whyoom.db", prefix=NOBODY,
                    code=TARGET_ERROR)
    assert "cannot be opened" in failed.stderr
    mine = home / ".local/state/whyoom/whyoom.db"
    whyoom("mark", "by root", "--db", mine)
    assert {path.stat().st_uid for path in mine.parent.iterdir()} == {65534}


def test_a_link_in_the_place_of_the_database_is_not_followed(whyoom, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    (tmp_path / "t.db").symlink_to(victim)
    whyoom("mark", "x", "--db", tmp_path / "t.db", code=TARGET_ERROR)
    assert victim.read_text() == "precious\n"


def test_the_verdict_says_what_began_when(whyoom, history, tmp_path):
    """On each face: the growth, the mark before it, what did not grow."""
    newest, oldest = read_json(whyoom, "incidents", "--json", "--db", history / "t.db")
    for incident, mark in ((newest, "deploy v1.1"), (oldest, "deploy v1.0")):
        report = read_json(whyoom, "report", incident["directory"], "--json")
        lines = report["verdict"]["timeline"]
        assert lines[0].startswith(("memory: began to grow", "the Go heap: began to grow")), lines
        assert any(re.search(f'the growth began (with|.* after) the mark "{mark}"', line)
                   for line in lines), lines
        numbers = {each["what"]: each for each in report["course"]["numbers"]}
        memory = numbers["memory"]
        assert memory["grew"] and memory["now"] > 1.5 * memory["before"]
        marks = [each for each in report["course"]["marks"] if each["text"] == mark]
        assert len(marks) == 1 and marks[0]["kind"] == "hand"
        # The load came 1.5 s after the mark, whatever the machine was busy with.
        after_ns = memory["began_unix_ns"] - marks[0]["unix_ns"]
        assert -memory["give_ns"] <= after_ns < memory["give_ns"] + 30e9
        text = whyoom("report", incident["directory"]).stdout
        markdown = whyoom("report", incident["directory"], "--md").stdout
        assert mark in text and "## On the timeline" in markdown and "deploy" in markdown
        page = tmp_path / "page.html"
        whyoom("report", incident["directory"], "--html", page, "--db", history / "t.db")
        assert "began to grow" in page.read_text()
        assert read_json(whyoom, "why", incident["directory"], "--json")["course"] == report["course"]


def test_the_course_of_a_live_process(whyoom, history, watch, start, cgroup, tmp_path):
    """`why PID` knows what a watch has stored of it."""
    target = start("leak", NEWEST, "-rate", "10", "-warm", "30", "-await", cgroup=cgroup(900 * MIB))
    running = watch("--pid", target.pid, "--out", tmp_path / "out", "--db", tmp_path / "t.db")
    wait_until(lambda: "baseline taken" in running.output(), 20, "a baseline")
    time.sleep(6)
    whyoom("mark", "config 230000 ids", "--db", tmp_path / "t.db")
    target.process.stdin.write("\n")
    target.process.stdin.flush()
    time.sleep(8)
    report = read_json(whyoom, "why", target.pid, "--json", "--db", tmp_path / "t.db")
    lines = report["verdict"]["timeline"]
    assert any("config 230000 ids" in line for line in lines), (lines, report.get("course"))
    assert {"memory"} <= {each["what"] for each in report["course"]["numbers"] if each["grew"]}
    assert "course" not in read_json(whyoom, "why", target.pid, "--json", "--db", "none")


def test_a_bundle_has_its_page(whyoom, history, tmp_path):
    """In the reader's language, and small enough to send."""
    incident = read_json(whyoom, "incidents", "--json", "--db", history / "t.db")[0]["directory"]
    for language, heading in (("en", "html lang=\"en\""), ("zh", "html lang=\"zh")):
        bundle = tmp_path / f"{language}.tar.zst"
        whyoom("report", incident, "--bundle", bundle, "--lang", language, "--db",
               history / "t.db")
        subprocess.run(["tar", "xf", bundle, "-C", tmp_path], check=True)
        folder = tmp_path / Path(incident).name
        page = (folder / "report.html").read_text()
        assert heading in page and 50_000 < len(page) < 500_000
        assert "deploy v1.1" in page  # a mark of the timeline
        subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
        assert bundle.stat().st_size < 300_000
        again = read_json(whyoom, "why", bundle, "--json")
        assert again["verdict"]["fingerprint"] == read_json(
            whyoom, "report", incident, "--json")["verdict"]["fingerprint"]
        shutil.rmtree(folder)


def test_a_stored_report_in_the_language_of_its_reader(whyoom, history):
    incident = read_json(whyoom, "incidents", "--json", "--db", history / "t.db")[0]["directory"]
    stored = (Path(incident) / "report.txt").read_text()
    assert whyoom("report", incident).stdout == stored
    # Told again of what is stored, it is the same report.
    assert whyoom("why", incident).stdout == stored
    for form in ([], ["--md"]):
        for options, env in ((["--lang", "zh"], {}), ([], {"LC_ALL": "zh_CN.UTF-8"})):
            text = whyoom("report", incident, *form, *options, env=env).stdout
            assert "内存：最先开始增长" in text or "Go 堆：最先开始增长" in text, text
            assert "deploy v1.1" in text and CULPRIT in text
            assert "began to grow" not in text and "was killed" not in text, text
    english = read_json(whyoom, "report", incident, "--json", "--lang", "zh")
    assert "was killed" in english["verdict"]["sentence"]


def test_a_process_that_had_the_same_id_before(whyoom, watch, start, cgroup, tmp_path):
    """What was stored of another one is not its course."""
    target = start("leak", NEWEST, "-rate", "10", "-warm", "30", cgroup=cgroup(900 * MIB))
    running = watch("--pid", target.pid, "--out", tmp_path / "out", "--db", tmp_path / "t.db")
    wait_until(lambda: "baseline taken" in running.output(), 20, "a baseline")
    time.sleep(9)
    running.stop()
    ask = ("why", target.pid, "--json", "--db", tmp_path / "t.db")
    assert "course" in read_json(whyoom, *ask)
    with sqlite3.connect(tmp_path / "t.db") as database:
        database.execute("UPDATE target SET started_ns = started_ns - 3600000000000")
    assert "course" not in read_json(whyoom, *ask)
    with sqlite3.connect(tmp_path / "t.db") as database:
        database.execute("UPDATE target SET started_ns = -9223372036854775807")
    assert "course" not in read_json(whyoom, *ask)
