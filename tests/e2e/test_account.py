# SPDX-License-Identifier: Apache-2.0
"""`whyoom account`: ledgers that sum to the kernel's figures, each tool's number, what grew."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from harness import NEWEST_SERVICE, NOBODY, TARGET_ERROR, USAGE, WHYOOM, end, wait_until


def account_of(whyoom, *arguments):
    return json.loads(whyoom("account", *arguments, "--json").stdout)


def assert_sums(ledger):
    """Rows sum to the total, and what is below a row sums to it."""
    rows = ledger["rows"]
    assert sum(row["bytes"] for row in rows if row["depth"] == 0) == ledger["total_bytes"]
    for i, row in enumerate(rows):
        below = 0
        for child in rows[i + 1:]:
            if child["depth"] <= row["depth"]:
                break
            below += child["bytes"] if child["depth"] == row["depth"] + 1 else 0
        assert below in (0, row["bytes"]), row


def bytes_of(ledger, key):
    return sum(row["bytes"] for row in ledger["rows"] if row["key"] == key)


def status_bytes(pid, name):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M).group(1)) * 1024


def opened_by(pid):
    return {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}


def stat_of(group):
    return {key: int(value) for key, value in
            (line.split() for line in group.read("memory.stat").splitlines())}


@pytest.fixture
def rested(start, cgroup):
    """A program at rest in a cgroup of its own, and that cgroup."""
    group = cgroup(512 << 20)
    target = start("allocs", NEWEST_SERVICE, cgroup=group)
    target.say("rest")
    return target, group


@pytest.mark.short
@pytest.mark.parametrize("mode", ["live", "stop"])
def test_the_processs_ledger_is_its_resident_memory(whyoom, rested, mode):
    target, _ = rested
    account = account_of(whyoom, target.pid, "--mode", mode)
    ledger = account["processes"][0]["ledger"]
    assert_sums(ledger)
    rollup = Path(f"/proc/{target.pid}/smaps_rollup").read_text()
    assert ledger["total_bytes"] == int(re.search(r"^Rss:\s+(\d+) kB", rollup, re.M).group(1)) * 1024
    assert ledger["total_bytes"] == status_bytes(target.pid, "VmRSS")
    assert abs(bytes_of(ledger, "unexplained")) * 100 <= ledger["total_bytes"]


@pytest.mark.short
def test_each_tool_shows_its_own_number(whyoom, rested, tmp_path):
    target, group = rested
    tools = {view["key"]: view for view in account_of(whyoom, target.pid)["tools"]}
    stat = stat_of(group)
    usage = int(group.read("memory.usage_in_bytes"))
    resident = status_bytes(target.pid, "VmRSS")
    truth = target.memstats(tmp_path / "memstats")
    for name, key in [("HeapAlloc", "heap_alloc"), ("HeapInuse", "heap_inuse"),
                      ("HeapSys", "heap_sys"), ("Sys", "sys")]:
        assert tools[key]["bytes"] == truth[name]
    assert tools["top_res"]["bytes"] == resident
    assert tools["usage"]["bytes"] == usage
    assert tools["working_set"]["bytes"] == usage - stat["total_inactive_file"]
    assert tools["usage_less_cache"]["bytes"] == usage - stat["total_cache"]
    assert tools["container_rss"]["bytes"] == stat["total_rss"]


@pytest.mark.short
def test_what_lies_between_two_tools_has_names(whyoom, rested):
    tools = account_of(whyoom, rested[0].pid)["tools"]
    assert len(tools) == 11
    for before, after in zip(tools, tools[1:]):
        steps = after["since_the_one_before"]
        assert after["bytes"] - before["bytes"] == sum(step["bytes"] for step in steps)
        assert all(step["label"] for step in steps)


@pytest.mark.short
def test_a_cgroup_with_several_processes(whyoom, cgroup, start):
    group = cgroup(1 << 30)
    targets = [start("leak", NEWEST_SERVICE, "-warm", warm, "-await", cgroup=group)
               for warm in (60, 120)]
    account = account_of(whyoom, "--cgroup", group.path)
    assert [item["identity"]["pid"] for item in account["processes"]] == [
        targets[1].pid, targets[0].pid]
    for item in account["processes"]:
        assert_sums(item["ledger"])
    ledger = account["cgroup"]["ledger"]
    assert_sums(ledger)
    assert ledger["total_bytes"] == account["cgroup"]["usage_bytes"]
    assert account["cgroup"]["limit_bytes"] == 1 << 30
    for target, mib in zip(targets, (60, 120)):
        rows = ledger["rows"]
        at = next(i for i, row in enumerate(rows) if row["key"] == f"anon.process.{target.pid}")
        objects = next(row for row in rows[at:] if row["key"] == "go.heap.objects")
        assert objects["bytes"] == pytest.approx(mib << 20, rel=0.05)
    assert "PROCESS" in whyoom("account", "--cgroup", group.path).stdout


def test_a_cgroup_without_a_process(whyoom, cgroup):
    account = account_of(whyoom, "--cgroup", cgroup(1 << 30).path)
    assert account["processes"] == [] and account["tools"] == []
    assert_sums(account["cgroup"]["ledger"])


@pytest.mark.short
def test_what_grew_leads_with_its_share(whyoom, start, cgroup, tmp_path):
    group = cgroup(1 << 30)
    target = start("leak", NEWEST_SERVICE, "-warm", 30, "-await", "-rate", 400, "-limit", 200,
                   cgroup=group)
    saved = [tmp_path / "A.json", tmp_path / "B.json"]
    saved[0].write_text(whyoom("account", target.pid, "--json").stdout)
    target.process.stdin.write("\n")
    target.process.stdin.flush()
    wait_until(lambda: status_bytes(target.pid, "RssAnon") > 225 << 20, 20, "growth")
    saved[1].write_text(whyoom("account", target.pid, "--json").stdout)
    diff = json.loads(whyoom("account", "--diff", *saved, "--json").stdout)
    for kind in ("process", "cgroup"):
        first = diff[kind]["changes"][0]
        assert first["path"].split("/")[-1].startswith("go.heap.")
        assert first["delta"] > 150 << 20
        assert first["share_of_growth"] > 0.9
        assert (sum(row["delta"] for row in diff[kind]["changes"]) ==
                diff[kind]["total_after"] - diff[kind]["total_before"])
    text = whyoom("account", "--diff", *saved).stdout
    assert re.search(r"9\d(\.\d)?% of the growth is ", text)


@pytest.mark.short
@pytest.mark.parametrize("text, words", [
    ("", "no JSON"),
    ("{}", "no ledger in it"),
    ('{"rows": [], "total": "rss", "total_bytes": 4096}', "do not sum up"),
    ('{"rows": [{"key": "a", "bytes": 1, "depth": 99}], "total": "rss", "total_bytes": 1}',
     "no ledger"),
    ('{"rows": 5, "total": "usage", "total_bytes": 1}', "no ledger"),
    ("[" * 100000, "no JSON"),
])
def test_a_damaged_file_is_named(whyoom, tmp_path, text, words):
    path = tmp_path / "damaged.json"
    path.write_text(text)
    result = whyoom("account", "--diff", path, path, code=TARGET_ERROR)
    assert words in result.stderr and "damaged.json" in result.stderr


@pytest.mark.short
@pytest.mark.parametrize("arguments", [[], ["1", "--cgroup", "/"], ["--diff", "one"], ["x" * 9]])
def test_usage(whyoom, arguments):
    whyoom("account", *arguments, code=USAGE)


def test_what_is_not_there(whyoom, tmp_path):
    whyoom("account", "--cgroup", tmp_path, code=TARGET_ERROR)
    whyoom("account", "--diff", tmp_path / "a", tmp_path / "b", code=TARGET_ERROR)
    whyoom("account", 4194303, code=TARGET_ERROR)


def test_a_process_that_is_not_go(whyoom):
    """It has a ledger all the same."""
    account = account_of(whyoom, os.getpid())
    assert_sums(account["processes"][0]["ledger"])
    keys = {view["key"] for view in account["tools"]}
    assert "top_res" in keys and "heap_alloc" not in keys


@pytest.mark.short
def test_how_far_it_is_to_the_kill(whyoom, cgroup, start):
    """By the limit above, which has less room; the page cache is no part of it."""
    above = cgroup(200 << 20)
    group = cgroup(150 << 20, above=above)
    target = start("leak", NEWEST_SERVICE, "-warm", 60, "-await", cgroup=group)
    eater = start("leak", NEWEST_SERVICE, "-warm", 80, "-await", cgroup=above)
    account = account_of(whyoom, target.pid)
    headroom = account["cgroup"]["headroom"]
    assert headroom["bites"]["path"] == str(above.path)
    assert headroom["bites"]["headroom_bytes"] == pytest.approx(
        (200 << 20) - status_bytes(target.pid, "RssAnon") - status_bytes(eater.pid, "RssAnon"),
        abs=12 << 20)
    assert re.search(r"limit +200 MiB of .*:\s+\d+(\.\d+)? MiB to\s+the\s+kill",
                     whyoom("account", target.pid).stdout)


def test_which_files_the_page_cache_is_of(whyoom, cgroup, start, tmp_path):
    group = cgroup(400 << 20)
    target = start("allocs", NEWEST_SERVICE, cgroup=group)
    path = tmp_path / "service.log"
    subprocess.run(group.command(["dd", "if=/dev/zero", f"of={path}", "bs=1M", "count=60"]),
                   check=True, stderr=subprocess.DEVNULL)
    reader = subprocess.Popen(group.command(["tail", "-f", str(path)]), stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: str(path) in opened_by(reader.pid), 10, "tail")
        account = account_of(whyoom, target.pid)
    finally:
        end(reader)
    cache = account["cgroup"]["cache"]
    assert_sums(cache)
    row = max(cache["rows"], key=lambda row: row["bytes"])
    assert row["label"] == str(path) and row["bytes"] == pytest.approx(60 << 20, rel=0.05)


@pytest.fixture
def hidden(whyoom, open_folder):
    """whyoom for a user from whom /proc hides the processes of others."""
    mount = 'mount -t proc -o hidepid=2 proc /proc && exec "$@"'
    copy = open_folder / "whyoom"
    copy.write_bytes(WHYOOM.read_bytes())
    copy.chmod(0o755)
    prefix = ("unshare", "--mount", "sh", "-c", mount, "sh", *NOBODY)
    return lambda *arguments, **options: whyoom(*arguments, prefix=prefix, program=copy, **options)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.short
def test_processes_that_proc_hides(whyoom, hidden, cgroup, start):
    group = cgroup(256 << 20)
    target = start("leak", NEWEST_SERVICE, "-warm", 40, "-await", cgroup=group)
    account = json.loads(hidden("account", "--cgroup", group.path, "--json").stdout)
    assert account["processes"] == [] and account["unread_processes"] == 0
    assert account["cgroup"]["processes"] == account["cgroup"]["unseen_processes"] == 1
    assert_sums(account["cgroup"]["ledger"])
    rows = {row["key"]: row for row in account["cgroup"]["ledger"]["rows"]}
    assert rows["anon.rest"]["bytes"] == rows["anon"]["bytes"] > 40 << 20
    assert rows["anon.rest"]["label"].startswith("of processes that are not seen")
    text = hidden("account", "--cgroup", group.path).stdout
    assert "not seen    1 process of the cgroup: hidden by /proc (hidepid)" in text
    failed = hidden("account", target.pid, code=TARGET_ERROR)
    assert f"/proc hides process {target.pid} from this user (hidepid)" in failed.stderr
