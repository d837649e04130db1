# SPDX-License-Identifier: Apache-2.0
"""The peak memory of a command. The kernel lets a child begin with its parent's peak, which for a Python
program is more than what is to be measured; GNU time is small, and forks it instead."""

from pathlib import Path


def with_peak(command, path):
    """The command that runs `command` and leaves its peak in the file `path`."""
    return ["/usr/bin/time", "--quiet", "--format=%M", f"--output={path}", *map(str, command)]


def peak_mib(path):
    return int(Path(path).read_text().split()[-1]) / 1024
