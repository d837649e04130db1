# SPDX-License-Identifier: Apache-2.0
"""Goroutines as texts tell of them: dumps in the form of the runtime's own, and profiles of pprof."""

import gzip
import re
from collections import Counter
from dataclasses import dataclass, field

HEADER = re.compile(r"goroutine (\d+) \[([^\]]*)\](?: \{(.*)\})?:")
ELIDED = re.compile(r"\.\.\.(\d+|additional) frames elided\.\.\.")


@dataclass
class Goroutine:
    id: int
    state: str  # "chan receive"
    minutes: int
    rest: list  # "locked to thread"
    labels: str
    frames: list = field(default_factory=list)  # (function, "file:line", "+0x1d" or "")
    elided: list = field(default_factory=list)  # (how many frames stand before it, how many are left out)
    created_by: tuple = ()  # (function, id of the parent or None, "file:line", offset)


def _place(line):
    place, _, offset = line.strip().partition(" ")
    return place, offset


def _header(line):
    match = HEADER.fullmatch(line)
    assert match, line
    state, *rest = match[2].split(", ")
    minutes = [int(word.split()[0]) for word in rest if word.endswith(" minutes")]
    rest = [word for word in rest if not word.endswith(" minutes")]
    return Goroutine(int(match[1]), state, minutes[0] if minutes else 0, rest, match[3] or "")


def _block(lines):
    goroutine = _header(lines[0])
    at = 1
    while at < len(lines):
        line = lines[at]
        elided = ELIDED.fullmatch(line)
        if elided:
            goroutine.elided.append((len(goroutine.frames), elided[1]))
            at += 1
        elif line.startswith("\t"):  # "stack unavailable"
            at += 1
        elif line.startswith("created by "):
            words = re.fullmatch(r"created by (.*?)(?: in goroutine (\d+))?", line)
            parent = int(words[2]) if words[2] else None
            goroutine.created_by = (words[1], parent, *_place(lines[at + 1]))
            at += 2
        else:
            assert line.endswith(")"), line
            depth, cut = 0, len(line)  # the arguments are the last parentheses: "main.(*T).f({0x1, ...})"
            while True:
                cut -= 1
                depth += (line[cut] == ")") - (line[cut] == "(")
                if depth == 0:
                    break
            goroutine.frames.append((line[:cut], *_place(lines[at + 1])))
            at += 2
    return goroutine


def parse_dump(text):
    """{id: Goroutine}"""
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    goroutines = [_block(block) for block in blocks]
    assert len({goroutine.id for goroutine in goroutines}) == len(goroutines)
    return {goroutine.id: goroutine for goroutine in goroutines}


def frames_of_runtime(theirs, ours, minor):
    """Our whole stack, cut as the runtime of Go 1.`minor` cut its own in the dump `theirs`."""
    if not theirs.elided:
        # Up to Go 1.20 the hundred innermost, without a word; those that are hidden count too.
        silent = minor <= 20 and len(theirs.frames) > 90
        return ours.frames[:len(theirs.frames)] if silent else ours.frames
    (before, count), behind = theirs.elided[0], len(theirs.frames) - theirs.elided[0][0]
    if count != "additional":
        assert len(ours.frames) + sum(int(n) for _, n in ours.elided) == before + int(count) + behind
    return ours.frames[:before] + (ours.frames[-behind:] if behind else [])


# Just what is needed of profile.proto, by hand: pprof's own text cuts long labels and stacks.
def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _fields(data):
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key & 7 == 0:
            value, at = _varint(data, at)
        else:
            assert key & 7 == 2
            size, at = _varint(data, at)
            value, at = data[at:at + size], at + size
        yield key >> 3, value


def _numbers(value):
    if isinstance(value, int):
        return [value]
    numbers, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        numbers.append(number)
    return numbers


def _scalars(data):
    return {number: value for number, value in _fields(data)}


def parse_profile(path):
    """Counter of ((labels), (frames, innermost first, each (address, lines))) in a goroutine profile."""
    data = path.read_bytes()
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    fields = list(_fields(data))
    texts = [value.decode() for number, value in fields if number == 6]
    types = [_scalars(value) for number, value in fields if number == 1]
    assert [(texts[t[1]], texts[t[2]]) for t in types] == [("goroutine", "count")]
    functions = {f[1]: (texts[f[2]], texts[f[4]]) for f in
                 (_scalars(value) for number, value in fields if number == 5)}
    locations = {}
    for value in (value for number, value in fields if number == 4):
        scalars = _scalars(value)
        lines = [_scalars(line) for number, line in _fields(value) if number == 4]
        locations[scalars[1]] = (scalars.get(3, 0), tuple(
            (*functions[line[1]], line.get(2, 0)) for line in lines))
    samples = Counter()
    for value in (value for number, value in fields if number == 2):
        stack, count, labels = [], 0, []
        for number, part in _fields(value):
            if number == 1:
                stack += [locations[i] for i in _numbers(part)]
            elif number == 2:
                count = _numbers(part)[0]
            elif number == 3:
                label = _scalars(part)
                labels.append((texts[label[1]], texts[label.get(2, 0)]))
        samples[tuple(sorted(labels)), tuple(stack)] += count
    return samples
