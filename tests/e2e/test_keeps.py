# SPDX-License-Identifier: Apache-2.0
"""What lies in pools and waits in channels, number for number as the program says: it measured each
object with runtime.MemStats when it made it."""

import json

import pytest

FORMS = ["keeps", "keeps-stripped"]
QUEUES = ["pointers", "wrapped", "structs", "inlined", "full", "long", "two", "none"]


def facts(whyoom, target):
    return json.loads(whyoom("why", target.pid, "--json").stdout)["facts"]["numbers"]


def compare(seen, truth, names):
    assert {name: seen[name] for name in names} == {name: truth[name] for name in names}


POOLS = ["pools", "pools.objects", "pools.bytes", "pools.largest"]
QUEUE = ["queue.address", "queue.length", "queue.capacity", "queue.bytes", "queue.senders"]


@pytest.mark.parametrize("form", FORMS)
def test_pools_hold_what_was_put_there(whyoom, start, version, form, tmp_path):
    """In parts of several processors, in the lists of now and of before the last collection; less
    what was taken out again."""
    target = start(form, version)
    target.say("pools")
    seen = facts(whyoom, target)
    truth = target.ask_json("truth-to", tmp_path / "truth.json")
    assert truth["pools.objects"] > 500 and truth["pools.bytes"] > 2 << 20
    compare(seen, truth, POOLS)


@pytest.mark.parametrize("form", FORMS)
def test_a_collection_drops_what_was_not_used(whyoom, start, version, form, tmp_path):
    target = start(form, version)
    target.say("pools")
    target.say("collect")
    once = facts(whyoom, target)  # of two fillings with a collection between the later one is left
    target.say("collect")
    twice = facts(whyoom, target)
    truth = target.ask_json("truth-to", tmp_path / "truth.json")
    assert 0 < once["pools.objects"] < truth["pools.objects"]
    assert 0 < once["pools.bytes"] < truth["pools.bytes"]
    assert twice["pools"] == twice["pools.objects"] == twice["pools.bytes"] == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", QUEUES)
def test_a_channel_has_what_was_sent(whyoom, start, version, form, kind, tmp_path):
    target = start(form, version)
    target.say(f"queue {kind}")
    seen = facts(whyoom, target)
    truth = target.ask_json("truth-to", tmp_path / "truth.json")
    assert (truth["queue.length"] > 0) == (kind != "none")
    assert seen["queue.receivers"] == 0
    compare(seen, truth, QUEUE)


def test_a_program_without_pools_and_queues_has_none(whyoom, start, version):
    seen = facts(whyoom, start("noprof", version))
    assert seen["pools.objects"] <= 1, "that of fmt, by which it said that it is ready"
    assert seen["queue.length"] == seen["queue.bytes"] == seen["queue.address"] == 0
