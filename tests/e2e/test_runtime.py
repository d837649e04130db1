# SPDX-License-Identifier: Apache-2.0
"""`whyoom runtime`: what it says of a Go runtime is, number for number, what the process gets from
runtime.ReadMemStats and runtime/metrics right after. The target reads both before it allocates."""

import json
import os

import pytest

from harness import MIB, TARGET_ERROR, USAGE, VERSIONS

# What depends on which processor the process reads its statistics on (golang/flush_cost.h).
FLUSH_FIELDS = {"Sys", "OtherSys", "MSpanInuse", "NextGC"}
# Counters that say nothing of memory, and are not read.
NOT_READ = ("/cgo/", "/godebug/", "/sync/", "/sched/")

SCENES = {
    "no collection yet": ({}, []),
    "GOGC=off": ({"GOGC": "off"}, ["work 20"]),
    "at rest": ({}, ["work 20", "rest"]),
    "allocations held back": ({}, ["work 20", "rest", "work 3"]),
    "a memory limit": ({"GOMEMLIMIT": "64MiB"}, ["work 30", "gc", "work 5"]),
    "only a memory limit": ({"GOMEMLIMIT": "48MiB", "GOGC": "off"}, ["work 60"]),
    "GOGC=37": ({"GOGC": "37"}, ["work 20", "gc", "work 2"]),
}


def runtime(whyoom, target, *arguments):
    return json.loads(whyoom("runtime", target.pid, "--json", *arguments).stdout)


def truth_of(target, folder):
    target.say("take")
    target.say(f"write {folder / 'truth.json'}")
    return json.loads((folder / "truth.json").read_text())


def as_json(value):
    """The largest numbers mean "none" to the runtime; whyoom writes null."""
    return None if isinstance(value, int) and value >= 1 << 63 else value


@pytest.mark.parametrize("processors", [1, 5])
@pytest.mark.parametrize("scene", SCENES)
def test_every_number_is_the_processs_own(whyoom, start, version, scene, processors, tmp_path):
    environment, commands = SCENES[scene]
    target = start("stats", version, env={**environment, "GOMAXPROCS": str(processors)})
    for command in commands:
        target.say(command)
    seen = runtime(whyoom, target)
    truth = truth_of(target, tmp_path)
    reading = seen["statistics_reading"]
    assert reading["consistent"] and not reading["failed_structures"] and not seen["scheduler"][
        "failed_structures"]
    assert reading["caches"] == processors
    fields = set(truth["memstats"])
    if reading["depends_on_flushing_processor"]:
        assert processors > 1
        fields -= FLUSH_FIELDS
        assert truth["memstats"]["Sys"] - seen["memstats"]["Sys"] in (0, 256 << 10)
    assert {name: seen["memstats"][name] for name in fields} == {
        name: as_json(truth["memstats"][name]) for name in fields}
    metrics = {name: as_json(value) for name, value in truth["metrics"].items()
               if not name.startswith(NOT_READ)}
    assert len(metrics) > 40
    assert {name: seen["metrics"].get(name, "missing") for name in metrics} == metrics
    name = "/sched/goroutines:goroutines"
    assert seen["metrics"][name] == truth["metrics"][name]


def test_a_stripped_program_says_the_same(whyoom, start, version, tmp_path):
    """What its code does not give away is null, and what a flush costs is not known."""
    target = start("stats-stripped", version)
    for command in ("work 20", "rest", "work 3"):
        target.say(command)
    seen = runtime(whyoom, target)
    truth = truth_of(target, tmp_path)["memstats"]
    fields = set(truth) - FLUSH_FIELDS - {"GCSys"}
    assert {name: seen["memstats"][name] for name in fields} == {
        name: as_json(truth[name]) for name in fields}
    assert seen["statistics_reading"]["consistent"]
    assert seen["scheduler"]["failed_structures"] == 0
    assert seen["scheduler"]["goroutines"] == 1


@pytest.mark.short
def test_what_is_held_back_is_counted(whyoom, start, version, tmp_path):
    """The scene that makes the caches matter: without them the numbers would be wrong."""
    target = start("stats", version, env={"GOMAXPROCS": "4"})
    for command in ("work 20", "rest", "work 3"):
        target.say(command)
    seen = runtime(whyoom, target)
    reading, metrics = seen["statistics_reading"], seen["metrics"]
    assert reading["flushed_alloc_bytes"] > 0 and reading["flushed_tiny_allocs"] > 0
    assert reading["flushed_stack_bytes"] > 0
    assert seen["memstats"]["TotalAlloc"] == (
        metrics["/gc/heap/allocs:bytes"] + reading["flushed_alloc_bytes"])
    assert seen["memstats"]["StackInuse"] == (
        metrics["/memory/classes/heap/stacks:bytes"] - reading["flushed_stack_bytes"])


def test_spans_by_class_are_the_heap(whyoom, start, version, tmp_path):
    target = start("stats", version)
    target.say("work 20")
    target.say("rest")
    spans = runtime(whyoom, target)["spans"]
    truth = truth_of(target, tmp_path)["memstats"]
    in_use = {entry["Size"]: entry["Mallocs"] - entry["Frees"] for entry in truth["BySize"]}
    seen = {}
    for row in spans["classes"]:
        assert row["span_bytes"] == row["objects_bytes"] + row["free_bytes"] + row["tail_bytes"]
        if row["object_bytes"] is not None:
            seen[row["object_bytes"]] = seen.get(row["object_bytes"], 0) + row["objects"]
    sizes = [size for size in in_use if size]
    assert {size: seen.get(size, 0) for size in sizes} == {size: in_use[size] for size in sizes}
    assert spans["objects"] == truth["HeapObjects"]
    assert spans["objects_bytes"] == truth["HeapAlloc"]
    assert spans["span_bytes"] == truth["HeapInuse"]
    assert spans["idle_bytes"] == truth["HeapIdle"]
    assert spans["idle_held_bytes"] == truth["HeapIdle"] - truth["HeapReleased"]
    assert spans["mismatched_spans"] == spans["unswept_spans"] == 0


def test_collector(whyoom, start, version, tmp_path):
    target = start("stats", version)
    for command in ("work 5", "gc", "gc", "gc"):
        target.say(command)
    gc = runtime(whyoom, target)["gc"]
    truth = truth_of(target, tmp_path)["memstats"]
    assert gc["phase"] == "off" and gc["goal_set_by"] == "GOGC"
    assert (gc["cycles"], gc["forced_cycles"]) == (truth["NumGC"], truth["NumForcedGC"])
    assert gc["last_unix_ns"] == truth["LastGC"]
    history = truth["PauseNs"][:truth["NumGC"]]
    assert gc["pauses"]["count"] == len(history)
    assert gc["pauses"]["last_ns"] == history[-1]
    assert gc["pauses"]["max_ns"] == max(history)
    assert gc["pauses"]["median_ns"] == sorted(history)[len(history) // 2]
    assert gc["live_bytes"] < gc["trigger_bytes"] < gc["goal_bytes"]
    assert gc["cpu"]["gc_total_ns"] > 0 and gc["cpu_fraction"] == truth["GCCPUFraction"]
    assert gc["limiter"]["enabled"] is False and gc["limiter"]["last_enabled_cycle"] is None


@pytest.mark.short
def test_settings_in_force_and_in_the_environment(whyoom, start, version):
    target = start("stats", version, env={"GOGC": "73", "GOMEMLIMIT": "345MiB", "GOMAXPROCS": "2"})
    target.say("profiles 1")
    settings = runtime(whyoom, target)["settings"]
    assert settings["gogc_percent"] == 73 and settings["gomemlimit_bytes"] == 345 * MIB
    assert settings["gomaxprocs"] == 2 and settings["mem_profile_rate_bytes"] == 512 * 1024
    assert settings["block_profile_rate_ticks"] == settings["mutex_profile_one_of"] == 1
    environment = settings["environment"]
    assert environment["GOGC"] == {"known": True, "text": "73", "differs": False}
    assert not environment["GOMEMLIMIT"]["differs"] and not environment["GOMAXPROCS"]["differs"]
    target.say("gogc 50")
    seen = runtime(whyoom, target)
    assert seen["settings"]["gogc_percent"] == 50
    assert seen["settings"]["environment"]["GOGC"] == {"known": True, "text": "73", "differs": True}
    assert any("GOGC=73" in sentence for sentence in seen["odd"])


def test_threads_timers_and_processors(whyoom, start, version):
    target = start("stats", version, env={"GOMAXPROCS": "3"})
    before = runtime(whyoom, target)["scheduler"]
    target.say("lock 7")
    target.say("timers 100")
    seen = runtime(whyoom, target)["scheduler"]
    assert seen["threads"]["locked"] - before["threads"]["locked"] == 7
    assert seen["goroutines"] - before["goroutines"] == 7
    assert seen["timers"]["total"] - before["timers"]["total"] == 100
    assert 0 < seen["timers"]["next_in_ns"] <= 3600 * 10**9
    assert sum(row["timers"] for row in seen["processors"]) == seen["timers"]["total"]
    assert len(seen["processors"]) == 3
    kinds = ("running", "in_syscall", "in_c", "parked", "other")
    assert sum(seen["threads"][kind] for kind in kinds) == seen["threads"]["total"]
    # The kernel's count has every thread that the runtime has.
    assert seen["threads"]["total"] == runtime(whyoom, target)["identity"]["threads"]


def test_finalizers_and_cleanups_that_wait(whyoom, start, version):
    target = start("stats", version)
    target.say("finalizers 1500")
    seen = runtime(whyoom, target)
    finalizers = seen["scheduler"]["queues"]["finalizers"]
    assert finalizers["waiting"] == 1500 and finalizers["running"] is True
    assert any("1500 finalizers wait" in sentence for sentence in seen["odd"])
    if tuple(map(int, version.split(".")[:2])) < (1, 25):
        assert seen["scheduler"]["queues"]["cleanups"]["waiting"] is None
        return
    assert finalizers["queued"] - finalizers["executed"] == 1500
    target.say("cleanups 1200")
    cleanups = runtime(whyoom, target)["scheduler"]["queues"]["cleanups"]
    assert cleanups["waiting"] == 1200 and cleanups["running"] > 0


@pytest.mark.short
def test_the_text_answers_first(whyoom, start):
    target = start("stats", VERSIONS[-1], env={"GOGC": "off"})
    target.say("work 5")
    text = whyoom("runtime", target.pid).stdout
    assert text.startswith("RUNTIME")
    assert "GOGC=off" in text.splitlines()[0]
    assert "nothing starts a collection" in text.split("MEMORY")[0]
    for title in ("COLLECTOR", "SPANS", "SCHEDULER", "SETTINGS", "METRICS", "EVIDENCE"):
        assert f"\n{title}" in text
    assert "more size classes: --classes" in text
    assert "more size classes" not in whyoom("runtime", target.pid, "--classes").stdout


@pytest.mark.short
def test_errors(whyoom):
    whyoom("runtime", code=USAGE)
    whyoom("runtime", "0", code=USAGE)
    whyoom("runtime", 1 << 22, code=TARGET_ERROR)
    answer = whyoom("runtime", os.getpid(), "--json", code=TARGET_ERROR)  # no Go program
    assert json.loads(answer.stdout)["error"]["code"]
