# SPDX-License-Identifier: Apache-2.0
"""The stacks of a profile with their exact numbers, as `go tool pprof -traces` prints them."""

import re
from collections import Counter

from harness import minor_of, run_pprof

EVERYTHING = ["-nodecount=0", "-nodefraction=0", "-edgefraction=0"]


def traces_of(path, sample_type, limit=None):
    """{(value, frames): how often}; frames from the leaf on, at most `limit` of them. Which ones are
    inlined is left out: Go 1.13 and earlier do not say."""
    unit = "B" if sample_type.endswith("_space") else "nanoseconds"  # nothing is rounded then
    lines = run_pprof("-traces", f"-unit={unit}", f"-sample_index={sample_type}", *EVERYTHING,
                      path)
    stacks = re.split(r"^-+\+-+\n", "\n".join(lines) + "\n", flags=re.MULTILINE)[1:]
    found = Counter()
    for stack in filter(str.strip, stacks):
        # Lines of labels, then the value in front of the first frame, then the others.
        value, rest = re.search(r"^ *(-?\d+)[a-zA-Z]* {3}(\S.*)", stack,
                                re.MULTILINE | re.DOTALL).groups()
        frames = [line.strip().replace(" (inline)", "") for line in rest.splitlines()]
        found[int(value), tuple(frames[:limit])] += 1
    return found


def frames_kept_by(version):
    """How many frames that Go writes of one stack, unless GODEBUG=profstackdepth says more. None: Go
    1.11 counts physical ones, and so cuts its stacks and ours at the same place."""
    if minor_of(version) == 11:
        return None
    return 128 if minor_of(version) >= 23 else 32
