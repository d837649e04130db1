# SPDX-License-Identifier: Apache-2.0
"""The same goroutines, whatever they come from: a process, its own dumps and profiles as files and over
HTTP, a core, an incident and its bundle."""

import gzip
import json
import signal
import subprocess
import threading
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from dumps import parse_dump, parse_profile
from harness import (NEWEST_SERVICE, NOT_STORED, TARGET_ERROR, USAGE, end, program, run_pprof,
                     wait_until)

COUNT = 400
OF_EACH = {"chan receive": 200, "select": 100, "sync.Mutex.Lock": 100}


def parked(whyoom, target):
    """Once all have come to where they wait."""
    wait_until(lambda: sum(groups_of(seen_in(whyoom, target.pid)).values()) == COUNT, 30, "all wait")
    return target


@pytest.fixture
def many(whyoom, start):
    return parked(whyoom, start("many", NEWEST_SERVICE, "-count", COUNT))


def url_of(target, arguments=""):
    return f"http://{target.listening}/debug/pprof/goroutine{arguments}"


def body_of(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as answer:
        return answer.read()


def seen_in(whyoom, source, *arguments):
    return json.loads(whyoom("goroutines", source, "--json", *arguments).stdout)


def groups_of(seen):
    """{(state, functions): count} of what the program `many` waits in."""
    return Counter({(group["wait_reason"], tuple(frame["function"] for frame in group["frames"])):
                    group["count"] for group in seen["groups"] if group["count"] > 50})


def test_every_source_has_the_same_groups(whyoom, many, tmp_path):
    truth = groups_of(seen_in(whyoom, many.pid))
    assert sum(truth.values()) == COUNT and len(truth) == 4
    files = {"debug2.txt": body_of(url_of(many, "?debug=2")), "proto.pb.gz": body_of(url_of(many))}
    files["debug2.txt.gz"] = gzip.compress(files["debug2.txt"])
    files["proto.pb"] = gzip.decompress(files["proto.pb.gz"])
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        assert groups_of(seen_in(whyoom, tmp_path / name)) == truth, name
    subprocess.run(["zstd", "-q", tmp_path / "debug2.txt"], check=False)
    if (tmp_path / "debug2.txt.zst").exists():
        assert groups_of(seen_in(whyoom, tmp_path / "debug2.txt.zst")) == truth
    for arguments in ("?debug=2", ""):
        assert groups_of(seen_in(whyoom, url_of(many, arguments))) == truth
    whyoom("goroutines", many.pid, "--stacks", "-o", tmp_path / "ours.txt")
    assert groups_of(seen_in(whyoom, tmp_path / "ours.txt")) == truth
    assert groups_of(seen_in(whyoom, tmp_path / "ours.txt", "--by", "label")) == truth
    # debug=1 has no frames of the runtime: what they wait for is not in it.
    one = seen_in(whyoom, url_of(many, "?debug=1"))
    without = Counter()
    for (state, functions), count in truth.items():
        without[state if state.startswith("sync") else None, functions] = count
    assert groups_of(one) == without


def test_an_incident_and_its_bundle(whyoom, start, cgroup, watch, tmp_path):
    group = cgroup(64 << 20)
    many = parked(whyoom, start("many", NEWEST_SERVICE, "-count", COUNT, cgroup=group))
    truth = groups_of(seen_in(whyoom, many.pid))
    with open(f"/proc/{many.pid}/oom_score_adj", "w") as adjust:
        adjust.write("1000")  # it dies for what its neighbour takes
    watching = watch("--pid", many.pid, "-o", tmp_path)
    wait_until(lambda: "baseline taken" in watching.output(), 30, "a baseline")
    neighbour = subprocess.Popen(group.command(["tail", "/dev/zero"]), stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
    try:
        neighbour.wait(timeout=60)
    finally:
        end(neighbour)
    watching.wait(60)
    incident = watching.incident()
    whyoom("report", incident, "--bundle", tmp_path / "bundle.tar.zst")
    for source in (incident, tmp_path / "bundle.tar.zst", incident / "goroutines.txt"):
        seen = seen_in(whyoom, source)
        assert groups_of(seen) == truth
        assert seen["stack_bytes"] > COUNT * 2000
    damaged = tmp_path / "damaged.txt"
    text = (incident / "goroutines.txt").read_text()
    damaged.write_text(text.replace("\n\n", "\nhello\n", 1))
    assert "is not of whyoom's list" in whyoom("goroutines", damaged, code=TARGET_ERROR).stderr


def test_a_core(whyoom, start, tmp_path):
    target = parked(whyoom, start("many", NEWEST_SERVICE, "-count", COUNT))
    truth = groups_of(seen_in(whyoom, target.pid))
    subprocess.run(["gcore", "-o", tmp_path / "core", str(target.pid)], check=True,
                   capture_output=True, timeout=120)
    core = tmp_path / f"core.{target.pid}"
    assert groups_of(seen_in(whyoom, core)) == truth
    assert "0 grew, 0 appeared, 0 shrank, 0 vanished" in \
        whyoom("goroutines", "--diff", target.pid, core).stdout


def test_sigquit(whyoom, tmp_path):
    log = tmp_path / "log"
    with open(log, "w") as err:
        process = subprocess.Popen([program("many", NEWEST_SERVICE), "-count", str(COUNT)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, text=True)
    try:
        while not process.stdout.readline().startswith("ready"):
            pass
        wait_until(lambda: sum(groups_of(seen_in(whyoom, process.pid)).values()) == COUNT, 30, "all wait")
        process.send_signal(signal.SIGQUIT)
        process.wait(timeout=60)
    finally:
        process.stdin.close()
        process.stdout.close()
        end(process)
    seen = seen_in(whyoom, log)
    assert seen["states"].items() >= OF_EACH.items()
    assert sum(groups_of(seen).values()) == COUNT


def test_by(whyoom, many, tmp_path):
    rows = {by: seen_in(whyoom, many.pid, "--by", by)["rows"]
            for by in ("creator", "state", "label", "function")}
    assert rows["creator"][0]["count"] == COUNT
    assert rows["creator"][0]["title"].startswith("main.main (")
    assert {row["title"]: row["count"] for row in rows["state"]}.items() >= OF_EACH.items()
    assert {row["title"] for row in rows["function"]} >= \
        {"main.receive", "main.selectTwo", "main.lock", "main.call"}
    total = seen_in(whyoom, many.pid)["count"]
    assert [(row["title"], row["count"]) for row in rows["label"]] == [("(no labels)", total)]
    assert all(sum(row["count"] for row in listed) == total for listed in rows.values())
    text = whyoom("goroutines", many.pid, "--by", "function").stdout
    assert "COUNT" in text and "main.selectTwo" in text
    assert "--by takes" in whyoom("goroutines", many.pid, "--by", "colour", code=USAGE).stderr


def test_by_label(whyoom, start):
    target = start("stacks", NEWEST_SERVICE)
    each = seen_in(whyoom, target.pid)["goroutines"]
    truth = Counter(", ".join(f"{key}: {value}" for key, value in sorted(goroutine["labels"].items()))
                    or "(no labels)" for goroutine in each if not goroutine["system"])
    rows = seen_in(whyoom, target.pid, "--by", "label")["rows"]
    assert {row["title"]: row["count"] for row in rows} == truth and len(truth) > 2


def test_diff(whyoom, start, tmp_path):
    few = start("many", NEWEST_SERVICE, "-count", 100)
    more = start("many", NEWEST_SERVICE, "-count", 160)
    for target, count in ((few, 100), (more, 160)):
        wait_until(lambda: sum(group["count"] for group in seen_in(whyoom, target.pid)["groups"]
                               if group["count"] > 20 and group["wait_reason"]) == count, 30, "all wait")
    before = tmp_path / "before.txt"
    whyoom("goroutines", few.pid, "--stacks", "-o", before)
    changes = json.loads(whyoom("goroutines", "--diff", before, more.pid, "--json").stdout)
    grew = {row["frames"][-1]["function"]: (row["before"], row["after"]) for row in changes["rows"]
            if row["change"] == "grew"}
    assert grew == {"main.receive": (25, 40), "main.selectTwo": (25, 40), "main.lock": (25, 40),
                    "main.deep": (25, 40)}
    # Those that all receive from one channel look like a pool.
    suspects = {row["frames"][-1]["function"] for row in changes["rows"] if row["verdict"] == "suspect"
                and "15 more than before" in row["reasons"]}
    assert suspects == {"main.selectTwo", "main.lock"}
    assert "suspect: " in whyoom("goroutines", "--diff", before, more.pid).stdout
    back = whyoom("goroutines", "--diff", more.pid, before, "--by", "state").stdout
    assert "groups by state: 0 grew, 0 appeared, 3 shrank, 0 vanished" in back
    assert "-30" in back and "[chan receive]" not in back
    profile = tmp_path / "before.pb.gz"
    whyoom("goroutines", few.pid, "-o", profile)
    assert "4 grew" in whyoom("goroutines", "--diff", profile, more.pid).stdout
    assert "takes two sources" in whyoom("goroutines", "--diff", before, code=USAGE).stderr


def test_flame_and_profile(whyoom, many, tmp_path):
    dump = tmp_path / "dump.txt"
    whyoom("goroutines", many.pid, "--stacks", "-o", dump)
    folded = dict(line.rsplit(" ", 1) for line in whyoom("goroutines", dump, "--flame").stdout.splitlines())
    assert folded["main.selectTwo;[select]"] == "100"
    assert sum(map(int, folded.values())) == len(parse_dump(dump.read_text()))
    path = tmp_path / "made.pb.gz"
    whyoom("goroutines", dump, "--pprof", path)
    top = {line.split()[5]: line.split()[0] for line in run_pprof("-top", "-nodefraction=0", path)
           if len(line.split()) > 5}
    assert top["main.receive"] == "100" and top["main.selectTwo"] == "100"
    assert sum(parse_profile(path).values()) == len(parse_dump(dump.read_text()))
    assert groups_of(seen_in(whyoom, path)) == groups_of(seen_in(whyoom, dump))


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/dump")
        else:
            self.send_response(500 if self.path == "/broken" else 200)
        self.end_headers()
        if self.path == "/dump":
            self.wfile.write(b"goroutine 1 [running]:\nmain.main()\n\t/a/main.go:1 +0x1\n")
        if self.path == "/endless":
            try:
                while True:
                    self.wfile.write(bytes(1 << 20))
            except OSError:
                pass

    def log_message(self, *_):
        pass


def test_urls_that_do_not_answer_well(whyoom):
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_port}"
        assert "main.main" in whyoom("goroutines", base + "/dump").stdout
        assert "status 302" in whyoom("goroutines", base + "/redirect", code=TARGET_ERROR).stderr
        assert "status 500" in whyoom("goroutines", base + "/broken", code=TARGET_ERROR).stderr
        assert "no goroutines" in whyoom("goroutines", base + "/", code=TARGET_ERROR).stderr
        assert "more than" in whyoom("goroutines", base + "/endless", code=TARGET_ERROR).stderr
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert "connect" in whyoom("goroutines", base + "/dump", code=TARGET_ERROR).stderr


@pytest.mark.short
def test_what_is_no_source(whyoom, tmp_path):
    assert "neither a process id nor a file" in whyoom("goroutines", "nothing", code=USAGE).stderr
    (tmp_path / "text").write_text("hello\n")
    assert "no goroutines" in whyoom("goroutines", tmp_path / "text", code=TARGET_ERROR).stderr
    assert whyoom("goroutines", tmp_path, code=TARGET_ERROR).stderr
    (tmp_path / "heap.pb.gz").write_bytes(gzip.compress(bytes.fromhex("0a04080110021203010203")))
    whyoom("goroutines", tmp_path / "heap.pb.gz", code=TARGET_ERROR)
    dump = tmp_path / "dump"
    dump.write_text("goroutine 1 [running]:\nmain.main()\n\t/a/main.go:1 +0x1\n")
    assert "--stacks is for" in whyoom("goroutines", dump, "--stacks", code=USAGE).stderr
    whyoom("goroutines", dump, "--pprof", tmp_path / "no/x", code=NOT_STORED)
