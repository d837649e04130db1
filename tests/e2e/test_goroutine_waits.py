# SPDX-License-Identifier: Apache-2.0
"""Programs whose goroutines wait for ever, each in one way, beside healthy pools and servers: the right
group is named first, healthy ones are not accused, and what they wait on is what the program says."""

import json
import re

import pytest

from harness import NEWEST_SERVICE, VERSIONS, run_pprof, wait_until

COUNT = 60

# way: what waits, the state, and what is said of it besides its number.
WAYS = {
    "io": ("main.readsWithoutDeadline.func1", "IO wait", ""),
    "mutex": ("main.locksWhatIsNeverReleased.func1", "sync.Mutex.Lock", "all wait for the same one"),
    "rwmutex": ("main.readLocksBehindWriter.func2", "sync.RWMutex.RLock", "all wait for the same one"),
    "waitgroup": ("main.waitsForMissingDone.func1", "sync.WaitGroup.Wait|semacquire",
                  "all wait for the same one|"),
    "cond": ("main.waitsForMissingSignal.func1", "sync.Cond.Wait", "all wait for the same one"),
    "select": ("main.selectsWithoutReadyCase.func1", "select", ""),
    "nothing": ("main.selectsNothing.func1", "select (no cases)", "nothing can ever be ready"),
    "nilchan": ("main.receivesFromNil.func1", "chan receive (nil chan)", "nothing can ever be ready"),
    "unbuffered": ("main.sendsAfterTimeout.func1", "chan send", ""),
    "full": ("main.sendsToFull.func1", "chan send", ""),
    "empty": ("main.receivesFromEmpty.func1", "chan receive", ""),
    "sender": ("main.rangesOverUnclosed.func1", "chan receive", ""),
    "receiver": ("main.sendsToNobody.func1", "chan send", ""),
    "context": ("main.waitsForCancel.func1", "chan receive", ""),
    "ticker": ("main.ticksForEver.func1", "chan receive", ""),
    "rows": ("database/sql.(*Rows).awaitDone", "select", "rows that nobody closed"),
    "bodies": ("net/http.(*persistConn).readLoop", "select", "body was neither closed nor read"),
    "pipes": ("main.waitsForPipe.func1", "chan receive", "hold their output open"),
    "held": ("main.holdsAndWaits.func1", "sync.Mutex.Lock", "all wait for the same one"),
}
# Ways whose objects nothing that can run refers to.
UNREACHABLE = ["select", "nothing", "nilchan", "unbuffered", "full", "empty", "sender", "context", "rows"]
# Those whose object a variable of the program refers to, or that the runtime serves.
REACHABLE = ["receiver", "ticker", "mutex", "rwmutex", "waitgroup", "cond", "io"]


def seen_in(whyoom, source, *arguments):
    return json.loads(whyoom("goroutines", source, "--json", *arguments).stdout)


@pytest.fixture
def start_way(whyoom, start):
    """start_way(VERSION, WAY): once all that leak wait."""

    def start_it(version, way):
        target = start("waits", version, "-count", COUNT, way)
        wait_until(lambda: any(group["count"] >= COUNT for group in seen_in(whyoom, target.pid)["groups"]
                               if "writeLoop" not in str(group["frames"])),
                   30, "all wait")
        return target

    return start_it


def suspects_of(seen):
    return sorted((group for group in seen["groups"] if group["verdict"] == "suspect"),
                  key=lambda group: -group["score"])


def check_suspect(seen, way):
    function, states, reason = WAYS[way]
    suspects = suspects_of(seen)
    assert len(suspects) == 1, [(group["count"], group["reasons"]) for group in suspects]
    group = suspects[0]
    functions = [frame["function"] for frame in group["frames"]]
    assert function in functions, functions
    assert group["count"] >= COUNT
    assert group["wait_reason"] in states.split("|")
    assert any(part in group["reasons"] for part in reason.split("|"))
    return group


@pytest.mark.parametrize("way", WAYS)
def test_the_right_one_is_named_first(whyoom, start_way, version, way, tmp_path):
    target = start_way(version, way)
    check_suspect(seen_in(whyoom, target.pid), way)
    text = whyoom("goroutines", target.pid).stdout
    first = re.search(r"SUSPECT +(\d+) in \[([^\]]*)\] at (\S+)", text)
    assert first and int(first[1]) >= COUNT and first[2] in WAYS[way][1].split("|")
    assert "idle by design: a server that waits for connections" in text
    dump = tmp_path / "dump.txt"
    whyoom("goroutines", target.pid, "--stacks", "-o", dump)
    function = WAYS[way][0]
    suspects = suspects_of(seen_in(whyoom, dump))
    # A dump has no channels: by them a pool that has another name is known.
    assert any(function == frame["function"] for frame in suspects[0]["frames"])
    assert all(frame["function"] != "main.poolWorker"
               for group in suspects for frame in group["frames"])


def test_healthy_programs_are_not_accused(whyoom, start, version):
    target = start("waits", version, "none")
    seen = seen_in(whyoom, target.pid, "--who")
    assert not suspects_of(seen)
    assert "SUSPECT" not in whyoom("goroutines", target.pid).stdout
    idle = {group["reasons"]: group["count"] for group in seen["groups"] if group["verdict"] == "idle"}
    assert idle["a pool: all wait for work on one channel"] == 16
    assert idle["an idle connection of an http.Client"] == 12
    assert idle["an idle keep-alive connection of a server"] == 12
    assert idle["the loop that waits for signals"] == idle["the opener of a sql.DB"] == 1
    assert not any(group["unserved"] for group in seen["groups"])


@pytest.mark.parametrize("way", ["mutex", "rwmutex", "waitgroup", "cond", "select", "unbuffered", "full",
                                 "empty", "sender", "receiver", "context", "ticker", "pool", "held"])
def test_what_they_wait_on_is_what_the_program_says(whyoom, start_way, version, way, tmp_path):
    target = start_way(version, way)
    target.say(f"truth {tmp_path / 'truth'}")
    truth = {int(line, 16) for line in (tmp_path / "truth").read_text().split()}
    groups = [group for group in seen_in(whyoom, target.pid)["groups"] if group["count"] >= COUNT]
    objects = groups[0]["waits_on"]
    found = {int(address, 16) for item in objects
             for address in re.findall(r"(?:channel|utex|Group|Cond) 0x([0-9a-f]+)", item["object"])}
    assert found == truth
    assert sum(item["count"] for item in objects) == groups[0]["count"]
    assert groups[0]["waits_on_left_out"] == 0
    texts = " ".join(item["object"] for item in objects)
    expected = {"mutex": "(locked, 60 waiting); nobody looked for who holds it", "rwmutex": "a writer waits or holds it), to read",
                "waitgroup": "(counter 60)", "cond": "Cond ", "held": "locked, 60 waiting",
                "select": "send to channel", "unbuffered": "unbuffered, elements of 8 bytes, 1 waits to send",
                "full": "buffer 2 of 2, elements of 32 bytes, 1 waits to send",
                "empty": "buffer 0 of 8, elements of 8 bytes, 1 waits to receive",
                "sender": "unbuffered, elements of 8 bytes, 1 waits to receive",
                "receiver": "60 wait to send", "context": "elements of 0 bytes, 1 waits to receive",
                "ticker": "elements of 24 bytes", "pool": "60 wait to receive"}
    assert expected[way] in texts


def test_descriptors_have_their_peers(whyoom, start_way, version):
    target = start_way(version, "io")
    group = suspects_of(seen_in(whyoom, target.pid))[0]
    ports = set()
    for item in group["waits_on"]:
        match = re.fullmatch(r"descriptor \d+: tcp 127\.0\.0\.1:(\d+) with 127\.0\.0\.1:(\d+), established, "
                             r"reads, no deadline", item["object"])
        assert match, item
        ports.add(match[2])
    assert len(group["waits_on"]) == COUNT and len(ports) == 1


@pytest.mark.parametrize("way", [*UNREACHABLE, *REACHABLE])
def test_who_could_wake_them(whyoom, start_way, version, way):
    target = start_way(version, way)
    group = suspects_of(seen_in(whyoom, target.pid, "--who", "--mode", "stop"))[0]
    if way in REACHABLE:
        assert group["unserved"] == 0
        return
    # A word that is left over on a stack may look like one of them.
    assert group["unserved"] >= COUNT - 10
    assert "nothing that was found can wake" in group["reasons"] or \
        "nothing can ever be ready" in group["reasons"]


@pytest.mark.parametrize("way", ["select", "unbuffered", "full", "context", "sender"])
def test_the_runtime_finds_the_same_leaks(whyoom, start_way, way, tmp_path):
    """Go 1.27 looks for leaked goroutines itself."""
    target = start_way(VERSIONS[-1], way)
    ours = suspects_of(seen_in(whyoom, target.pid, "--who"))[0]
    target.say(f"leaks {tmp_path / 'leaks.pb.gz'}")
    theirs = int(re.search(r"of (\d+) total", "\n".join(run_pprof("-top", tmp_path / "leaks.pb.gz")))[1])
    assert ours["unserved"] >= COUNT - 5 and theirs >= COUNT - 5
    assert ours["unserved"] <= theirs + 1


def test_no_claim_without_a_search(whyoom, start_way):
    target = start_way(VERSIONS[-1], "unbuffered")
    assert all(group["unserved"] == 0 for group in seen_in(whyoom, target.pid)["groups"])
    text = whyoom("goroutines", target.pid, "--who").stdout
    assert "Not looked at: registers, memory of C, finalizers and cleanups" in text
    assert "nobody else refers to it" in text and "--mode stop is surer" in text
    text = whyoom("goroutines", target.pid, "--who", "--mode", "stop").stdout
    assert "--mode stop is surer" not in text


def test_the_holder_of_a_lock(whyoom, start_way, version):
    """By its stack: the only one that refers to the lock and does not wait for it."""
    target = start_way(version, "held")
    seen = seen_in(whyoom, target.pid, "--who", "--mode", "stop")
    holders = [goroutine["id"] for goroutine in seen["goroutines"]
               if goroutine["start"]["function"].startswith("main.holdsAndWaits.gowrap")
               or goroutine["start"]["function"] == "main.hold"]
    assert len(holders) == 1
    texts = [item["object"] for item in suspects_of(seen)[0]["waits_on"]]
    assert len(texts) == 1
    # Closures of those that ended may lie on the heap still, and refer to the lock too.
    assert re.search(rf", referred to by goroutine {holders[0]}, which nothing can wake itself"
                     r"(, referred to by \d+ words? of the heap)?; likely that goroutine holds it$", texts[0]), texts[0]


def test_who_holds_a_variable_is_not_guessed(whyoom, start_way, version):
    target = start_way(version, "mutex")
    seen = seen_in(whyoom, target.pid, "--who", "--mode", "stop")
    texts = [item["object"] for item in suspects_of(seen)[0]["waits_on"]]
    assert texts and all("who holds a lock that is a variable cannot be told" in text for text in texts)


@pytest.mark.parametrize("way, function, reason", [
    ("grpc", "google.golang.org/grpc.newClientStreamWithParams.func4",
     "streams that were neither cancelled nor read to their end"),
    ("lumberjack", "gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun",
     "a lumberjack.Logger that is made again and again"),
    ("cgo", "main._Cfunc_wait_in_c", "60 of them are in C, each with a thread"),
])
def test_modules_and_c(whyoom, start, way, function, reason, tmp_path):
    target = start("waitsmodules", NEWEST_SERVICE, "-count", COUNT, "-folder", tmp_path, way)
    wait_until(lambda: any(group["count"] == COUNT and function in str(group["frames"])
                           for group in seen_in(whyoom, target.pid)["groups"]), 60, "all wait")
    suspects = suspects_of(seen_in(whyoom, target.pid))
    assert function in [frame["function"] for frame in suspects[0]["frames"]]
    assert reason in suspects[0]["reasons"]
    assert not any("Accept" in str(group["frames"]) or "controlBuffer" in str(group["frames"])
                   for group in suspects)
