# SPDX-License-Identifier: Apache-2.0
"""Relief: a limit written from outside saves the program that dies of its garbage, and not the one
that leaks; what was written is what the program itself has then; everything can be undone."""

import json
import os
import random
import signal
import subprocess
import time

import pytest

from harness import (MIB, NOBODY, OTHER_ERROR, TARGET_ERROR, UNSUPPORTED, USAGE, VERSIONS, WHYOOM,
                     Target, minor_of, program)
from reach import OLD_VERSION, ROOT, TARGETS, versions_of
from test_hostile import LIES

NEWEST = "1.26.8"
NO_LIMIT = (1 << 63) - 1
ROOM = 192 * MIB
LIVE = 48        # MiB; with GOGC=400 the heap's goal is five times that
LOAD = 400       # MiB of garbage; without relief less than half of it kills
DEFAULT_RATE = 512 << 10


def churn_versions(metafunc):
    if not metafunc.config.getoption("all_versions"):
        return [OLD_VERSION, *VERSIONS]
    found = versions_of(ROOT / "tests/targets/versions-all")
    return [version for version in found if (TARGETS / f"go{version}" / "churn").exists()]


def pytest_generate_tests(metafunc):
    for name, first in (("churn_version", 18), ("limit_version", 19)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, [version for version in churn_versions(metafunc)
                                        if minor_of(version) >= first])


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def relieve(whyoom, state):
    """relieve(target, *arguments) -> the JSON."""
    return lambda target, *arguments: json.loads(
        whyoom("relieve", target.pid, "--state", state, "--json", *arguments).stdout)


@pytest.fixture
def settings(tmp_path):
    """settings(target): as the target's own runtime has them."""
    return lambda target: target.ask_json("settings", tmp_path / "settings.json")


@pytest.fixture
def churn(start, cgroup):
    """churn(version): with its live heap, and a goal that its cgroup has no room for."""

    def begin(version, gogc="400", live=LIVE, room=ROOM, name="churn"):
        group = cgroup(room) if room else None
        target = start(name, version, env={"GOGC": gogc}, cgroup=group)
        target.group = group
        target.say(f"remember {live}")
        target.say("collect")
        target.say("collect")  # between this one and the one before nothing grew
        return target

    return begin


def dies_of(target, command):
    """The kernel kills it meanwhile, for its own cgroup's limit."""
    with pytest.raises(AssertionError, match="answered ''"):
        target.say(command)
    assert target.process.wait(timeout=10) == -signal.SIGKILL
    assert target.group.oom_control()["oom_kill"] == 1


# ---- a memory limit ----

@pytest.mark.parametrize("without_version", [VERSIONS[0], NEWEST])
def test_without_relief_the_load_kills(churn, without_version):
    dies_of(churn(without_version), f"waste {LOAD}")


def test_auto_saves_the_churn_and_undo_brings_back_what_was(
        churn, relieve, settings, limit_version, state):
    target = churn(limit_version)
    done = relieve(target, "--memory-limit", "auto")
    memory, limit = done["memory"], done["changes"]["memory_limit"]
    assert memory["outlook"] == "helps" and done["written"]
    assert limit["before"] is None and limit["after"] == memory["budget_bytes"]
    assert memory["room"]["limit_bytes"] == ROOM
    assert memory["reserve_bytes"] == 32 * MIB
    assert limit["after"] == ROOM - 32 * MIB - memory["not_go_bytes"]
    assert LIVE * MIB <= memory["live_bytes"] < (LIVE + 4) * MIB
    assert memory["goal_after_bytes"] < ROOM < memory["goal_before_bytes"]
    assert settings(target)["memory_limit"] == limit["after"], "the program's own view"
    target.say(f"waste {LOAD}")
    own = settings(target)
    assert own["heap_goal"] < ROOM and own["sys"] < ROOM and own["gc_percent"] == 400
    assert target.group.oom_control()["oom_kill"] == 0
    undone = relieve(target, "--undo")["undone"]
    assert undone["memory_limit"]["outcome"] == "restored"
    assert settings(target)["memory_limit"] == NO_LIMIT
    assert not list(state.iterdir()), "nothing left to undo"


def test_the_stripped_churn_is_saved_too(churn, relieve):
    target = churn(NEWEST, name="churn-stripped")
    relieve(target, "--memory-limit", "auto")
    target.say(f"waste {LOAD}")
    assert target.group.oom_control()["oom_kill"] == 0


def test_an_ancestors_limit_is_what_auto_goes_by(start, cgroup, relieve, tmp_path):
    """And what its other processes hold is not for the heap."""
    above = cgroup(ROOM)
    (above.path / "below").mkdir()
    below = above.path / "below"
    neighbour = start("churn", NEWEST, cgroup=above)
    neighbour.say("remember 60")
    target = Target(program("churn", NEWEST), prefix=(
        "sh", "-c", 'echo $$ > "$0" && exec "$@"', str(below / "cgroup.procs")))
    try:
        memory = relieve(target)["memory"]
        assert memory["room"]["path"] == str(above.path)
        assert 60 * MIB < memory["not_go_bytes"] < 80 * MIB
        assert memory["budget_bytes"] < ROOM - 60 * MIB
    finally:
        target.stop()
        below.rmdir()


def test_a_churn_at_full_speed_is_no_leak(churn, relieve):
    """What is allocated while a collection marks counts as marked; it is garbage all the same."""
    target = churn(NEWEST, room=None)
    target.process.stdin.write("waste 4000\n")
    target.process.stdin.flush()
    looks = [relieve(target, "--dry-run", "--memory-limit", "120MiB")["memory"] for _ in range(5)]
    lives = sorted(look["live_bytes"] for look in looks)
    assert LIVE * MIB <= lives[len(lives) // 2] < (LIVE + 12) * MIB, lives
    relieve(target, "--memory-limit", "120MiB", "--force")
    assert target.process.stdout.readline() == "ok\n"


@pytest.mark.short
def test_what_is_said_in_words(churn, whyoom, state):
    target = churn(NEWEST)
    shown = whyoom("relieve", target.pid, "--state", state).stdout
    assert "relief helps" in shown and "nothing was written" in shown
    assert not list(state.iterdir())
    done = whyoom("relieve", target.pid, "--memory-limit", "auto", "--state", state).stdout
    before, after = done.split("written, and read back")
    assert "memory limit  none -> " in before and "in reserve" in before and "collecting" in before
    assert f"undo: whyoom relieve {target.pid} --undo --state {state}" in after
    undone = whyoom("relieve", target.pid, "--undo", "--state", state).stdout
    assert "-> none, read back" in undone
    assert "nothing to undo" in whyoom("relieve", target.pid, "--undo", "--state", state).stdout


def test_without_a_cgroup_limit_auto_is_refused_and_a_size_is_not(
        churn, whyoom, relieve, settings, state):
    target = churn(NEWEST, room=None)
    refused = whyoom("relieve", target.pid, "--memory-limit", "auto", "--state", state,
                     code=TARGET_ERROR)
    assert "no cgroup limit" in refused.stderr
    relieve(target, "--memory-limit", "150MiB")
    assert settings(target)["memory_limit"] == 150 * MIB
    target.say("waste 300")
    assert settings(target)["sys"] < 160 * MIB


# ---- the true leak ----

def test_a_leak_in_its_growth_is_put_off_not_prevented(churn, relieve):
    target = churn(NEWEST, gogc="100", live=1)
    target.say("remember 100")
    memory = relieve(target, "--memory-limit", "auto")["memory"]
    assert memory["outlook"] == "delays" and memory["survivors_fraction"] > 0.8
    assert memory["growth_bytes_per_second"] > 0 and memory["full_in_ns"] > 0
    assert memory["live_bytes"] > 90 * MIB
    dies_of(target, "remember 150")


@pytest.mark.short
def test_a_leak_that_fills_its_room_is_refused_and_force_does_not_save_it(
        churn, whyoom, relieve, settings, state):
    target = churn(NEWEST, gogc="100", live=170)
    refused = whyoom("relieve", target.pid, "--memory-limit", "auto", "--state", state,
                     code=UNSUPPORTED)
    assert "relief cannot help" in refused.stdout and "relief cannot help" in refused.stderr
    assert settings(target)["memory_limit"] == NO_LIMIT and not list(state.iterdir())
    forced = relieve(target, "--memory-limit", "auto", "--force")
    limit = forced["changes"]["memory_limit"]["after"]
    assert forced["memory"]["outlook"] == "cannot"
    assert limit >= forced["memory"]["floor_bytes"] > 170 * MIB, "never below what is live"
    assert settings(target)["memory_limit"] == limit
    dies_of(target, "remember 40")


def test_a_limit_below_the_live_heap_is_refused(churn, whyoom, relieve, settings, state):
    target = churn(NEWEST)
    refused = whyoom("relieve", target.pid, "--memory-limit", "40MiB", "--state", state,
                     code=UNSUPPORTED)
    assert "cannot help" in refused.stderr and "--force" in refused.stderr
    assert settings(target)["memory_limit"] == NO_LIMIT
    relieve(target, "--memory-limit", "40MiB", "--force")
    assert settings(target)["memory_limit"] == 40 * MIB


# ---- GOGC ----

def test_gogc_is_in_force_after_the_next_collection(churn, relieve, settings, churn_version):
    target = churn(churn_version, room=None)
    done = relieve(target, "--gogc", "50")
    assert done["changes"]["gc_percent"] == {"before": 400, "after": 50}
    target.say("collect")
    own = settings(target)
    assert own["gc_percent"] == 50
    assert LIVE * MIB < own["heap_goal"] < 2 * LIVE * MIB
    if minor_of(churn_version) >= 19:
        assert done["memory"]["goal_after_bytes"] == pytest.approx(own["heap_goal"], rel=0.05)
    assert relieve(target, "--undo")["undone"]["gc_percent"]["outcome"] == "restored"
    target.say("collect")
    own = settings(target)
    assert own["gc_percent"] == 400 and own["heap_goal"] > 4 * LIVE * MIB


def test_gogc_off_wants_a_limit_and_is_undone_before_it(churn, whyoom, relieve, settings, state):
    """While a collection has not taken the old GOGC over, the limit is all that starts one."""
    target = churn(NEWEST)
    refused = whyoom("relieve", target.pid, "--gogc", "off", "--state", state, code=USAGE)
    assert "nothing would be collected" in refused.stderr
    relieve(target, "--gogc", "off", "--memory-limit", "auto")
    target.say("collect")
    target.say(f"waste {LOAD}")
    first = relieve(target, "--undo")["undone"]
    assert first["gc_percent"]["outcome"] == "restored"
    assert first["memory_limit"]["outcome"] == "not yet"
    target.say("collect")
    assert relieve(target, "--undo")["undone"]["memory_limit"]["outcome"] == "restored"
    own = settings(target)
    assert own["gc_percent"] == 400 and own["memory_limit"] == NO_LIMIT
    assert own["heap_goal"] < 6 * LIVE * MIB


def test_gogc_of_a_program_that_runs_without(churn, whyoom, relieve, state):
    target = churn(NEWEST, gogc="off")
    refused = whyoom("relieve", target.pid, "--gogc", "100", "--state", state, code=UNSUPPORTED)
    assert "GOGC=off" in refused.stderr and "--memory-limit" in refused.stderr
    relieve(target, "--memory-limit", "auto")
    target.say(f"waste {LOAD}")
    assert target.group.oom_control()["oom_kill"] == 0


def test_before_go_1_19_there_is_no_limit(churn, whyoom, state):
    target = churn(OLD_VERSION)
    refused = whyoom("relieve", target.pid, "--memory-limit", "auto", "--state", state,
                     code=UNSUPPORTED)
    assert "Go 1.18 has no runtime.gcControllerState.memoryLimit" in refused.stderr
    assert "--gogc" in refused.stderr
    assert "nothing was written" in whyoom("relieve", target.pid, "--state", state).stdout


# ---- undo ----

def test_undo_leaves_alone_what_the_program_set_itself(churn, relieve, settings):
    target = churn(NEWEST)
    relieve(target, "--memory-limit", "auto")
    target.say("limit 160")
    undone = relieve(target, "--undo")["undone"]["memory_limit"]
    assert undone["outcome"] == "not ours" and undone["found"] == 160 * MIB
    assert settings(target)["memory_limit"] == 160 * MIB


@pytest.mark.short
def test_undo_after_two_changes_brings_back_the_first(churn, relieve, settings):
    target = churn(NEWEST)
    relieve(target, "--memory-limit", "120MiB")
    relieve(target, "--memory-limit", "150MiB", "--gogc", "100")
    assert set(relieve(target, "--undo")["undone"]) == {"memory_limit", "gc_percent"}
    own = settings(target)
    assert own["memory_limit"] == NO_LIMIT and own["gc_percent"] == 400


def test_a_note_of_another_process_or_boot_is_no_note(churn, relieve, settings, state):
    target = churn(NEWEST)
    relieve(target, "--memory-limit", "auto")
    note = state / f"process-{target.pid}.json"
    for key, value in (("start_ticks", 1), ("boot_id", "0" * 36)):
        text = json.loads(note.read_text())
        note.write_text(json.dumps({**text, key: value}))
        undone = relieve(target, "--undo")
        assert undone["note_was_of_another_process"] and not undone["undone"]
        assert settings(target)["memory_limit"] != NO_LIMIT
        assert not note.exists()
        note.touch(mode=0o600)
        note.write_text(json.dumps(text))
    assert relieve(target, "--undo")["undone"]["memory_limit"]["outcome"] == "restored"


def test_the_note_of_a_process_that_ended_goes(churn, relieve, whyoom, state):
    target = churn(NEWEST)
    relieve(target, "--memory-limit", "auto")
    target.stop()
    gone = whyoom("relieve", target.pid, "--undo", "--state", state, code=TARGET_ERROR)
    assert "there is no process" in gone.stderr and not list(state.iterdir())


def test_no_note_no_write(churn, whyoom, relieve, settings, state, tmpfs):
    """Where it cannot be noted how to undo, or others could change the note."""
    target = churn(NEWEST)
    full = tmpfs("size=4k,mode=0700")
    (full / "fill").write_bytes(b"x" * 4096)
    shared, damaged = state / "shared", state / "damaged"
    shared.mkdir()
    shared.chmod(0o777)
    damaged.mkdir(mode=0o700)
    note = damaged / f"process-{target.pid}.json"
    note.write_text("{]")
    note.chmod(0o600)
    for folder, code in ((full, OTHER_ERROR), (shared, USAGE), (damaged, TARGET_ERROR),
                         (state / "a" / "b", TARGET_ERROR)):
        whyoom("relieve", target.pid, "--memory-limit", "auto", "--state", folder, code=code)
        assert settings(target)["memory_limit"] == NO_LIMIT
    note.unlink()
    victim = damaged / "victim"
    victim.write_text("")
    note.symlink_to(victim)
    whyoom("relieve", target.pid, "--memory-limit", "auto", "--state", damaged, code=None)
    assert settings(target)["memory_limit"] == NO_LIMIT and victim.read_text() == ""


# ---- who may, and what may not be written ----

def test_a_version_that_is_not_measured_is_not_written_to(whyoom, state, tmp_path, request):
    binary = program("churn", NEWEST).read_bytes().replace(b"go1.26.8", b"go1.99.1")
    path = tmp_path / "churn"
    path.write_bytes(binary)
    path.chmod(0o755)
    target = Target(path)
    request.addfinalizer(target.stop)
    for arguments in (["relieve", target.pid, "--memory-limit", "150MiB"],
                      ["relieve", target.pid, "--gogc", "50"], ["profiler", "on", target.pid]):
        refused = whyoom(*arguments, "--state", state, code=UNSUPPORTED)
        assert "does not write to a Go version that it was not measured with" in refused.stderr


def test_a_setting_that_cannot_be_one_is_not_written(whyoom, start, state):
    """What the target says of itself is believed only where it could be so."""
    target = start("hostile", NEWEST)
    for lie, arguments in ((LIES["a limit of nothing"], ["relieve", target.pid, "--memory-limit",
                                                         "1GiB", "--force"]),
                           (LIES["a profiling rate that is negative"],
                            ["profiler", "on", target.pid])):
        target.say(lie[0])
        refused = whyoom(*arguments, "--state", state, code=TARGET_ERROR)
        assert "which it never does: not written" in refused.stderr
    assert not list(state.iterdir())


def test_who_may_not_trace_may_not_write(churn, open_folder):
    target = churn(NEWEST)
    result = subprocess.run([*NOBODY, str(WHYOOM), "relieve", str(target.pid), "--memory-limit",
                             "150MiB", "--state", str(open_folder)], capture_output=True, text=True)
    assert result.returncode == TARGET_ERROR, result.stderr


def test_what_is_not_go_is_refused(whyoom, state):
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        try:
            refused = whyoom("relieve", sleeping.pid, "--memory-limit", "1GiB", "--state", state,
                             code=None)
        finally:
            sleeping.kill()
    assert refused.returncode in (TARGET_ERROR, UNSUPPORTED) and "Go" in refused.stderr


def test_whyoom_is_killed_at_any_moment(churn, settings, state, relieve, rounds):
    """The target goes on; what is in force is the old limit or the new one, and undo knows."""
    target = churn(NEWEST, room=None)
    seed = random.randrange(1 << 32)
    moments = random.Random(seed)
    written = 0
    for _ in range(rounds(25, 300)):
        command = [str(WHYOOM), "relieve", str(target.pid), "--memory-limit", "150MiB", "--state",
                   str(state)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            time.sleep(moments.uniform(0, 0.06))
            run.kill()
        now = settings(target)["memory_limit"]
        assert now in (NO_LIMIT, 150 * MIB), f"seed {seed}"
        written += now != NO_LIMIT
        target.say("waste 4")
        undone = relieve(target, "--undo")["undone"]
        assert settings(target)["memory_limit"] == NO_LIMIT, f"seed {seed}: {undone}"
        assert now == NO_LIMIT or undone["memory_limit"]["outcome"] == "restored", f"seed {seed}"


# ---- the profiler ----

def heap_of(whyoom, target):
    """{function: bytes of what it allocated that is in use}"""
    found = json.loads(whyoom("heap", target.pid, "--json").stdout)
    return {row["function"]: row["flat_bytes"] for row in found["now"]}


def test_the_profiler_goes_on_where_it_was_linked_out(start, whyoom, settings, state, churn_version):
    target = start("churn", churn_version)
    assert "whyoom profiler on" in whyoom("heap", target.pid, code=UNSUPPORTED).stderr
    target.say("remember 32")
    done = json.loads(whyoom("profiler", "on", target.pid, "--state", state, "--json").stdout)
    assert done["changes"] == {"mem_profile_rate": {"before": 0, "after": DEFAULT_RATE}}
    assert settings(target)["mem_profile_rate"] == DEFAULT_RATE
    target.say("remember 64")
    seen = heap_of(whyoom, target)
    assert 48 * MIB < seen["main.block"] < 80 * MIB, "what was allocated since, and that alone"
    whyoom("profiler", "64KiB", target.pid, "--state", state)
    assert settings(target)["mem_profile_rate"] == 64 << 10
    target.say("remember 8")
    undone = json.loads(whyoom("profiler", target.pid, "--undo", "--state", state, "--json").stdout)
    assert undone["undone"]["mem_profile_rate"]["outcome"] == "restored"
    assert settings(target)["mem_profile_rate"] == 0
    target.say("waste 64")


@pytest.mark.short
def test_the_profiler_of_a_program_that_turned_it_off(start, whyoom, state, version):
    target = start("allocs", version, env={"GODEBUG": "memprofilerate=0"})
    whyoom("profiler", "on", target.pid, "--state", state)
    target.say("grow 64")
    assert 48 * MIB < heap_of(whyoom, target)["main.touched"] < 80 * MIB
    whyoom("profiler", "off", target.pid, "--state", state)
    assert "profiler is off" in whyoom("heap", target.pid, code=UNSUPPORTED).stderr


# ---- the limit of a cgroup ----

def limits_of(group):
    names = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
    return [int(group.read(name)) for name in names if (group.path / name).exists()]


def relieve_cgroup(whyoom, group, state, *arguments, **options):
    return whyoom("relieve", "--cgroup", group.path, "--state", state, *arguments, **options)


@pytest.mark.short
def test_a_cgroups_limit_is_raised_and_lowered_again(churn, whyoom, state):
    target = churn(NEWEST)
    old = limits_of(target.group)
    out = relieve_cgroup(whyoom, target.group, state, "--limit", "+50%").stdout
    assert limits_of(target.group) == [limit + ROOM // 2 for limit in old]
    assert "192 MiB -> 288 MiB" in out and "written, and read back" in out
    relieve_cgroup(whyoom, target.group, state, "--limit", "320MiB")
    target.say(f"waste {LOAD}")
    assert target.group.oom_control()["oom_kill"] == 0
    target.say("collect")
    target.say("remember 150")
    refused = relieve_cgroup(whyoom, target.group, state, "--undo", code=UNSUPPORTED)
    assert "would kill" in refused.stderr and limits_of(target.group)[0] == 320 * MIB
    target.stop()
    relieve_cgroup(whyoom, target.group, state, "--undo")
    assert limits_of(target.group) == old and not list(state.iterdir())
    assert "nothing to undo" in relieve_cgroup(whyoom, target.group, state, "--undo").stdout


def test_a_limit_is_raised_within_what_is_above(cgroup, whyoom, state):
    above = cgroup(ROOM)
    above.write("memory.use_hierarchy", 1)
    below = above.path / "below"
    below.mkdir()
    try:
        (below / "memory.limit_in_bytes").write_text(str(128 * MIB))
        refused = whyoom("relieve", "--cgroup", below, "--limit", "+100%", "--state", state,
                         code=USAGE)
        assert str(above.path) in refused.stderr and "192 MiB is the most" in refused.stderr
        assert int((below / "memory.limit_in_bytes").read_text()) == 128 * MIB
        whyoom("relieve", "--cgroup", below, "--limit", "+25%", "--state", state)
        assert int((below / "memory.limit_in_bytes").read_text()) == 160 * MIB
        (below / "memory.limit_in_bytes").write_text(str(150 * MIB))
        left = whyoom("relieve", "--cgroup", below, "--undo", "--state", state).stdout
        assert "left alone" in left
        assert int((below / "memory.limit_in_bytes").read_text()) == 150 * MIB
    finally:
        below.rmdir()


def test_more_than_the_node_has_is_refused(cgroup, whyoom, state):
    group = cgroup(ROOM)
    refused = relieve_cgroup(whyoom, group, state, "--limit", "512TiB", code=USAGE)
    assert "the node" in refused.stderr and limits_of(group)[0] == ROOM
    refused = relieve_cgroup(whyoom, group, state, "--limit", "100MiB", code=USAGE)
    assert "is no more" in refused.stderr
    unlimited = cgroup(None)
    relieve_cgroup(whyoom, unlimited, state, "--limit", "+25%", code=USAGE)


# ---- the command line ----

@pytest.mark.parametrize("arguments", [
    ["relieve"], ["relieve", "1", "2"], ["relieve", "x"], ["relieve", "1", "--limit", "1GiB"],
    ["relieve", "1", "--memory-limit", "much"], ["relieve", "1", "--memory-limit", "0"],
    ["relieve", "1", "--gogc", "0"], ["relieve", "1", "--gogc", "-1"],
    ["relieve", "1", "--undo", "--gogc", "5"], ["relieve", "--cgroup", "/x"],
    ["relieve", "--cgroup", "/x", "--limit", "+0%"], ["relieve", "--cgroup", "/x", "--limit", "%"],
    ["relieve", "--cgroup", "/x", "--limit", "+1%", "--undo"],
    ["relieve", "--cgroup", "/x", "--limit", "+1%", "--gogc", "5"], ["profiler"],
    ["profiler", "on"], ["profiler", "maybe", "1"], ["profiler", "0", "1"],
    ["profiler", "9GiB", "1"], ["profiler", "1", "2", "3"],
], ids=" ".join)
def test_usage_errors(whyoom, arguments):
    failed = whyoom(*arguments, code=USAGE)
    assert failed.stdout == "" and "whyoom" in failed.stderr


@pytest.mark.parametrize("command", ["relieve", "profiler"])
def test_help(whyoom, command):
    out = whyoom(command, "--help").stdout
    assert "examples:" in out and "--undo" in out and f"whyoom {command} " in out
